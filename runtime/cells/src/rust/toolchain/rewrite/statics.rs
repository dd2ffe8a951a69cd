//! One static in all cells: the cell that defines it exports it, and each later
//! one, whose file holds the same item, names it.

use ra_ap_syntax::ast::{self, AstNode, HasName, HasVisibility};
use ra_ap_syntax::{NodeOrToken, SyntaxKind, SyntaxNode, T};

use super::items::Item;
use super::{Before, Edits, Rewritten, range_of};

/// Shares the statics of an item.
pub(super) fn share(item: &ast::Item, found: &Item, before: &Before, rewritten: &mut Rewritten, edits: &mut Edits) {
    let statics = item.syntax().descendants().filter_map(ast::Static::cast).filter(is_defined);
    for (index, each) in statics.enumerate() {
        let symbol = format!("pelago_static_{}_{}_{index}", found.id.cell, found.id.index);
        let Some(start) = start(&each) else { continue };
        match before.statics.get(&symbol) {
            None => {
                edits.replace(start..start, format!("#[unsafe(export_name=\"{symbol}\")]"));
                rewritten.defines.push(symbol);
            }
            Some(object) => {
                if let Some(named) = named(&each, &symbol) {
                    edits.replace(range_of(each.syntax()), named);
                    rewritten.links.insert(object.clone());
                }
            }
        }
    }
}

/// One with a value, and not a name of somebody else's; whoever gives it a symbol of its own keeps that.
fn is_defined(each: &ast::Static) -> bool {
    let attributes: String = ast::HasAttrs::attrs(each).map(|attribute| attribute.to_string()).collect();
    each.body().is_some() && !attributes.contains("no_mangle") && !attributes.contains("export_name")
}

/// Where the static begins, after its attributes.
fn start(each: &ast::Static) -> Option<usize> {
    let visibility = each.visibility().map(|visibility| visibility.syntax().text_range().start());
    Some(visibility.or(each.static_token().map(|token| token.text_range().start()))?.into())
}

/// The static without its value.
fn named(each: &ast::Static, symbol: &str) -> Option<String> {
    let visibility = each.visibility().map(|visibility| format!("{} ", visibility.syntax())).unwrap_or_default();
    // What may be changed is not safe to use either way.
    let kind = if each.mut_token().is_some() { "static mut" } else { "safe static" };
    let (name, declared) = (each.name()?, declared(each.ty()?.syntax()));
    Some(format!(
        "unsafe extern \"C\"{{#[allow(improper_ctypes)]#[link_name=\"{symbol}\"]{visibility}{kind} {name}: {declared};}}"
    ))
}

/// A type on one line, whose references have the lifetime that a static gives them.
fn declared(kind: &SyntaxNode) -> String {
    let mut text = String::new();
    for element in kind.descendants_with_tokens() {
        let NodeOrToken::Token(token) = element else { continue };
        match token.kind() {
            SyntaxKind::COMMENT => {}
            SyntaxKind::WHITESPACE => text.push(' '),
            _ => text.push_str(token.text()),
        }
        let reference = token.parent().and_then(ast::RefType::cast).filter(|_| token.kind() == T![&]);
        if reference.is_some_and(|reference| reference.lifetime().is_none() && !is_of_function(reference.syntax())) {
            text.push_str("'static ");
        }
    }
    text
}

/// Whether a reference is in the parameters or the result of a function, where it has a lifetime of its own.
fn is_of_function(node: &SyntaxNode) -> bool {
    let functions = [SyntaxKind::FN_PTR_TYPE, SyntaxKind::PARENTHESIZED_ARG_LIST, SyntaxKind::RET_TYPE];
    node.ancestors().any(|above| functions.contains(&above.kind()))
}
