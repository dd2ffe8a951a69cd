//! A cell's text cut into `:commands` and Rust, by Rust's own lexer. It does
//! not know which commands there are.

use std::ops::Range;

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

use super::judge::is_whole;

/// A part of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code<'a> {
    /// A line that begins with `:`, after white space, and the lines that it
    /// goes on in: those after a `\` at a line's end.
    Command {
        /// The lines, without the `:` and without white space around them; a
        /// `\` and the line break after it are still there.
        line: &'a str,
        /// The number of the first one in the cell, from 1.
        number: usize,
    },
    /// Lines of Rust.
    Rust {
        /// The lines, as they stand.
        text: &'a str,
        /// The number of the first one in the cell, from 1.
        first_line: usize,
    },
}

/// The parts of a cell, in order. Blank Rust parts are left out.
///
/// A `:` begins a command only where a Rust statement could begin: at the start
/// of the cell, or after a line that is itself a command or blank, or that
/// closes a statement. Inside a string, a comment or an open delimiter it is
/// Rust, and a path that is broken before `::` stays Rust.
#[must_use]
pub(super) fn split(cell: &str) -> Vec<Code<'_>> {
    let mut number = 1;
    let mut split = Vec::new();
    for part in parts(cell) {
        let text = &cell[part.range()];
        match part {
            Part::Command(_) => {
                let line = text.trim_start().trim_start_matches(':').trim();
                split.push(Code::Command { line, number });
            }
            Part::Rust(_) if text.trim().is_empty() => {}
            Part::Rust(_) => split.push(Code::Rust { text, first_line: number }),
        }
        number += text.matches('\n').count();
    }
    split
}

/// Where in a cell a byte is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a command, or at its end: its bytes, from after its `:` to before the line break.
    Command(Range<usize>),
    /// In Rust: the bytes of its lines.
    Rust(Range<usize>),
}

/// Where in a cell the byte `at` is.
#[must_use]
pub(crate) fn place(cell: &str, at: usize) -> Place {
    for part in parts(cell) {
        match part {
            Part::Command(range) => {
                let text = &cell[range.clone()];
                let name = range.start + text.len() - text.trim_start().len() + 1;
                let end = range.start + text.trim_end_matches(['\n', '\r']).len();
                if name <= at && at <= end {
                    return Place::Command(name..end);
                }
            }
            Part::Rust(range) if range.contains(&at) || at == cell.len() && range.end == at => {
                return Place::Rust(range);
            }
            Part::Rust(_) => {}
        }
    }
    Place::Rust(at..at)
}

/// Bytes of whole lines.
#[derive(Clone, Debug)]
enum Part {
    Command(Range<usize>),
    Rust(Range<usize>),
}

impl Part {
    fn range(&self) -> Range<usize> {
        match self {
            Self::Command(range) | Self::Rust(range) => range.clone(),
        }
    }
}

fn parts(cell: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut start = 0;
    while let Some(begin) = next_command(&cell[start..]) {
        let begin = start + begin;
        parts.push(Part::Rust(start..begin));
        start = begin + lines_of_command(&cell[begin..]);
        parts.push(Part::Command(begin..start));
    }
    parts.push(Part::Rust(start..cell.len()));
    parts
}

/// Where the line begins that holds the first command of a text, which begins
/// with a line of its own.
fn next_command(text: &str) -> Option<usize> {
    let mut position = 0;
    let mut depth = 0_usize;
    // Where the line begins that had nothing but white space so far.
    let mut line = Some(0);
    // Whether a statement could begin here, as far as the tokens tell.
    let mut may_begin = true;
    // Whether the parser found the statement open: it stays so until a token closes it.
    let mut open = false;
    for token in tokenize(text, FrontmatterAllowed::No) {
        let rest = &text[position..];
        let here = &rest[..token.len as usize];
        match token.kind {
            TokenKind::Whitespace => {
                if let Some(last) = here.rfind('\n') {
                    line = Some(position + last + 1);
                    may_begin |= here.matches('\n').count() > 1;
                }
            }
            TokenKind::LineComment { .. } | TokenKind::BlockComment { .. } => line = None,
            kind => {
                if kind == TokenKind::Colon
                    && depth == 0
                    && let Some(line) = line
                    && may_be_named(&rest[1..])
                {
                    if may_begin || (!open && is_whole(&text[..line])) {
                        return Some(line);
                    }
                    open = true;
                }
                match kind {
                    TokenKind::OpenBrace | TokenKind::OpenBracket | TokenKind::OpenParen => depth += 1,
                    TokenKind::CloseBrace | TokenKind::CloseBracket | TokenKind::CloseParen => {
                        depth = depth.saturating_sub(1);
                    }
                    _ => {}
                }
                line = None;
                may_begin = matches!(kind, TokenKind::Semi | TokenKind::CloseBrace);
                open &= !may_begin;
            }
        }
        position += here.len();
    }
    None
}

/// Whether what follows a `:` can be a command's name, or one that is not yet written.
fn may_be_named(rest: &str) -> bool {
    rest.chars().next().is_none_or(|first| first.is_ascii_alphabetic() || first == '\n' || first == '\r')
}

