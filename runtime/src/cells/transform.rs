//! What is written into a cell before it is compiled: where it begins and ends,
//! its last expression as the value to show, and `?` as the cell's error.
//!
//! Lines stay where they are, so a line that the compiler names is the user's.

use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxNode, TextSize};

/// What the parser needs around statements.
const OPEN: &str = "fn f(){";

/// A cell as it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transformed {
    /// The code.
    pub(super) code: String,
    /// Bytes that were put in: where in the user's text, and how many.
    insertions: Vec<(usize, usize)>,
}

impl Transformed {
    /// The user's column (from 1, in characters) of a line and column of [`Transformed::code`].
    pub(super) fn column(&self, original: &str, line: usize, column: usize) -> usize {
        let start = |text: &str| {
            let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
            lines.map(str::len).sum::<usize>()
        };
        let (from, to) = (start(&self.code), start(original));
        let bytes = self.code.get(from..).unwrap_or_default();
        let offset: usize = bytes.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        let position = from + offset;
        let mut inserted = 0;
        for (at, length) in &self.insertions {
            if at + inserted >= position {
                break;
            }
            // Within what was put in, its place is the user's.
            inserted += (*length).min(position - (at + inserted));
        }
        let place = (position - inserted).max(to).min(original.len());
        original.get(to..place).map_or(1, |text| text.chars().count() + 1)
    }
}

/// The cell `number`, as it is compiled. Its first line is line `first_line` of what the user wrote.
pub(super) fn transform(text: &str, number: u64, first_line: usize) -> Transformed {
    let parsed = SourceFile::parse(&format!("{OPEN}{text}\n}}"), Edition::Edition2024);
    let list = parsed
        .tree()
        .syntax()
        .children()
        .find_map(ast::Fn::cast)
        .and_then(|function| function.body())
        .and_then(|body| body.stmt_list());
    let mut edits: Vec<(usize, String)> = Vec::new();
    // Where the cell's own attributes end.
    let mut start = 0;
    // Closes a statement that the user left open; an item must not be followed by one.
    let mut close = ";";
    if let Some(list) = list {
        if list.tail_expr().is_none() && matches!(list.statements().last(), Some(ast::Stmt::Item(_))) {
            close = "";
        }
        for child in list.syntax().children() {
            if child.kind() == SyntaxKind::ATTR {
                start = own(child.text_range().end());
            }
            if !ast::Item::can_cast(child.kind()) {
                attempts(&child, text, first_line, &mut edits);
            }
        }
        if let Some(last) = list.tail_expr().map(|tail| tail.syntax().clone()) {
            let (from, to) = (own(last.text_range().start()), own(last.text_range().end()));
            // Around what else begins there.
            edits.insert(0, (from, "pelago::show!(".to_owned()));
            edits.push((to, ");".to_owned()));
        }
    }
    edits.insert(0, (start, format!("pelago::begin!({number});")));
    // Stable, so that at one place what was found first is outermost.
    edits.sort_by_key(|(at, _)| *at);
    let (mut code, mut taken) = (String::with_capacity(text.len() + 200), 0);
    let mut insertions = Vec::with_capacity(edits.len());
    for (at, insertion) in edits {
        let at = at.min(text.len());
        code.push_str(&text[taken..at]);
        code.push_str(&insertion);
        insertions.push((at, insertion.len()));
        taken = at;
    }
    code.push_str(&text[taken..]);
    code.push_str(&format!("\n{close}pelago::cell::end({number});"));
    Transformed { code, insertions }
}

/// An offset in the user's text.
fn own(offset: TextSize) -> usize {
    usize::from(offset).saturating_sub(OPEN.len())
}

