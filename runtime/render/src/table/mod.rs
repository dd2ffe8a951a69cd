//! A DataFrame as text and as an HTML table. Of a long one, both ends.
//!
//! Both show the same texts in their cells: every digit of a number and nothing
//! between digits, a text in quotes where it could be read as something else.
//!
//! Text may have a brief in the table's place ([`crate::Brief`]); [`briefs`] has those of Pelago's own tables.

pub mod briefs;
mod columns;
mod fit;
mod page;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod width_tests;

use crate::{Brief, Table};
use serde_json::{Map, Value};

use super::number::grouped;

pub use text::{Layout, text};

/// Columns of text in a notebook, which is the same wherever it ran.
const WIDTH: usize = 160;

/// The table as HTML, as text, and as data for whoever compares it.
pub(super) fn bundle(table: &Table) -> Map<String, Value> {
    let mut bundle = super::both(plain(table), page::html(table));
    // Texts and numbers are JSON whatever they are.
    if let Some(Ok(data)) = table.data.as_ref().map(serde_json::to_value) {
        bundle.insert(pelago_table::MIME.to_owned(), data);
    }
    bundle
}

/// As Polars draws it.
pub(super) fn plain(table: &Table) -> String {
    brief(table, Layout { width: Some(WIDTH), has_rule: true })
}

/// The table's brief as text, where it has one; else the table.
pub(super) fn brief(table: &Table, layout: Layout) -> String {
    let Some(Brief { frame, lines }) = &table.brief else { return text(table, layout) };
    let columns = frame.as_ref().map(|frame| {
        let ends = pelago_table::ends(frame);
        text(&Table::with_data(ends, frame.height(), None), layout)
    });
    columns.iter().chain(lines).map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// `shape: (rows, columns)` of the whole frame.
fn shape(table: &Table) -> String {
    format!("shape: ({}, {})", grouped(table.height), grouped(table.frame.width()))
}
