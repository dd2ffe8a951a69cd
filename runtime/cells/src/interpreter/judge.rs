//! Whether Rust is whole, open or wrong, by its lexer and parser.

use ra_ap_rustc_lexer::{
    DocStyle, FrontmatterAllowed, LiteralKind, RawStrError, TokenKind, tokenize, validate_raw_str,
};
use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{Edition, SourceFile, SyntaxError};

/// Whether Rust parses as it stands.
pub(super) fn is_whole(rust: &str) -> bool {
    matches!(judge(rust, 1), Verdict::Whole)
}

/// What is to be said of Rust.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It parses.
    Whole,
    /// A delimiter, string or comment is open.
    Open { indent: String },
    /// It ends too early, with nothing open.
    Unfinished { message: String },
    /// It is wrong before its end.
    Wrong { message: String },
}

/// White space a delimiter.
const INDENT: &str = "    ";

/// What the parser is given around the Rust of a cell, which is a block's.
const BEFORE: &str = "fn cell() {\n";
const AFTER: &str = "\n}";

pub(super) fn judge(rust: &str, first_line: usize) -> Verdict {
    let at_line =
        |byte: usize, message: &str| format!("line {}: {message}", first_line + rust[..byte].matches('\n').count());
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut position = 0;
    // Where the last token ends that is more than white space or a comment.
    let mut end = 0;
    let mut doc_comment = false;
    for token in tokenize(rust, FrontmatterAllowed::No) {
        let text = &rust[position..][..token.len as usize];
        let wrong = |message: &str| Verdict::Wrong { message: at_line(position, message) };
        match token.kind {
            TokenKind::Whitespace => {}
            TokenKind::BlockComment { terminated: false, .. } => return Verdict::Open { indent: String::new() },
            TokenKind::LineComment { doc_style } | TokenKind::BlockComment { doc_style, .. } => {
                doc_comment |= doc_style == Some(DocStyle::Outer);
            }
            kind => {
                (end, doc_comment) = (position + text.len(), false);
                match kind {
                    TokenKind::OpenBrace => open.push(('}', position)),
                    TokenKind::OpenBracket => open.push((']', position)),
                    TokenKind::OpenParen => open.push((')', position)),
                    TokenKind::CloseBrace | TokenKind::CloseBracket | TokenKind::CloseParen => match open.pop() {
                        Some((expected, _)) if text.starts_with(expected) => {}
                        Some((expected, from)) => {
                            let line = first_line + rust[..from].matches('\n').count();
                            return wrong(&format!(
                                "expected `{expected}` for the `{}` of line {line}, found `{text}`",
                                &rust[from..=from],
                            ));
                        }
                        None => return wrong(&format!("`{text}` closes nothing")),
                    },
                    TokenKind::Literal { kind, .. } => match literal(kind, text) {
                        Literal::Whole => {}
                        Literal::Open => return Verdict::Open { indent: String::new() },
                        Literal::Wrong(message) => return wrong(message),
                    },
                    _ => {}
                }
            }
        }
        position += text.len();
    }
    if !open.is_empty() {
        return Verdict::Open { indent: INDENT.repeat(open.len()) };
    }
    if doc_comment {
        return Verdict::Unfinished { message: at_line(end, "expected an item after its doc comment") };
    }
    let parsed = SourceFile::parse(&format!("{BEFORE}{rust}{AFTER}"), Edition::Edition2024);
    let place = |error: &SyntaxError| usize::from(error.range().start()).saturating_sub(BEFORE.len()).min(rust.len());
    let errors = parsed.errors();
    if errors.len() == 1 && lacks_its_semicolon(&parsed.tree()) {
        return Verdict::Whole;
    }
    let Some(error) = errors.into_iter().min_by_key(place) else { return Verdict::Whole };
    let place = place(&error);
    let message = at_line(place, &in_rust(&error.to_string()));
    if place >= end { Verdict::Unfinished { message } } else { Verdict::Wrong { message } }
}

/// Whether the last statement is a `let` with a value and without its `;`,
/// which a cell is given where it is run.
fn lacks_its_semicolon(parsed: &SourceFile) -> bool {
    let Some(list) = parsed.syntax().descendants().find_map(ast::StmtList::cast) else { return false };
    let last = list.statements().last().filter(|_| list.tail_expr().is_none());
    matches!(last, Some(ast::Stmt::LetStmt(last)) if last.semicolon_token().is_none() && last.initializer().is_some())
}

/// The parser's message with tokens as they are written: `;` for `SEMICOLON`.
fn in_rust(message: &str) -> String {
    let written = |word| TOKENS.iter().find(|(name, _)| *name == word).map(|(_, text)| format!("`{text}`"));
    message.split(' ').map(|word| written(word).unwrap_or_else(|| word.to_owned())).collect::<Vec<_>>().join(" ")
}

/// The parser's names of the tokens that it misses most.
const TOKENS: &[(&str, &str)] = &[
    ("SEMICOLON", ";"),
    ("COMMA", ","),
    ("COLON", ":"),
    ("EQ", "="),
    ("PIPE", "|"),
    ("FAT_ARROW", "=>"),
    ("THIN_ARROW", "->"),
    ("L_PAREN", "("),
    ("R_PAREN", ")"),
    ("L_BRACK", "["),
    ("R_BRACK", "]"),
    ("L_CURLY", "{"),
    ("R_CURLY", "}"),
    ("L_ANGLE", "<"),
    ("R_ANGLE", ">"),
    ("IN_KW", "in"),
];

enum Literal {
    Whole,
    Open,
    Wrong(&'static str),
}

/// A literal's end. One that a line break ends cannot be closed any more.
fn literal(kind: LiteralKind, text: &str) -> Literal {
    match kind {
        LiteralKind::Str { terminated: false }
        | LiteralKind::ByteStr { terminated: false }
        | LiteralKind::CStr { terminated: false } => Literal::Open,
        LiteralKind::RawStr { n_hashes: None } => raw(text, 1),
        LiteralKind::RawByteStr { n_hashes: None } | LiteralKind::RawCStr { n_hashes: None } => raw(text, 2),
        LiteralKind::Char { terminated: false } | LiteralKind::Byte { terminated: false } => {
            Literal::Wrong("a character literal is not closed")
        }
        _ => Literal::Whole,
    }
}

fn raw(text: &str, prefix: u32) -> Literal {
    match validate_raw_str(text, prefix) {
        Err(RawStrError::InvalidStarter { .. }) => Literal::Wrong("a raw string begins with `r`, any `#` and a `\"`"),
        Err(RawStrError::TooManyDelimiters { .. }) => Literal::Wrong("a raw string has more than 255 `#`"),
        Ok(()) | Err(RawStrError::NoTerminator { .. }) => Literal::Open,
    }
}
