//! Items by their marks: which cell one comes from, and what takes its place.

use std::collections::BTreeSet;

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{NodeOrToken, SyntaxKind, SyntaxNode};
use serde::{Deserialize, Serialize};

use super::{Edits, range_of};

const MARK: &str = "/*@item ";
/// The module that holds a macro call for evcxr and the analyser.
const MODULE: &str = "pelago_items_";

/// The cell of an item, and which of the cell's items it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::rust::toolchain) struct ItemId {
    pub(super) cell: u64,
    pub(super) index: usize,
}

/// An item that a later one took the place of: all of it, or a function of an `impl`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::rust::toolchain) struct Replaced {
    item: ItemId,
    function: Option<String>,
}

/// Two definitions that exclude each other, by what the compiler says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rust::toolchain) struct Conflict {
    /// Their lines, from 1.
    pub(in crate::rust::toolchain) lines: Vec<usize>,
    /// Whether they are functions of an `impl`, and not items.
    pub(in crate::rust::toolchain) is_in_item: bool,
}

/// An item of a cell.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: ItemId,
}

impl Item {
    /// The item, where a cell gave it a mark.
    pub(super) fn of(item: &ast::Item) -> Option<Self> {
        let mut token = item.syntax().last_token()?;
        loop {
            token = token.prev_token()?;
            match token.kind() {
                SyntaxKind::WHITESPACE => {}
                SyntaxKind::COMMENT if token.text().starts_with(MARK) => break,
                // Another comment of the user's may stand there.
                SyntaxKind::COMMENT => {}
                _ if !item.syntax().text_range().contains_range(token.text_range()) => return None,
                // In `;` after `}` of a macro the mark stands before that.
                SyntaxKind::R_CURLY | SyntaxKind::R_PAREN | SyntaxKind::R_BRACK => {}
                _ => return None,
            }
        }
        let numbers = token.text().strip_prefix(MARK)?.strip_suffix("*/")?;
        let (cell, index) = numbers.split_once('.')?;
        let id = ItemId { cell: cell.parse().ok()?, index: index.parse().ok()? };
        Some(Self { id })
    }
}

/// Leaves out what was replaced; whether that was the whole item.
pub(super) fn leave_out(item: &ast::Item, found: &Item, replaced: &BTreeSet<Replaced>, edits: &mut Edits) -> bool {
    let own = replaced.iter().filter(|each| each.item == found.id);
    let functions: Vec<&String> = own.clone().filter_map(|each| each.function.as_ref()).collect();
    if own.count() > functions.len() {
        edits.remove(range_of(item.syntax()));
        return true;
    }
    for function in item.syntax().descendants().filter_map(ast::Fn::cast) {
        let name = function.name().map(|name| name.text().to_string());
        if is_of_impl(function.syntax()) && name.is_some_and(|name| functions.contains(&&name)) {
            edits.remove(range_of(function.syntax()));
        }
    }
    false
}

fn is_of_impl(function: &SyntaxNode) -> bool {
    function.parent().is_some_and(|parent| parent.kind() == SyntaxKind::ASSOC_ITEM_LIST)
}

/// Takes the module away that a macro call stands in.
pub(super) fn at_the_top(item: &ast::Item, edits: &mut Edits) {
    let ast::Item::Module(module) = item else { return };
    if !module.name().is_some_and(|name| name.text().starts_with(MODULE)) {
        return;
    }
    let Some(list) = module.item_list() else { return };
    // `mod …{use super::*;`, and the last brace.
    let Some(first) = list.syntax().children().next().filter(|first| ast::Use::can_cast(first.kind())) else { return };
    edits.remove(module.syntax().text_range().start().into()..first.text_range().end().into());
    if let Some(brace) = list.r_curly_token() {
        edits.remove(brace.text_range().start().into()..brace.text_range().end().into());
    }
}

/// Takes the import of such a module away.
pub(super) fn use_of_macros(item: &ast::Item, edits: &mut Edits) {
    if let ast::Item::Use(import) = item
        && import.use_tree().and_then(|tree| tree.path()).is_some_and(|path| path.to_string().starts_with(MODULE))
    {
        edits.remove(range_of(item.syntax()));
    }
}

/// Of two definitions that exclude each other, the one of the older cell.
pub(super) fn older_of(items: &[Item], text: &str, conflict: &Conflict) -> Option<Replaced> {
    // The rewritten text has other bytes than what was parsed, but the same lines.
    let marks = marks(text);
    let at = |line: &usize| {
        let (id, _, start) = marks.iter().find(|(_, end, start)| (*start..=*end).contains(line))?;
        items.iter().any(|item| item.id == *id).then_some((*id, *line, *start))
    };
    let mut found: Vec<_> = conflict.lines.iter().filter_map(at).collect();
    found.sort();
    let ((older, line, _), (newer, ..)) = (found.first()?, found.last()?);
    if older.cell == newer.cell {
        return None;
    }
    let function = conflict.is_in_item.then(|| function_at(text, *line)).flatten();
    (function.is_some() || !conflict.is_in_item).then_some(Replaced { item: *older, function })
}

/// The items of a text: first and last line of each.
fn marks(text: &str) -> Vec<(ItemId, usize, usize)> {
    use ast::HasModuleItem;
    let parsed = ra_ap_syntax::SourceFile::parse(text, ra_ap_syntax::Edition::Edition2024);
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let mut marks = Vec::new();
    for element in parsed.tree().syntax().descendants_with_tokens() {
        if let NodeOrToken::Token(token) = element
            && token.kind() == SyntaxKind::COMMENT
            && token.text().starts_with(MARK)
        {
            let numbers = token.text().trim_start_matches(MARK).trim_end_matches("*/");
            let id = numbers
                .split_once('.')
                .and_then(|(cell, index)| Some(ItemId { cell: cell.parse().ok()?, index: index.parse().ok()? }));
            let end: usize = token.text_range().end().into();
            let item = parsed.tree().items().find(|item| item.syntax().text_range().contains_range(token.text_range()));
            // A macro call has its mark behind it.
            let before = || parsed.tree().items().filter(|item| range_of(item.syntax()).end <= end).last();
            let start = item.or_else(before).map_or(end, |item| range_of(item.syntax()).start);
            marks.extend(id.map(|id| (id, line(end), line(start))));
        }
    }
    marks
}

/// The name of the function that begins on a line.
fn function_at(text: &str, line: usize) -> Option<String> {
    let parsed = ra_ap_syntax::SourceFile::parse(text, ra_ap_syntax::Edition::Edition2024);
    let functions = parsed.tree().syntax().descendants().filter_map(ast::Fn::cast);
    let mut functions = functions.filter(|function| is_of_impl(function.syntax()));
    let found = functions.find(|function| {
        let range = range_of(function.syntax());
        let lines = text[..range.start].matches('\n').count() + 1..=text[..range.end].matches('\n').count() + 1;
        lines.contains(&line)
    });
    Some(found?.name()?.text().to_string())
}
