//! What is a whole cell, case by case, and what must hold of every text.

use expect_test::{Expect, expect};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, tokenize};

use super::super::code::{Code, Place, place, split};
use super::{Completeness, completeness};

fn check(cells: &[&str], expected: Expect) {
    let lines = cells.iter().map(|cell| {
        let verdict = match completeness(cell) {
            Completeness::Complete => "complete".to_owned(),
            Completeness::Incomplete { indent } => format!("incomplete {}", indent.len()),
            Completeness::Invalid { message } => format!("invalid: {message}"),
        };
        format!("{cell:?} {verdict}\n")
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn what_parses_is_complete() {
    check(
        &[
            "",
            "  \n",
            "// nothing",
            "1 + 1",
            "let x = 1;",
            "let x = 1; x",
            "x",
            "run.frame()",
            "foo\n    .bar()",
            "a..",
            "return",
            "fn f() {}",
            "struct A;",
            "pub struct P { x: i32 }",
            "#[derive(Debug)]\nstruct A;",
            "/// Doc.\nfn f() {}",
            "use std::fs;",
            "impl A { fn f(&self) -> u8 { 1 } }",
            "if x {}",
            "if x {} else {}",
            "match x { 1 => 2, _ => 3 }",
            "async { 1 }.await",
            "accelerate(\"m\", \"t\").run()?",
            "println!(\"}}{{\")",
            "macro_rules! m { () => { 1 } }",
            "let c = '{';",
            "let s = \"(\";",
            "let s = r#\"\" ( \"#;",
            "let l: &'static str = \"\";",
            "let v: Vec<u8> = vec![1, 2];",
            "|x| x + 1",
            "#![allow(unused)]\nlet x = 1;",
            "let Some(x) = y else { return };",
            "/* ( */",
            "const N: usize = 3;",
            "trait T { fn f(&self); }",
            "'a: loop { break 'a }",
            "let é = \"日本\"; é",
            "mod m { pub fn f() {} }",
            "let n = 1_000u64;",
            "let x = 1",
            "let mut v = vec![1, 2]",
            "1;\nlet x = if y { 1 } else { 2 } // why",
        ],
        expect![[r##"
            "" complete
            "  \n" complete
            "// nothing" complete
            "1 + 1" complete
            "let x = 1;" complete
            "let x = 1; x" complete
            "x" complete
            "run.frame()" complete
            "foo\n    .bar()" complete
            "a.." complete
            "return" complete
            "fn f() {}" complete
            "struct A;" complete
            "pub struct P { x: i32 }" complete
            "#[derive(Debug)]\nstruct A;" complete
            "/// Doc.\nfn f() {}" complete
            "use std::fs;" complete
            "impl A { fn f(&self) -> u8 { 1 } }" complete
            "if x {}" complete
            "if x {} else {}" complete
            "match x { 1 => 2, _ => 3 }" complete
            "async { 1 }.await" complete
            "accelerate(\"m\", \"t\").run()?" complete
            "println!(\"}}{{\")" complete
            "macro_rules! m { () => { 1 } }" complete
            "let c = '{';" complete
            "let s = \"(\";" complete
            "let s = r#\"\" ( \"#;" complete
            "let l: &'static str = \"\";" complete
            "let v: Vec<u8> = vec![1, 2];" complete
            "|x| x + 1" complete
            "#![allow(unused)]\nlet x = 1;" complete
            "let Some(x) = y else { return };" complete
            "/* ( */" complete
            "const N: usize = 3;" complete
            "trait T { fn f(&self); }" complete
            "'a: loop { break 'a }" complete
            "let é = \"日本\"; é" complete
            "mod m { pub fn f() {} }" complete
            "let n = 1_000u64;" complete
            "let x = 1" complete
            "let mut v = vec![1, 2]" complete
            "1;\nlet x = if y { 1 } else { 2 } // why" complete
        "##]],
    );
}

#[test]
fn an_open_delimiter_string_or_comment_waits() {
    check(
        &[
            "match x {",
            "fn f() {",
            "fn f() {\n    if a {",
            "fn f() {\n\n",
            "foo(",
            "foo(|x| {",
            "let v = vec![",
            "let s = \"abc",
            "let s = \"abc\n\n",
            "foo(\"abc",
            "let s = r#\"abc\"",
            "let s = b\"abc",
            "let s = c\"abc",
            "/* abc",
            "/* /* */",
            "#[derive(",
            "let s = \"\\\"",
            "{ // }",
            "struct P { x: i32,",
        ],
        expect![[r##"
            "match x {" incomplete 4
            "fn f() {" incomplete 4
            "fn f() {\n    if a {" incomplete 8
            "fn f() {\n\n" incomplete 4
            "foo(" incomplete 4
            "foo(|x| {" incomplete 8
            "let v = vec![" incomplete 4
            "let s = \"abc" incomplete 0
            "let s = \"abc\n\n" incomplete 0
            "foo(\"abc" incomplete 0
            "let s = r#\"abc\"" incomplete 0
            "let s = b\"abc" incomplete 0
            "let s = c\"abc" incomplete 0
            "/* abc" incomplete 0
            "/* /* */" incomplete 0
            "#[derive(" incomplete 8
            "let s = \"\\\"" incomplete 0
            "{ // }" incomplete 4
            "struct P { x: i32," incomplete 4
        "##]],
    );
}

#[test]
fn an_unfinished_statement_waits_for_one_line() {
    check(
        &[
            "let x =",
            "let x = 1 +",
            "let x = if y",
            "let x",
            "a +",
            "a + // more",
            "foo.",
            "foo\n    .",
            "!",
            "if x",
            "if x {} else",
            "fn f()",
            "fn",
            "pub",
            "struct A",
            "enum E",
            "impl A",
            "impl A for",
            "use std::",
            "use std::fs",
            "#[derive(Debug)]",
            "#[derive(Debug)]\n#[allow(unused)]",
            "/// Doc.",
            "match x",
            "for x in",
            "while",
            "|x|",
            "let v: Vec<",
            "x as",
            "&",
            "macro_rules! m",
            "println!",
            "unsafe",
            "async",
            "'a:",
            "let x =\n",
            "let x =\n    ",
            "let x =\n1",
            "fn f()\n\n",
        ],
        expect![[r##"
            "let x =" incomplete 0
            "let x = 1 +" incomplete 0
            "let x = if y" incomplete 0
            "let x" incomplete 0
            "a +" incomplete 0
            "a + // more" incomplete 0
            "foo." incomplete 0
            "foo\n    ." incomplete 0
            "!" incomplete 0
            "if x" incomplete 0
            "if x {} else" incomplete 0
            "fn f()" incomplete 0
            "fn" incomplete 0
            "pub" incomplete 0
            "struct A" incomplete 0
            "enum E" incomplete 0
            "impl A" incomplete 0
            "impl A for" incomplete 0
            "use std::" incomplete 0
            "use std::fs" incomplete 0
            "#[derive(Debug)]" incomplete 0
            "#[derive(Debug)]\n#[allow(unused)]" incomplete 0
            "/// Doc." incomplete 0
            "match x" incomplete 0
            "for x in" incomplete 0
            "while" incomplete 0
            "|x|" incomplete 0
            "let v: Vec<" incomplete 0
            "x as" incomplete 0
            "&" incomplete 0
            "macro_rules! m" incomplete 0
            "println!" incomplete 0
            "unsafe" incomplete 0
            "async" incomplete 0
            "'a:" incomplete 0
            "let x =\n" complete
            "let x =\n    " complete
            "let x =\n1" complete
            "fn f()\n\n" complete
        "##]],
    );
}

#[test]
fn what_nothing_can_mend_is_invalid() {
    check(
        &[
            "foo(]",
            "foo)",
            "}",
            "fn f() {\n    (}\n}",
            "let = 5;",
            "foo bar",
            "a b c;",
            "let x = ;",
            "1 +* ;",
            "fn 1() {}",
            "let c = 'ab",
            "let c = '",
            "r##~\"a\"",
            "foo()\nbar()",
            "if {} {} {} else",
            "struct {}",
            "let x = 5 6;",
            "\"\\q\"",
            "@",
        ],
        expect![[r#"
            "foo(]" invalid: line 1: expected `)` for the `(` of line 1, found `]`
            "foo)" invalid: line 1: `)` closes nothing
            "}" invalid: line 1: `}` closes nothing
            "fn f() {\n    (}\n}" invalid: line 2: expected `)` for the `(` of line 2, found `}`
            "let = 5;" invalid: line 1: expected pattern
            "foo bar" invalid: line 1: expected `;`
            "a b c;" invalid: line 1: expected `;`
            "let x = ;" invalid: line 1: expected expression
            "1 +* ;" invalid: line 1: expected expression
            "fn 1() {}" invalid: line 1: expected a name
            "let c = 'ab" invalid: line 1: expected expression
            "let c = '" invalid: line 1: a character literal is not closed
            "r##~\"a\"" invalid: line 1: a raw string begins with `r`, any `#` and a `"`
            "foo()\nbar()" invalid: line 1: expected `;`
            "if {} {} {} else" invalid: line 1: expected expression, item or let statement
            "struct {}" invalid: line 1: expected a name
            "let x = 5 6;" invalid: line 1: expected `;`
            "\"\\q\"" invalid: line 1: unknown character escape
            "@" invalid: line 1: expected expression, item or let statement
        "#]],
    );
}

#[test]
fn commands_are_whole_lines() {
    check(
        &[
            ":help",
            ":",
            ":accelerate m \"open",
            ":sql SELECT 1 \\",
            ":sql SELECT 1 \\\n",
            ":sql SELECT 1 \\\nFROM runs",
            ":vars\nlet x =",
            ":vars\nfoo(",
            "let x =\n\n:vars",
            "foo bar;\n:vars",
            "let x = 1;\n:vars",
            "foo(\n:vars",
        ],
        expect![[r#"
            ":help" complete
            ":" complete
            ":accelerate m \"open" complete
            ":sql SELECT 1 \\" incomplete 0
            ":sql SELECT 1 \\\n" complete
            ":sql SELECT 1 \\\nFROM runs" complete
            ":vars\nlet x =" incomplete 0
            ":vars\nfoo(" incomplete 4
            "let x =\n\n:vars" invalid: line 1: expected expression
            "foo bar;\n:vars" invalid: line 1: expected `;`
            "let x = 1;\n:vars" complete
            "foo(\n:vars" incomplete 4
        "#]],
    );
}

/// Pieces that open, close and end things, so that random texts reach every state.
const PIECES: &[&str] = &[
    "a", "1", " ", "\n", "\n\n", ";", "=", "+", ".", ":", "::", ":help", "\\\n", "(", ")", "[", "]", "{", "}", "\"",
    "'", "r#\"", "\"#", "//", "/*", "*/", "///", "#", "!", "let ", "fn f()", "if x ", "else ", "é", "🦀", "\r\n", "|",
    "&", ",",
];

/// Statements that are whole; any sequence of them is a whole cell.
const WHOLE: &[&str] = &[
    "let x = vec![1, (2 + 3), [4][0]];",
    "fn f(a: &[u8], b: Option<(u8, u8)>) -> u8 {\n    if a.is_empty() { 0 } else { b.map_or(1, |(c, d)| c + d) }\n}",
    "struct P {\n    /// Doc.\n    x: i32,\n    y: Vec<u8>,\n}",
    "match x {\n    1 | 2 => println!(\"{}\", \"}\"),\n    _ => (),\n}",
    "impl P {\n    fn new() -> Self {\n        Self { x: 1, y: vec![] }\n    }\n}",
    "let s = format!(r#\"{}\"#, '}'); // )",
    "for i in 0..(1 << 3) { /* } */ total += i; }",
    "macro_rules! m { ($($x:expr),*) => { [$($x),*] }; }",
];

proptest! {
    #[test]
    fn no_text_panics(pieces in vec(select(PIECES), 0..40), text in any::<String>(), at in 0..200_usize) {
        for cell in [pieces.concat(), text] {
            let _ = completeness(&cell);
            // No line is lost or moved: a part stands on the line that it says.
            for part in split(&cell) {
                let (text, line) = match part {
                    Code::Command { line, number } => (line, number),
                    Code::Rust { text, first_line } => (text, first_line),
                };
                let below = cell.split_inclusive('\n').skip(line - 1).collect::<String>();
                prop_assert!(below.contains(text), "{cell:?}: {text:?} is not at line {line}");
            }
            let at = cell.char_indices().nth(at).map_or(cell.len(), |(byte, _)| byte);
            let (Place::Command(range) | Place::Rust(range)) = place(&cell, at);
            prop_assert!(cell.get(range.clone()).is_some() && range.start <= at && at <= range.end, "{cell:?} {at}");
        }
    }

    #[test]
    fn what_is_cut_inside_a_delimiter_can_be_mended(statements in vec(select(WHOLE), 1..4), cut in any::<Index>()) {
        let cell = statements.join("\n");
        prop_assert_eq!(completeness(&cell), Completeness::Complete);
        let mut inside = Vec::new();
        let (mut depth, mut position) = (0_usize, 0);
        for token in tokenize(&cell, FrontmatterAllowed::No) {
            position += token.len as usize;
            match token.kind {
                TokenKind::OpenBrace | TokenKind::OpenBracket | TokenKind::OpenParen => depth += 1,
                TokenKind::CloseBrace | TokenKind::CloseBracket | TokenKind::CloseParen => depth -= 1,
                _ => {}
            }
            if depth > 0 {
                inside.push((position, depth));
            }
        }
        let (end, depth) = inside[cut.index(inside.len())];
        let expected = Completeness::Incomplete { indent: "    ".repeat(depth) };
        prop_assert_eq!(completeness(&cell[..end]), expected, "{:?}", &cell[..end]);
    }
}
