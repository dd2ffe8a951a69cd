//! A cell that does not parse, in the compiler's words for the user's own text.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};
use serde_json::Value;

use super::compile_error::CompileError;
use super::places::Text;
use super::toolchain::Tools;

/// What stands before a cell's statements on their first line, for the compiler.
const OPEN: &str = "fn cell(){";

/// Why the cell does not parse; nothing where the compiler finds that it does.
pub(super) fn errors(tools: &Tools, text: &Text) -> Vec<CompileError> {
    let is_balanced = is_balanced(&text.text);
    // Of what is not balanced the compiler looks at the delimiters alone, so nothing may stand around it.
    let whole = if is_balanced { format!("{OPEN}{}\n}}", text.text) } else { text.text.clone() };
    let said = match tools.parse(&whole) {
        Ok(said) => said,
        Err(error) => {
            tracing::warn!(%error, "the compiler was not asked why a cell does not parse");
            return Vec::new();
        }
    };
    let messages = said.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // Names that earlier cells define are not known there: only what has no code is of the syntax.
    let of_syntax = messages.filter(|message| {
        let has_place = message["spans"].as_array().is_some_and(|spans| !spans.is_empty());
        has_place && (message["code"].is_null() || message["code"]["code"].as_str().is_some_and(is_of_literals))
    });
    let before = if is_balanced { OPEN.chars().count() } else { 0 };
    let place = |_: &str, line: usize, column: usize| {
        let column = if line == 1 { column.saturating_sub(before).max(1) } else { column };
        Some((text.clone(), line.checked_sub(1)?, column))
    };
    let lines = text.text.lines().count();
    let errors = of_syntax.map(|mut message| {
        let is_at_the_end = message["spans"].as_array().into_iter().flatten().any(|span| {
            span["is_primary"] == true && span["line_start"].as_u64().is_some_and(|line| line as usize > lines)
        });
        if is_at_the_end && let Some(told) = message["message"].as_str() {
            message["message"] = told.replace("found `}`", "found the end of the cell").into();
        }
        CompileError::of_json(&message, place)
    });
    errors.collect()
}

/// Codes of errors that the lexer finds.
fn is_of_literals(code: &str) -> bool {
    ["E0758", "E0762", "E0763", "E0765", "E0766", "E0768"].contains(&code)
}

/// Whether every delimiter and every literal is closed.
fn is_balanced(text: &str) -> bool {
    let (mut open, mut at, mut is_closed_in_turn) = (Vec::new(), 0, true);
    for token in tokenize(text, FrontmatterAllowed::No) {
        at += token.len as usize;
        match token.kind {
            TokenKind::OpenBrace => open.push('}'),
            TokenKind::OpenBracket => open.push(']'),
            TokenKind::OpenParen => open.push(')'),
            TokenKind::CloseBrace | TokenKind::CloseBracket | TokenKind::CloseParen => {
                is_closed_in_turn &= open.pop() == text[..at].chars().next_back();
            }
            TokenKind::BlockComment { terminated: false, .. } => return false,
            TokenKind::Literal { kind, .. } if !is_closed(kind) => return false,
            _ => {}
        }
    }
    is_closed_in_turn && open.is_empty()
}

fn is_closed(kind: LiteralKind) -> bool {
    match kind {
        LiteralKind::Char { terminated }
        | LiteralKind::Byte { terminated }
        | LiteralKind::Str { terminated }
        | LiteralKind::ByteStr { terminated }
        | LiteralKind::CStr { terminated } => terminated,
        LiteralKind::RawStr { n_hashes } | LiteralKind::RawByteStr { n_hashes } | LiteralKind::RawCStr { n_hashes } => {
            n_hashes.is_some()
        }
        LiteralKind::Int { .. } | LiteralKind::Float { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_not_balanced() {
        for whole in ["let y 3", "f(\"(\")", "/* { */", "r#\"{\"#", "'{'"] {
            assert!(is_balanced(whole), "{whole}");
        }
        for open in ["{", "println!(\"a\"", "let v = vec![1,2", "(]", "\"a", "r#\"a\"", "/* a", "}"] {
            assert!(!is_balanced(open), "{open}");
        }
    }
}
