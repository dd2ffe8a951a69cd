//! The columns of a run that failed, and of the run that went well after it.

use chrono::{DateTime, Utc};
use pelago_protocol::{BrowserKind, Platform, Precision};

use super::{
    Cell, Column,
    Kind::{Bool, Float, Text, Time, U8},
    Row, Table, cells, column, float, moment, text,
};

/// A run that a browser was asked for and that ended in an error. What was refused
/// before that, such as a model that nobody knows, is no failed run.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedRun {
    /// Unique, and in the order of time (UUID version 7).
    pub failure_id: String,
    /// When the request came.
    pub started: DateTime<Utc>,
    /// The model's name.
    pub model_name: String,
    /// CID of the model's folder.
    pub model_cid: String,
    /// The browser that was to run it.
    pub browser: BrowserKind,
    /// The platform that was to run it.
    pub platform: Platform,
    /// Bits a weight.
    pub precision: Precision,
    /// Whether critical layers were to keep a higher precision.
    pub mixed_precision: bool,
    /// The error's word for programs, e.g. `browser_lost`.
    pub code: String,
    /// The error's message.
    pub message: String,
    /// Seconds from the request's arrival to the error.
    pub total_time: f64,
    /// Of the machine, when it failed.
    pub load_average: Option<f64>,
}

impl FailedRun {
    pub(in crate::results) fn row(&self) -> Row {
        Row { table: Table::Failures, cells: cells(COLUMNS, self) }
    }
}

pub(super) const COLUMNS: &[Column<FailedRun>] = &[
    column("failure_id", Text, |r| text(&r.failure_id)),
    column("started", Time, |r| moment(r.started)),
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
pub(in crate::results) struct Recovery<'a> {
    pub(in crate::results) failure_id: &'a str,
    pub(in crate::results) run_id: &'a str,
}

impl Recovery<'_> {
    pub(in crate::results) fn row(&self) -> Row {
        Row { table: Table::Recoveries, cells: vec![text(self.failure_id), text(self.run_id)] }
    }
}

/// Its values are made in [`Recovery::row`].
pub(super) const RECOVERY: &[Column<()>] =
    &[column("failure_id", Text, |()| Cell::Null), column("run_id", Text, |()| Cell::Null)];
