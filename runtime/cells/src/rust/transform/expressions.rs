//! Statements: `?`, `.await` and what ends a cell early.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{Edition, SourceFile, SyntaxKind, SyntaxNode, TextSize};

use super::{OPEN, Problem, Work, macros, own, statics};

/// Macros that wait for futures, which only a waiting function may hold.
const WAITING: &[&str] = &["join", "select", "select_biased", "try_join"];
/// What a cell calls in the place of the standard library's.
const HOOKS: &[&str] = &["resume_unwind", "set_hook", "take_hook"];

/// A statement of the cell's outermost level, or its last expression.
pub(super) fn statement(work: &mut Work<'_>, node: &SyntaxNode) {
    statics::in_macros(work, node);
    if let Some(declared) = ast::LetStmt::cast(node.clone()).and_then(|statement| statement.pat()) {
        for name in declared.syntax().descendants().filter_map(ast::IdentPat::cast) {
            let is_mut = name.mut_token().is_some();
            let declared = name.name().map(|name| (name.text().to_string(), is_mut, super::own_range(name.syntax())));
            work.declares.extend(declared);
        }
        if let Some(closure) = closure_of(node) {
            work.problems.push(closure);
        }
    }
    assigned_anew(work, node);
    hooks(work, node);
    walk(work, node);
}

/// A closure as the value of a variable, whose type later cells cannot name.
fn closure_of(node: &SyntaxNode) -> Option<Problem> {
    let statement = ast::LetStmt::cast(node.clone()).filter(|statement| statement.ty().is_none())?;
    let Some(ast::Expr::ClosureExpr(_)) = statement.initializer() else { return None };
    let Some(ast::Pat::IdentPat(variable)) = statement.pat() else { return None };
    let name = variable.name()?.text().to_string();
    Some(Problem {
        message: format!("the variable `{name}` is a closure, and later cells cannot name its type"),
        help: format!(
            "box it (`let {name}: Box<dyn Fn(i32) -> i32> = Box::new(…);`), make it a function, or put the code into braces"
        ),
        range: super::own_range(variable.syntax()),
        is_warning: false,
    })
}

/// A variable that was moved away and is assigned again is declared again.
fn assigned_anew(work: &mut Work<'_>, node: &SyntaxNode) {
    let expression = ast::ExprStmt::cast(node.clone()).and_then(|statement| statement.expr());
    let Some(ast::Expr::BinExpr(assignment)) = expression else { return };
    let is_assignment = matches!(assignment.op_kind(), Some(ast::BinaryOp::Assignment { op: None }));
    let Some(target) = assignment.lhs().filter(|_| is_assignment) else { return };
    let name = target.syntax().text().to_string();
    if work.known.moved.contains(name.trim()) {
        work.open(own(node.text_range().start()), "let mut ");
        work.declares.push((name.trim().to_owned(), true, super::own_range(target.syntax())));
    }
}

/// Has the cell's calls for panic hooks reach Pelago, wherever they stand.
fn hooks(work: &mut Work<'_>, node: &SyntaxNode) {
    for call in node.descendants().filter_map(ast::CallExpr::cast) {
        let Some(ast::Expr::PathExpr(path)) = call.expr() else { continue };
        let text = path.syntax().text().to_string();
        let (before, name) = text.rsplit_once("::").unwrap_or(("", &text));
        let is_std = ["", "panic", "std::panic", "::std::panic"].contains(&before);
        if is_std && HOOKS.contains(&name) {
            work.replace(super::own_range(path.syntax()), &format!("pelago::cell::{name}"));
        }
    }
}

/// What is looked at: a node, and how far its offsets are from the user's.
struct Open {
    node: SyntaxNode,
    shift: usize,
    is_in_loop: bool,
}

