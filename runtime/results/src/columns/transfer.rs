//! The columns of what one source gave of a model for one run.

use pelago_protocol::Transfer;

use super::{
    Cell, Column,
    Kind::{Float, Text, U64},
    Row, Table, cells, column, float, text,
};

pub(crate) fn row(transfer: &Transfer) -> Row {
    Row { table: Table::Transfers, cells: cells(COLUMNS, transfer) }
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
