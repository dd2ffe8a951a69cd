//! Items: each gets a mark, by which a later definition takes its place and its
//! statics are one in all cells.

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{SyntaxKind, SyntaxNode};

use super::{Work, macros, own, statics};

/// An item of the cell's outermost level.
pub(super) fn item(work: &mut Work<'_>, item: &ast::Item) {
    let node = item.syntax();
    if let ast::Item::MacroRules(rules) = item
        && let Some(name) = rules.name()
    {
        work.defines.push((name.text().to_string(), macros::of_rules(rules)));
    }
    statics::in_macros(work, node);
    if matches!(item, ast::Item::Use(_) | ast::Item::ExternCrate(_)) {
        return;
    }
    let mark = work.item_mark();
    if let Some(last) = last_token(node) {
        work.open(last, mark);
    }
}

/// Where the item's last token begins: within it, so that a comment there stays with it.
fn last_token(node: &SyntaxNode) -> Option<usize> {
    let mut last = node.last_token()?;
    while matches!(last.kind(), SyntaxKind::WHITESPACE | SyntaxKind::COMMENT) {
        last = last.prev_token()?;
    }
    Some(own(last.text_range().start()))
}