/// Goes through the cell's own code. What stands in a closure, a function or an
/// async block returns from there and stays as it is.
fn walk(work: &mut Work<'_>, node: &SyntaxNode) {
    let mut open = vec![Open { node: node.clone(), shift: 0, is_in_loop: false }];
    while let Some(Open { node, shift, is_in_loop }) = open.pop() {
        let place = |offset: TextSize| own(offset).wrapping_add(shift);
        let range = place(node.text_range().start())..place(node.text_range().end());
        if let Some(attempt) = ast::TryExpr::cast(node.clone())
            && let (Some(inner), Some(mark)) = (attempt.expr(), attempt.question_mark_token())
        {
            let at = place(mark.text_range().start());
            let line = work.first_line + work.text.get(..at).map_or(0, |before| before.matches('\n').count());
            work.open(place(inner.syntax().text_range().start()), "pelago::cell::attempt(");
            work.close(at, format!(", {line})"));
        }
        if let Some(awaited) = ast::AwaitExpr::cast(node.clone())
            && let (Some(inner), Some(dot)) = (awaited.expr(), awaited.dot_token())
        {
            work.open(place(inner.syntax().text_range().start()), wait(work));
            work.close(place(dot.text_range().start()), ")/*");
            work.close(range.end, "*/");
        }
        if let Some(call) = ast::MacroCall::cast(node.clone()) {
            arguments(work, &call, shift, is_in_loop, &mut open);
            continue;
        }
        early_end(work, &node, range, is_in_loop);
        let is_async = ast::BlockExpr::cast(node.clone()).is_some_and(|block| {
            block.async_token().is_some() || block.try_block_modifier().is_some() || block.const_token().is_some()
        });
        if is_async
            || ast::ClosureExpr::can_cast(node.kind())
            || ast::Item::can_cast(node.kind()) && !ast::MacroCall::can_cast(node.kind())
        {
            continue;
        }
        let is_loop = matches!(node.kind(), SyntaxKind::FOR_EXPR | SyntaxKind::WHILE_EXPR | SyntaxKind::LOOP_EXPR);
        open.extend(node.children().map(|child| Open { node: child, shift, is_in_loop: is_in_loop || is_loop }));
    }
}

fn wait(work: &Work<'_>) -> &'static str {
    if work.known.has_tokio { "pelago_wait(" } else { "pelago::cell::wait(" }
}

/// The arguments of most macros are expressions, or `value; count`. What does not
/// parse as such stays as it is.
fn arguments(work: &mut Work<'_>, call: &ast::MacroCall, shift: usize, is_in_loop: bool, open: &mut Vec<Open>) {
    let range = call.syntax().text_range();
    if macros::name_of(call).is_some_and(|name| WAITING.contains(&name.as_str())) {
        let place = |offset: TextSize| own(offset).wrapping_add(shift);
        work.open(place(range.start()), format!("{}async {{", wait(work)));
        work.close(place(range.end()), "})");
        return;
    }
    let (Some(tree), Some(begin)) = (call.token_tree(), macros::arguments_start(call)) else { return };
    let text = tree.syntax().text().to_string();
    let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    if !inside.contains('?') && !inside.contains("await") {
        return;
    }
    for (before, after) in [("f(", ")"), ("f([", "])")] {
        let parsed = SourceFile::parse(&format!("{OPEN}{before}{inside}{after}}}"), Edition::Edition2024);
        let list = parsed.tree().syntax().descendants().find_map(ast::ArgList::cast);
        if let Some(list) = list.filter(|_| parsed.errors().is_empty()) {
            let shift = begin.wrapping_add(shift).wrapping_sub(before.len());
            open.push(Open { node: list.syntax().clone(), shift, is_in_loop });
            return;
        }
    }
}

/// A cell is no function and no loop.
fn early_end(work: &mut Work<'_>, node: &SyntaxNode, range: std::ops::Range<usize>, is_in_loop: bool) {
    let has_label = || node.children().any(|child| ast::Lifetime::can_cast(child.kind()));
    let (message, help) = match node.kind() {
        SyntaxKind::RETURN_EXPR => (
            "`return` stands outside of a function",
            "a cell ends with its last line; put what may end early into a function or a closure and call it",
        ),
        SyntaxKind::BREAK_EXPR if !is_in_loop && !has_label() => {
            ("`break` stands outside of a loop", "remove it, or put it into a loop")
        }
        SyntaxKind::CONTINUE_EXPR if !is_in_loop && !has_label() => {
            ("`continue` stands outside of a loop", "remove it, or put it into a loop")
        }
        _ => return,
    };
    work.problems.push(Problem { message: message.to_owned(), help: help.to_owned(), range, is_warning: false });
}