/// Bytes of a command's lines, the last line break among them.
fn lines_of_command(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if !line.trim_end_matches(['\n', '\r']).ends_with('\\') {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(cell: &str, expected: Expect) {
        let parts = split(cell).into_iter().map(|part| match part {
            Code::Command { line, number } => format!("{number} :{line:?}\n"),
            Code::Rust { text, first_line } => format!("{first_line} rust {text:?}\n"),
        });
        expected.assert_eq(&parts.collect::<String>());
    }

    #[test]
    fn commands_stand_between_statements() {
        check(
            ":browsers\nlet a = 1;\n  :models  \na\n:vars\n\n:help",
            expect![[r#"
                1 :"browsers"
                2 rust "let a = 1;\n"
                3 :"models"
                4 rust "a\n"
                5 :"vars"
                7 :"help"
            "#]],
        );
        check(
            "fn f() {}\n:help",
            expect![[r#"
            1 rust "fn f() {}\n"
            2 :"help"
        "#]],
        );
        check(
            "// what there is\n:help\r\n:vars\r\n",
            expect![[r#"
            1 rust "// what there is\n"
            2 :"help"
            3 :"vars"
        "#]],
        );
        check("", expect![[""]]);
        check("\n \n", expect![[""]]);
    }

    #[test]
    fn a_backslash_at_the_end_goes_on() {
        check(
            ":sql SELECT 1 \\\n  FROM runs\n1 + 1",
            expect![[r#"
            1 :"sql SELECT 1 \\\n  FROM runs"
            3 rust "1 + 1"
        "#]],
        );
        check(
            ":sql SELECT 1 \\\r\n  FROM runs\r\n",
            expect![[r#"
            1 :"sql SELECT 1 \\\r\n  FROM runs"
        "#]],
        );
        check(
            ":sql SELECT 1 \\",
            expect![[r#"
            1 :"sql SELECT 1 \\"
        "#]],
        );
        check(
            ":sql SELECT 1 \\\n",
            expect![[r#"
            1 :"sql SELECT 1 \\"
        "#]],
        );
    }

    #[test]
    fn elsewhere_a_colon_is_rust() {
        check(
            "let a = \"\n:help\";",
            expect![[r#"
            1 rust "let a = \"\n:help\";"
        "#]],
        );
        check(
            "let a = r#\"\n:help\"#;",
            expect![[r##"
            1 rust "let a = r#\"\n:help\"#;"
        "##]],
        );
        check(
            "/*\n:help\n*/",
            expect![[r#"
            1 rust "/*\n:help\n*/"
        "#]],
        );
        check(
            "let p = P {\n  a\n:help };",
            expect![[r#"
            1 rust "let p = P {\n  a\n:help };"
        "#]],
        );
        check(
            "std\n::mem::drop(1)",
            expect![[r#"
            1 rust "std\n::mem::drop(1)"
        "#]],
        );
        check(
            "let a\n:i32 = 5;\n:vars",
            expect![[r#"
            1 rust "let a\n:i32 = 5;\n"
            3 :"vars"
        "#]],
        );
        check(
            "fn f<T>() where T\n:Clone {}",
            expect![[r#"
            1 rust "fn f<T>() where T\n:Clone {}"
        "#]],
        );
        check(
            "let c = ':';\nlet l: &'static str = \"\";",
            expect![[r#"
            1 rust "let c = ':';\nlet l: &'static str = \"\";"
        "#]],
        );
        check(
            ": help",
            expect![[r#"
            1 rust ": help"
        "#]],
        );
    }

    #[test]
    fn a_blank_line_ends_what_is_open_without_a_delimiter() {
        check(
            "let a =\n\n:vars",
            expect![[r#"
            1 rust "let a =\n\n"
            3 :"vars"
        "#]],
        );
        check(
            "let a\n:i32\n:u8\n:help\n= 5;\n:vars",
            expect![[r#"
            1 rust "let a\n:i32\n:u8\n:help\n= 5;\n"
            6 :"vars"
        "#]],
        );
        check(
            "let a = [\n\n:vars",
            expect![[r#"
            1 rust "let a = [\n\n:vars"
        "#]],
        );
    }

    #[test]
    fn a_place_is_in_a_command_or_in_rust() {
        let cell = "é\n\n  :help acc\n1";
        let at = |at| match place(cell, at) {
            Place::Command(range) => (true, &cell[range]),
            Place::Rust(range) => (false, &cell[range]),
        };
        let colon = cell.find(':').unwrap();
        assert_eq!(at(0), (false, "é\n\n"));
        assert_eq!(at(colon), (false, ""));
        assert_eq!(at(colon + 1), (true, "help acc"));
        assert_eq!(at(colon + 9), (true, "help acc"));
        assert_eq!(at(colon + 10), (false, "1"));
        assert_eq!(at(colon + 11), (false, "1"));
        assert_eq!(place(":", 1), Place::Command(1..1));
        assert_eq!(place(":help", 5), Place::Command(1..5));
    }
}
