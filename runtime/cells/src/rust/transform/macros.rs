//! Macro calls that stand where a statement could: what makes items is an item of
//! the session, as if the user had written the items.

use ra_ap_syntax::ast::{self, AstNode};
use ra_ap_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, T};

use super::{Problem, Work, own, own_range, statics};

/// What a macro makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rust) enum MacroKind {
    /// Structs, functions and the like.
    Items,
    /// Statements, or a value.
    Statements,
}

/// Macros of the standard library and of crates that many use, which make no items.
const STATEMENTS: &[&str] = &[
    "anyhow",
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "concat",
    "dbg",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "df",
    "ensure",
    "env",
    "eprint",
    "eprintln",
    "error",
    "file",
    "format",
    "format_args",
    "include_bytes",
    "include_str",
    "info",
    "join",
    "json",
    "line",
    "log",
    "matches",
    "module_path",
    "option_env",
    "panic",
    "pin",
    "print",
    "println",
    "select",
    "stringify",
    "todo",
    "trace",
    "try_join",
    "unimplemented",
    "unreachable",
    "vec",
    "warn",
    "write",
    "writeln",
];

/// Whether the statement is a macro call that makes items; it is written as such then.
pub(super) fn is_item(work: &mut Work<'_>, statement: &SyntaxNode, guess: bool) -> bool {
    let Some(call) = call_of(statement) else { return false };
    if statics::plain(work, &call, statement, true) {
        return true;
    }
    let Some(name) = name_of(&call) else { return false };
    let own_kind = work.defines.iter().rev().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    let kind = own_kind.or_else(|| work.known.macros.get(&name).copied());
    let kind = kind.or(STATEMENTS.contains(&name.as_str()).then_some(MacroKind::Statements));
    let is_item = match kind {
        Some(kind) => kind == MacroKind::Items,
        None => guess,
    };
    if !is_item {
        return false;
    }
    if kind.is_none() {
        work.guessed.push(name.clone());
    }
    let range = own_range(statement);
    if has(&call, SyntaxKind::STATIC_KW) {
        work.problems.push(Problem {
            message: format!("a static that `{name}!` makes starts anew in every cell"),
            help: "write the static itself, without the macro, to have one for all cells".to_owned(),
            range: range.clone(),
            is_warning: true,
        });
    }
    let mark = work.item_mark();
    let module = format!("pelago_items_{}_{}", work.number, work.items);
    work.open(range.start, format!("mod {module}{{use super::*;"));
    let text = work.text.get(range.clone()).unwrap_or_default().trim_end();
    let close = if text.ends_with(['}', ';']) { "" } else { ";" };
    work.close(range.end, format!("{close}{mark}}}use {module}::*;"));
    true
}

/// The macro call that a statement is.
fn call_of(statement: &SyntaxNode) -> Option<ast::MacroCall> {
    let expression = match ast::ExprStmt::cast(statement.clone()) {
        Some(statement) => statement.expr()?,
        None => ast::Expr::cast(statement.clone())?,
    };
    match expression {
        ast::Expr::MacroExpr(expression) => expression.macro_call(),
        _ => None,
    }
}

/// The last word of the macro's path.
pub(super) fn name_of(call: &ast::MacroCall) -> Option<String> {
    Some(call.path()?.segment()?.name_ref()?.text().to_string())
}

fn has(call: &ast::MacroCall, kind: SyntaxKind) -> bool {
    call.syntax().descendants_with_tokens().any(|element| element.kind() == kind)
}

/// What the rules of a macro make: the first that tells decides.
pub(super) fn of_rules(rules: &ast::MacroRules) -> MacroKind {
    let arms = rules.token_tree().into_iter().flat_map(|tree| {
        let mut elements = tree.syntax().children_with_tokens();
        let mut arms = Vec::new();
        while let Some(element) = elements.next() {
            if is_arrow(&element) {
                arms.extend(elements.by_ref().find_map(SyntaxElement::into_node));
            }
        }
        arms
    });
    arms.into_iter().find_map(|arm| of_arm(&arm)).unwrap_or(MacroKind::Statements)
}

/// The lexer of macros gives `=` and `>` as they stand.
fn is_arrow(element: &SyntaxElement) -> bool {
    let next_is_greater = || element.next_sibling_or_token().is_some_and(|next| next.kind() == T![>]);
    element.kind() == T![=>] || element.kind() == T![=] && next_is_greater()
}

/// What the right side of a rule makes; `None` where its first words do not tell.
fn of_arm(arm: &SyntaxNode) -> Option<MacroKind> {
    let tokens = arm.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    let tokens: Vec<_> = tokens.filter(|token| !token.kind().is_trivia()).skip(1).collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map(|token| token.text());
        match (token.text(), next) {
            // A variable of the macro, or a repetition.
            ("$", Some("(")) => at += 2,
            ("$", _) => at += 2,
            // An attribute, or the end of a repetition.
            ("#", _) => at = after_group(&tokens, at + 1),
            (")" | "*" | "+" | "?" | ",", _) => at += 1,
            ("const" | "unsafe" | "async", Some("{" | "move" | "|")) => return Some(MacroKind::Statements),
            (
                "struct" | "enum" | "fn" | "impl" | "trait" | "type" | "const" | "static" | "mod" | "use" | "pub"
                | "extern" | "unsafe" | "async",
                _,
            ) => return Some(MacroKind::Items),
            ("macro_rules" | "thread_local" | "lazy_static" | "bitflags", Some("!")) => return Some(MacroKind::Items),
            ("union", Some(name)) if name != "!" && name != "." && name != "(" => return Some(MacroKind::Items),
            // Another macro, or the same one again: another rule may tell.
            (_, Some("!")) => return None,
            _ => return Some(MacroKind::Statements),
        }
    }
    None
}

/// The token after the group that begins at `at`.
fn after_group(tokens: &[ra_ap_syntax::SyntaxToken], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text() {
            "[" | "(" | "{" => depth += 1,
            "]" | ")" | "}" => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Where the arguments of a macro begin, in the user's text.
pub(super) fn arguments_start(call: &ast::MacroCall) -> Option<usize> {
    Some(own(call.token_tree()?.syntax().text_range().start()) + 1)
}
