//! The columns of every table: one list each, from which rows, journals and
//! DataFrames are all made. It does not know DuckDB or Polars.

pub(super) mod failure;
pub(super) mod generation;
pub(super) mod part;
mod run;
mod sweep;
pub(super) mod transfer;

use chrono::{DateTime, Datelike, Utc};
use pelago_protocol::Report;

use super::ResultsError;

pub(super) use failure::Recovery;
pub(super) use run::COLUMNS as RUN;
pub(super) use sweep::{COLUMNS as SWEEP, OF_TEXT as SWEEP_OF_TEXT, Swept};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    U8,
    U32,
    U64,
    Float,
    Text,
    Texts,
    Time,
}

impl Kind {
    /// DuckDB's name of the type.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Bool => "BOOLEAN",
            Self::U8 => "UTINYINT",
            Self::U32 => "UINTEGER",
            Self::U64 => "UBIGINT",
            Self::Float => "DOUBLE",
            Self::Text => "VARCHAR",
            Self::Texts => "VARCHAR[]",
            Self::Time => "TIMESTAMP WITH TIME ZONE",
        }
    }
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Unsigned(u64),
    Float(f64),
    Text(String),
    Texts(Vec<String>),
    Time(DateTime<Utc>),
}

/// The name and type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// One column of rows that are made of `R`.
pub(super) struct Column<R> {
    pub(super) spec: Spec,
    cell: fn(&R) -> Cell,
}

/// A table that rows are recorded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Runs,
    RunSessions,
    RunPhases,
    RunGenerations,
    Sweeps,
    Failures,
    Recoveries,
    Transfers,
}

impl Table {
    pub(super) const ALL: [Self; 8] = [
        Self::Runs,
        Self::RunSessions,
        Self::RunPhases,
        Self::RunGenerations,
        Self::Sweeps,
        Self::Failures,
        Self::Recoveries,
        Self::Transfers,
    ];

    /// Its name in DuckDB and in journals.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::RunSessions => "run_sessions",
            Self::RunPhases => "run_phases",
            Self::RunGenerations => "run_generations",
            Self::Sweeps => "sweeps",
            Self::Failures => "failures",
            Self::Recoveries => "recoveries",
            Self::Transfers => "transfers",
        }
    }

    /// Its columns; the first is never null.
    pub(super) fn columns(self) -> Vec<Spec> {
        fn specs<R>(columns: &[Column<R>]) -> Vec<Spec> {
            columns.iter().map(|column| column.spec).collect()
        }
        match self {
            Self::Runs => specs(run::COLUMNS),
            Self::RunSessions => specs(part::SESSIONS),
            Self::RunPhases => specs(part::PHASES),
            Self::RunGenerations => specs(generation::COLUMNS),
            Self::Sweeps => {
                let mut columns = specs(sweep::COLUMNS);
                columns.extend(specs(sweep::OF_RECORD));
                columns.extend(specs(sweep::OF_TEXT));
                columns
            }
            Self::Failures => specs(failure::COLUMNS),
            Self::Recoveries => specs(failure::RECOVERY),
            Self::Transfers => specs(transfer::COLUMNS),
        }
    }
}

/// A row of a table: its values in the order of [`Table::columns`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) table: Table,
    pub(super) cells: Vec<Cell>,
}

/// The values of `record` in the order of its columns.
pub(super) fn cells<R>(columns: &[Column<R>], record: &R) -> Vec<Cell> {
    columns.iter().map(|column| (column.cell)(record)).collect()
}

/// The row of one run.
///
/// # Errors
/// [`ResultsError::Started`] where the report's time is not one.
pub(super) fn run(report: &Report) -> Result<Row, ResultsError> {
    if time(&report.started).is_none() {
        return Err(ResultsError::Started { run_id: report.run_id.clone(), found: report.started.clone() });
    }
    Ok(Row { table: Table::Runs, cells: cells(RUN, report) })
}

/// A time to the microsecond, as DuckDB and Polars keep it.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    to_micros(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

fn to_micros(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1970..=9999).contains(&time.year()).then_some(())?;
    DateTime::from_timestamp_micros(time.timestamp_micros())
}

const fn column<R>(name: &'static str, kind: Kind, cell: fn(&R) -> Cell) -> Column<R> {
    Column { spec: Spec { name, kind }, cell }
}

fn text(word: &str) -> Cell {
    Cell::Text(word.to_owned())
}

fn number(number: u32) -> Cell {
    Cell::Unsigned(number.into())
}

fn unsigned(number: Option<u64>) -> Cell {
    number.map_or(Cell::Null, Cell::Unsigned)
}

fn float(number: Option<f64>) -> Cell {
    number.map_or(Cell::Null, Cell::Float)
}

fn moment(time: DateTime<Utc>) -> Cell {
    to_micros(time).map_or(Cell::Null, Cell::Time)
}
