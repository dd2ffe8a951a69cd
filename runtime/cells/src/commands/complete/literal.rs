//! Whether the end of a text is a string that names a model: the first argument
//! of a function of the prelude that takes one.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

/// Functions of the prelude whose first argument is a model.
const TAKE_A_MODEL: &[&str] = &[
    "accelerate",
    "answer",
    "bench",
    "chat",
    "classify",
    "embed",
    "entities",
    "fill_mask",
    "generate",
    "model",
    "rerank",
    "zero_shot",
];

/// What is written of the model's name so far.
pub(super) fn model(rust: &str) -> Option<&str> {
    let mut position = 0;
    // The last two tokens that are more than white space or a comment.
    let mut function = "";
    let mut parenthesis = false;
    for token in tokenize(rust, FrontmatterAllowed::No) {
        let text = &rust[position..][..token.len as usize];
        position += text.len();
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => {}
            TokenKind::Literal { kind: LiteralKind::Str { terminated: false }, .. } => {
                let name = text.strip_prefix('"')?;
                let is_plain = !name.contains(['\\', '\n']);
                return (parenthesis && TAKE_A_MODEL.contains(&function) && is_plain).then_some(name);
            }
            TokenKind::Ident => (function, parenthesis) = (text, false),
            TokenKind::OpenParen => {
                if parenthesis {
                    function = "";
                }
                parenthesis = true;
            }
            _ => (function, parenthesis) = ("", false),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_of_a_function_that_takes_a_model() {
        assert_eq!(model("accelerate(\""), Some(""));
        assert_eq!(model("let run = accelerate( /* it */ \"all-M"), Some("all-M"));
        assert_eq!(model("embed(\"é"), Some("é"));
        assert_eq!(model("accelerate(\"m\", \"te"), None);
        assert_eq!(model("accelerate((\"m"), None);
        assert_eq!(model("accelerate(\"m\""), None);
        assert_eq!(model("println!(\"accelerate("), None);
        assert_eq!(model("// accelerate(\""), None);
        assert_eq!(model("accelerate"), None);
    }
}
