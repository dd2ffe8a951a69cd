//! The columns of a run that failed, and of the run that went well after it.

use pelago_protocol::FailedRun;

use super::{
    Cell, Column,
    Kind::{Bool, Float, Text, Time, U8},
    Row, Table, cells, column, float, text, time,
};

pub(crate) fn row(failed: &FailedRun) -> Row {
    Row { table: Table::Failures, cells: cells(COLUMNS, failed) }
}

pub(super) const COLUMNS: &[Column<FailedRun>] = &[
    column("failure_id", Text, |r| text(&r.failure_id)),
    column("started", Time, |r| time(&r.started).map_or(Cell::Null, Cell::Time)),
    column("model_name", Text, |r| text(&r.model_name)),
    column("model_cid", Text, |r| text(&r.model_cid)),
    column("browser", Text, |r| text(r.browser.as_str())),
    column("platform", Text, |r| text(r.platform.as_str())),
    column("precision", U8, |r| Cell::Unsigned(r.precision.bits().into())),
    column("mixed_precision", Bool, |r| Cell::Bool(r.mixed_precision)),
    column("code", Text, |r| text(&r.code)),
    column("message", Text, |r| text(&r.message)),
    column("total_time", Float, |r| Cell::Float(r.total_time)),
    column("load_average", Float, |r| float(r.load_average)),
];

/// The first run of a session that went well after one that failed.
pub(crate) struct Recovery<'a> {
    pub(crate) failure_id: &'a str,
    pub(crate) run_id: &'a str,
}

impl Recovery<'_> {
    pub(crate) fn row(&self) -> Row {
        Row { table: Table::Recoveries, cells: vec![text(self.failure_id), text(self.run_id)] }
    }
}

/// Its values are made in [`Recovery::row`].
pub(super) const RECOVERY: &[Column<()>] =
    &[column("failure_id", Text, |()| Cell::Null), column("run_id", Text, |()| Cell::Null)];
