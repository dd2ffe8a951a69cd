//! Statics that a well-known macro makes, as plain ones: a plain static is one in
//! all cells, and a macro's would start anew in each.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{Edition, SourceFile, SyntaxNode};

use super::{Work, own};

/// What a macro whose statics are known makes of one; `declared` is the static's name and type.
fn form(name: &str, declared: &str) -> Option<Form> {
    match name {
        "thread_local" => Some(thread_local(declared)),
        "lazy_static" => Some(lazy()),
        _ => None,
    }
}

/// What stands around the parts of a static.
struct Form {
    before_type: &'static str,
    after_type: &'static str,
    before_value: String,
    after_value: &'static str,
}

fn thread_local(declared: &str) -> Form {
    Form {
        before_type: "&'static ::std::thread::LocalKey<",
        after_type: ">",
        before_value: format!("{{::std::thread_local!{{static {declared} ="),
        after_value: "}&pelago_key}",
    }
}

fn lazy() -> Form {
    Form {
        before_type: "::std::sync::LazyLock<",
        after_type: ">",
        before_value: "::std::sync::LazyLock::new(||".to_owned(),
        after_value: ")",
    }
}

/// The same in the bodies of an item.
pub(super) fn in_macros(work: &mut Work<'_>, node: &SyntaxNode) {
    for call in node.descendants().filter_map(ast::MacroCall::cast) {
        // The statement with its semicolon.
        let whole = call.syntax().ancestors().find(|above| ast::ExprStmt::can_cast(above.kind()));
        let is_statement = whole.as_ref().is_some_and(|whole| {
            ast::ExprStmt::cast(whole.clone())
                .and_then(|statement| statement.expr())
                .is_some_and(|expression| expression.syntax().text_range() == call.syntax().text_range())
        });
        let whole = whole.filter(|_| is_statement).unwrap_or_else(|| call.syntax().clone());
        plain(work, &call, &whole, false);
    }
}

/// Writes the macro's statics as plain ones, where the macro is known; `with_marks` as items of the cell.
pub(super) fn plain(work: &mut Work<'_>, call: &ast::MacroCall, whole: &SyntaxNode, with_marks: bool) -> bool {
    let name = call.path().and_then(|path| path.segment()).and_then(|segment| segment.name_ref());
    let Some(name) = name.map(|name| name.text().to_string()) else { return false };
    if form(&name, "").is_none() {
        return false;
    }
    let Some(tree) = call.token_tree() else { return false };
    let tree_start = own(tree.syntax().text_range().start());
    let text = tree.syntax().text().to_string();
    let original = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    // As long as what it takes the place of.
    let inside = original.replace("static ref ", "static     ");
    let parsed = SourceFile::parse(&inside, Edition::Edition2024);
    let statics: Vec<ast::Static> = parsed.tree().syntax().children().filter_map(ast::Static::cast).collect();
    let all = parsed.tree().syntax().children().count();
    let parts: Option<Vec<_>> = statics.iter().map(parts).collect();
    let Some(parts) = parts.filter(|parts| parts.len() == all && parsed.errors().is_empty()) else { return false };
    let base = tree_start + 1;
    let (from, to) = (own(whole.text_range().start()), own(whole.text_range().end()));
    work.replace(from..base, "");
    for part in parts {
        let Some(form) = form(&name, &format!("pelago_key:{}", part.type_text)) else { continue };
        if original.get(part.before_name.clone()).is_some_and(|between| between.trim() == "ref") {
            work.replace(base + part.before_name.start..base + part.before_name.end, "");
        }
        work.open(base + part.type_at.0, form.before_type);
        work.close(base + part.type_at.1, form.after_type);
        work.open(base + part.value.0, form.before_value);
        let mark = if with_marks { work.item_mark() } else { String::new() };
        work.close(base + part.value.1, format!("{}{mark}", form.after_value));
    }
    work.replace(tree_start + text.len() - 1..to, "");
    true
}

/// Bytes of a static's parts.
struct Parts {
    type_text: String,
    type_at: (usize, usize),
    value: (usize, usize),
    /// Between the keyword and the name.
    before_name: std::ops::Range<usize>,
}

fn parts(found: &ast::Static) -> Option<Parts> {
    let range = |node: &SyntaxNode| (usize::from(node.text_range().start()), usize::from(node.text_range().end()));
    let keyword = found.static_token()?.text_range().end();
    let name = found.name()?.syntax().text_range().start();
    let (kind, value) = (found.ty()?, found.body()?);
    Some(Parts {
        type_text: kind.syntax().text().to_string().replace('\n', " "),
        type_at: range(kind.syntax()),
        value: range(value.syntax()),
        before_name: keyword.into()..name.into(),
    })
}
