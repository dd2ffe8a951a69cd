//! Tables that commands make of their own.

use polars::prelude::{Column, DataFrame};

use super::CommandError;
use pelago_render::{Shown, Table};

/// Columns of one height, to be shown.
pub(super) fn shown(columns: Vec<Column>) -> Result<Shown, CommandError> {
    let height = columns.first().map_or(0, Column::len);
    Ok(Shown::Table(Table::of(&DataFrame::new(height, columns)?)))
}
