//! The columns of what one source gave of a model for one run.

use super::{
    Cell, Column,
    Kind::{Float, Text, U64},
    Row, Table, cells, column, float, text,
};
use crate::content::retrieve::SourceReport;

/// What one source on the network gave for one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// The run that the model was fetched for.
    pub run_id: String,
    /// The source's name.
    pub source: String,
    /// `peer`, `gateway` or `kubo`.
    pub kind: String,
    /// Verified bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Its goodput, bytes a second, where it was measured.
    pub rate: Option<f64>,
    /// Milliseconds from question to answer, where they were measured.
    pub latency_ms: Option<f64>,
    /// Of its transfers of late, how many failed: 0 to 1.
    pub errors: f64,
}

impl Transfer {
    /// What a fetch reports of a source.
    #[must_use]
    pub fn of(run_id: &str, source: &SourceReport) -> Self {
        Self {
            run_id: run_id.to_owned(),
            source: source.name.clone(),
            kind: source.kind.as_str().to_owned(),
            bytes: source.bytes,
            blocks: source.blocks,
            rate: source.goodput,
            latency_ms: source.latency.map(|latency| latency.as_secs_f64() * 1e3),
            errors: source.errors,
        }
    }

    pub(in crate::results) fn row(&self) -> Row {
        Row { table: Table::Transfers, cells: cells(COLUMNS, self) }
    }
}

pub(super) const COLUMNS: &[Column<Transfer>] = &[
    column("run_id", Text, |r| text(&r.run_id)),
    column("source", Text, |r| text(&r.source)),
    column("kind", Text, |r| text(&r.kind)),
    column("bytes", U64, |r| Cell::Unsigned(r.bytes)),
    column("blocks", U64, |r| Cell::Unsigned(r.blocks)),
    column("rate", Float, |r| float(r.rate)),
    column("latency_ms", Float, |r| float(r.latency_ms)),
    column("errors", Float, |r| Cell::Float(r.errors)),
];
