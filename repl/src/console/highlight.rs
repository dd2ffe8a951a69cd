//! Colours of code that is being typed: Rust by the compiler's own lexer, lines
//! that begin with `:` as commands.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

use pelago_render::paint::{Ink, Paint};

/// The words that a cell's edition of Rust keeps for itself.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self",
    "static", "struct", "super", "trait", "true", "type", "union", "unsafe", "use", "where", "while", "yield",
];

/// A cell's text with colours, of the same width.
pub(super) fn cell(text: &str, paint: Paint) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    // Rust is looked at in one piece up to the next command: a string or a
    // comment may go over lines.
    let (mut start, mut position) = (0, 0);
    for line in text.split_inclusive('\n') {
        if is_command(line) {
            rust(&mut out, &text[start..position], paint);
            command(&mut out, line, paint);
            start = position + line.len();
        }
        position += line.len();
    }
    rust(&mut out, &text[start..], paint);
    out
}

/// Whether a line is a `:command`.
pub(super) fn is_command(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix(':');
    rest.is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_alphabetic()))
}

/// `:name` and its `--options` in colour, quoted words too.
fn command(out: &mut String, line: &str, paint: Paint) {
    let mut rest = line;
    while !rest.is_empty() {
        let blank = rest.len() - rest.trim_start().len();
        let (before, word_on) = rest.split_at(blank);
        out.push_str(before);
        let end = match word_on.chars().next() {
            Some(quote @ ('"' | '\'')) => word_on[1..].find(quote).map(|end| end + 2),
            _ => word_on.find(char::is_whitespace),
        };
        let (word, after) = word_on.split_at(end.unwrap_or(word_on.len()));
        match word.chars().next() {
            Some(':') => paint.push(out, Ink::Command, word),
            Some('"' | '\'') => paint.push(out, Ink::Literal, word),
            Some('-') if word.starts_with("--") => paint.push(out, Ink::Keyword, word),
            _ => out.push_str(word),
        }
        rest = after;
    }
}

fn rust(out: &mut String, text: &str, paint: Paint) {
    let mut position = 0;
    for token in tokenize(text, FrontmatterAllowed::No) {
        let end = position + token.len as usize;
        let word = &text[position..end];
        match ink(token.kind, word, &text[end..]) {
            Some(ink) => paint.push(out, ink, word),
            None => out.push_str(word),
        }
        position = end;
    }
}

fn ink(kind: TokenKind, word: &str, after: &str) -> Option<Ink> {
    match kind {
        TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => Some(Ink::Dim),
        TokenKind::Literal { kind: LiteralKind::Int { .. } | LiteralKind::Float { .. }, .. } => Some(Ink::Number),
        TokenKind::Literal { .. } => Some(Ink::Literal),
        TokenKind::Lifetime { .. } | TokenKind::RawLifetime => Some(Ink::Type),
        TokenKind::Ident if KEYWORDS.contains(&word) => Some(Ink::Keyword),
        TokenKind::Ident if word.starts_with(char::is_uppercase) => Some(Ink::Type),
        TokenKind::Ident if after.starts_with('(') || is_macro(after) => Some(Ink::Call),
        _ => None,
    }
}

/// `!` and what a macro's call goes on with; `!=` is none.
fn is_macro(after: &str) -> bool {
    after.strip_prefix('!').is_some_and(|rest| rest.trim_start().starts_with(['(', '[', '{']))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let painted = cell(text, Paint { on: true });
        assert_eq!(console::strip_ansi_codes(&painted), text, "the text itself is kept");
        let visible = painted.replace("\x1b[0m", "›").replace("\x1b[", "‹");
        expected.assert_eq(&visible);
    }

    #[test]
    fn rust_has_colours() {
        check(
            "let x: Vec<u8> = f(\"a\", 1.5)?; // so",
            expect![[r#"‹35mlet› x: ‹33mVec›<u8> = ‹34mf›(‹32m"a"›, ‹36m1.5›)?; ‹2m// so›"#]],
        );
        check(
            "println!(\"{x}\"); a != b && Some('c') == d::<'a>()",
            expect![[r#"‹34mprintln›!(‹32m"{x}"›); a != b && ‹33mSome›(‹32m'c'›) == d::<‹33m'a›>()"#]],
        );
    }

    #[test]
    fn commands_have_colours_too() {
        check(
            ":accelerate tiny \"two words\" --platform wasm\nlet a = \"over\n:lines\";",
            expect![[r#"
            ‹1;36m:accelerate› tiny ‹32m"two words"› ‹35m--platform› wasm
            ‹35mlet› a = ‹32m"over
            ›‹1;36m:lines";›"#]],
        );
        check(
            "a\n  ::b()",
            expect![[r#"
            a
              ::‹34mb›()"#]],
        );
    }

    #[test]
    fn unfinished_text_is_kept() {
        for text in [":", ": x", ":a \"x", "\"abc", "/* a", "'", "r#\"", "\u{0}é🦀 日本", ":é \"é"] {
            let painted = cell(text, Paint { on: true });
            assert_eq!(console::strip_ansi_codes(&painted), text);
        }
    }
}
