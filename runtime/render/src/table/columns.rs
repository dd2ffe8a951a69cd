//! What stands in the cells of a table, the same in HTML and in text.

use crate::Table;
use polars::prelude::Column;

/// A column that is shown.
#[derive(Debug)]
pub(super) struct Texts {
    /// Its name.
    pub(super) name: String,
    /// Its type.
    pub(super) dtype: String,
    /// The unit of its figures, where its name says it.
    pub(super) unit: Option<&'static str>,
    /// Whether it stands at the right: numbers do.
    pub(super) is_number: bool,
    /// A text for each row; none for null.
    pub(super) rows: Vec<Option<String>>,
}

impl Texts {
    /// A column, each value cut behind `limit` characters.
    pub(super) fn of(column: &Column, limit: usize) -> Self {
        let series = column.as_materialized_series().rechunk();
        Self {
            name: column.name().to_string(),
            dtype: column.dtype().to_string(),
            unit: unit(column),
            is_number: column.dtype().is_numeric(),
            rows: series.iter().map(|value| pelago_table::shown(&value, limit)).collect(),
        }
    }
}

/// Whether rows between the two ends are missing.
pub(super) fn is_cut(table: &Table) -> bool {
    table.height > table.frame.height()
}

/// The unit that a column of figures has by the names that Pelago gives: those of the
/// tables in `docs/results.md`. What a user called otherwise has none.
fn unit(column: &Column) -> Option<&'static str> {
    let name = column.name().as_str();
    if !column.dtype().is_primitive_numeric() {
        return None;
    }
    match name {
        "processing_time" | "total_time" => return Some("s"),
        "ipfs_load_time" => return Some("ms"),
        "bytes" | "model_bytes" => return Some("B"),
        "rate" => return Some("B/s"),
        _ => {}
    }
    let units = [("_ms", "ms"), ("_mb", "MiB"), ("_per_sec", "1/s"), ("_bytes", "B")];
    let by_end = units.iter().find(|(end, _)| name.ends_with(end)).map(|(_, unit)| *unit);
    by_end.or_else(|| name.starts_with("bytes_").then_some("B"))
}
