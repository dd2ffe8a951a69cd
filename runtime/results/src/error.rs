//! What can go wrong between a report and its row, and what the user can do.

use pelago_protocol::RunId;
use std::{io, path::PathBuf, time::Duration};

/// An error of the results.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A file or folder could not be read or written.
    #[error("could not {action} {}: {source}; check that it is yours and writable", path.display())]
    Io {
        /// What was tried, e.g. `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space left on the device of {}; free some space and try again: what was recorded before is kept", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// Other processes kept the results busy for the whole wait.
    #[error(
        "expected to get {} within {waited:?}, but other Pelago processes held it all the time; try again, or end the one \
         that hangs. Recording goes on meanwhile", path.display()
    )]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long this process waited.
        waited: Duration,
    },
    /// Another program has the database open and keeps writing to it.
    #[error(
        "another program has {} open and keeps changing it: {holder}; close it there and try again. Recording goes on \
         meanwhile", path.display()
    )]
    Held {
        /// The database.
        path: PathBuf,
        /// DuckDB's own message, which names the program and its PID.
        holder: String,
    },
    /// A newer Pelago made the file.
    #[error(
        "{} was made by a newer Pelago (version {found} of its layout; this one knows up to {known}); update Pelago, or \
         use another results folder", path.display()
    )]
    Newer {
        /// The database or journal.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The newest version that this Pelago reads.
        known: u64,
    },
    /// The file is not a whole DuckDB database. It is left as it is.
    #[error(
        "{} is not a whole DuckDB database ({reason}); it was left untouched: move it away to begin a new one, and keep it \
         if its rows matter", path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What DuckDB found.
        reason: String,
    },
    /// A DuckDB database, but not of Pelago's results.
    #[error("{} is a DuckDB database with other tables than Pelago's results; move it away or use another folder", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// There is no database where one was to be read.
    #[error("expected a database at {}, found no file there; check the path, or leave --db-only out to begin one", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Results that are only read were to take a row.
    #[error("{} is only read here, so nothing can be recorded in it; leave --db-only out", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// A report whose time is not one.
    #[error("expected `started` of run {run_id} as RFC 3339 between the years 1970 and 9999, found {found:?}")]
    Started {
        /// The run.
        run_id: RunId,
        /// What its report says.
        found: String,
    },
    /// DuckDB refused or failed at something of Pelago's own.
    #[error("could not {action} {}: {source}", path.display())]
    Database {
        /// What was tried, e.g. `open`.
        action: &'static str,
        /// The database.
        path: PathBuf,
        /// DuckDB's words.
        source: duckdb::Error,
    },
    /// A query of the user's failed. Queries only read.
    #[error(
        "the query failed: {message}\nA query may only read, from the tables runs, sweeps, failures, recoveries and transfers and the views phases, \
         adapters, parity and content (`DESCRIBE runs` lists columns)"
    )]
    Query {
        /// DuckDB's words.
        message: String,
    },
    /// A query ran for too long.
    #[error("the query was stopped after {limit:?}; narrow it down, e.g. with LIMIT")]
    Slow {
        /// The time it had.
        limit: Duration,
    },
    /// A query gave a column that a DataFrame cannot hold.
    #[error(
        "column {column:?} of the query has type {found}, which a DataFrame cannot hold; cast it in the query, e.g. `{column}::VARCHAR`"
    )]
    Type {
        /// The column.
        column: String,
        /// Its Arrow type.
        found: String,
    },
    /// A result could not be made into a DataFrame.
    #[error("could not make a DataFrame of the result: {source}")]
    Frame {
        /// Polars' words.
        #[from]
        source: polars::error::PolarsError,
    },
    /// A result could not leave DuckDB as Arrow.
    #[error("could not read the result as Arrow: {source}")]
    Arrow {
        /// Arrow's words.
        #[from]
        source: duckdb::arrow::error::ArrowError,
    },
    /// Rows of Pelago's own that are not what they should be.
    #[error("could not read the rows of the database: {source}; somebody may have changed its tables")]
    Rows {
        /// What was expected, and where.
        #[from]
        source: serde_json::Error,
    },
    /// The task was stopped half-way: the runtime is shutting down, or it panicked.
    #[error("the results task did not finish: {source}; try again")]
    Stopped {
        /// What became of the task.
        #[from]
        source: tokio::task::JoinError,
    },
}

impl ResultsError {
    /// An I/O error at `path`, a full disk told apart.
    pub(super) fn io(action: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path: path.to_owned() },
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }

    /// An error of DuckDB's at `path`. DuckDB gives no codes through this
    /// interface, only words, so the words decide.
    pub(super) fn database(action: &'static str, path: &std::path::Path, source: duckdb::Error) -> Self {
        let words = source.to_string();
        let path = path.to_owned();
        let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        if says(&["No space left on device", "Disk quota exceeded"]) {
            Self::Full { path }
        } else if says(&["Could not set lock on file"]) {
            Self::Held { path, holder: words }
        } else if says(&[
            "not a valid DuckDB database",
            "Could not read enough bytes",
            "Corrupt",
            "checksum",
            "Serialization Error",
            "INTERNAL Error",
            "created with a newer version of DuckDB",
            "Failure while replaying WAL",
        ]) {
            Self::Damaged { path, reason: words }
        } else {
            Self::Database { action, path, source }
        }
    }
}