/// Has every `?` of the cell itself report its error. One in a closure, a
/// function or an async block returns from there and stays as it is.
fn attempts(node: &SyntaxNode, text: &str, first_line: usize, edits: &mut Vec<(usize, String)>) {
    let mut open = vec![(node.clone(), 0)];
    while let Some((node, shift)) = open.pop() {
        if let Some(attempt) = ast::TryExpr::cast(node.clone())
            && let (Some(inner), Some(mark)) = (attempt.expr(), attempt.question_mark_token())
        {
            let place = |offset: TextSize| own(offset) + shift;
            let at = place(mark.text_range().start());
            let line = first_line + text.get(..at).map_or(0, |before| before.matches('\n').count());
            edits.push((place(inner.syntax().text_range().start()), "pelago::cell::attempt(".to_owned()));
            edits.push((at, format!(", {line})")));
        }
        if let Some(tree) = ast::MacroCall::cast(node.clone()).and_then(|call| call.token_tree()) {
            // The arguments of most macros are expressions; what does not parse
            // as such stays as it is.
            let arguments = tree.syntax().text().to_string();
            let inside = arguments.get(1..arguments.len().saturating_sub(1)).unwrap_or_default();
            if inside.contains('?') {
                let parsed = SourceFile::parse(&format!("{OPEN}f({inside})}}"), Edition::Edition2024);
                if parsed.errors().is_empty() {
                    let begin = own(tree.syntax().text_range().start()) + shift + 1;
                    let body = parsed.tree().syntax().descendants().find_map(ast::ArgList::cast);
                    // In the parsed text, arguments begin after `f(`.
                    open.extend(body.map(|list| (list.syntax().clone(), begin.wrapping_sub(2))));
                }
            }
            continue;
        }
        let is_async = ast::BlockExpr::cast(node.clone()).is_some_and(|block| {
            block.async_token().is_some() || block.try_block_modifier().is_some() || block.const_token().is_some()
        });
        if is_async
            || ast::ClosureExpr::can_cast(node.kind())
            || ast::Item::can_cast(node.kind()) && !ast::MacroCall::can_cast(node.kind())
        {
            continue;
        }
        open.extend(node.children().map(|child| (child, shift)));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&transform(text, 7, 1).code);
    }

    #[test]
    fn the_last_expression_is_shown() {
        check(
            "let a = 1;\na + 1",
            expect![[r#"
            pelago::begin!(7);let a = 1;
            pelago::show!(a + 1);
            ;pelago::cell::end(7);"#]],
        );
        check(
            "a // why",
            expect![[r#"
            pelago::begin!(7);pelago::show!(a); // why
            ;pelago::cell::end(7);"#]],
        );
        check(
            "let a = 1;",
            expect![[r#"
            pelago::begin!(7);let a = 1;
            ;pelago::cell::end(7);"#]],
        );
        check(
            "fn f() {}",
            expect![[r#"
            pelago::begin!(7);fn f() {}
            pelago::cell::end(7);"#]],
        );
        check(
            "#![allow(x)]\n1",
            expect![[r#"
            #![allow(x)]pelago::begin!(7);
            pelago::show!(1);
            ;pelago::cell::end(7);"#]],
        );
        check(
            "",
            expect![[r#"
            pelago::begin!(7);
            ;pelago::cell::end(7);"#]],
        );
    }

    #[test]
    fn a_question_mark_reports_its_line() {
        check(
            "let a = f()?;\nlet b = a.g()?.h(x?)?;",
            expect![[r#"
            pelago::begin!(7);let a = pelago::cell::attempt(f(), 1)?;
            let b = pelago::cell::attempt(pelago::cell::attempt(a.g(), 2)?.h(pelago::cell::attempt(x, 2)?), 2)?;
            ;pelago::cell::end(7);"#]],
        );
        check(
            "println!(\"{}\", f()?);",
            expect![[r#"
            pelago::begin!(7);println!("{}", pelago::cell::attempt(f(), 1)?);
            ;pelago::cell::end(7);"#]],
        );
        check(
            "let f = || g()?;\nfn h() { g()?; }\nasync { g()?; };",
            expect![[r#"
            pelago::begin!(7);let f = || g()?;
            fn h() { g()?; }
            async { g()?; };
            ;pelago::cell::end(7);"#]],
        );
        check(
            "f()?",
            expect![[r#"
            pelago::begin!(7);pelago::show!(pelago::cell::attempt(f(), 1)?);
            ;pelago::cell::end(7);"#]],
        );
    }

    #[test]
    fn columns_are_the_users() {
        let text = "let a = f()?; bad";
        let transformed = transform(text, 7, 1);
        let at = transformed.code.find("bad").unwrap();
        assert_eq!(transformed.column(text, 1, at + 1), text.find("bad").unwrap() + 1);
        assert_eq!(transformed.column(text, 1, 1), 1);
    }
}
