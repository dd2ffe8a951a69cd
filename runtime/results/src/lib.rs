//! The results: each run, and each combination of a sweep, is a row in DuckDB and comes back as a Polars DataFrame.
//! Reports over many runs are here too ([`reports`]). The crate knows
//! neither browsers nor how a run comes about, and it prints no table: values go to whoever draws them.
//!
//! DuckDB lets one process write and then nobody else read, and Pelago must let
//! many do both. So nothing keeps the database open:
//!
//! - [`Results::record`] appends a line to this process's own journal, in
//!   `journal/`, and returns when it is on disk. It takes no lock and does not
//!   touch the database.
//! - [`Results::history`] and [`Results::sql`] take the lock of the folder, open
//!   `results.duckdb`, absorb the journals of all processes, dead or alive, answer
//!   and close it again. They see every run recorded before they were called.
//!
//! A process that dies leaves its journal to whoever asks next. Another program
//! that has the database open delays nobody: the answer then comes from a copy.

mod absorb;
mod arrow;
mod columns;
mod copy;
mod database;
mod error;
mod frame;
mod insert;
mod journal;
mod line;
mod place;
mod query;
pub mod reports;
mod schema;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use duckdb::InterruptHandle;
use pelago_protocol::{FailedRun, FailureId, MeasuredRun, Report, SweepRow, Transfer};
use polars::frame::DataFrame;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

pub use error::ResultsError;
pub use place::Place;
pub use query::Filter;

use columns::Row;
use database::Database;
use journal::Journal;

use pelago_statistics as statistics;

const WAIT: Duration = Duration::from_secs(30);
const QUERY: Duration = Duration::from_secs(60);
const INTERRUPTIONS: usize = 20;
const INTERRUPT_AGAIN: Duration = Duration::from_millis(100);

/// The results in one place. Clones share the journal; any number of tasks may
/// use them at once.
#[derive(Clone, Debug)]
pub struct Results {
    place: Place,
    journal: Arc<Journal>,
    wait: Duration,
    query: Duration,
}

impl Results {
    /// The results in the folder `dir`, as [`Results::at`] has them.
    ///
    /// # Errors
    /// Those of [`Results::at`].
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Self, ResultsError> {
        Self::at(Place::Folder(dir.into())).await
    }

    /// The results in `place`, whose folder is made where it is missing. A
    /// question waits at most 30 s for other Pelago processes, and a query runs
    /// at most 60 s.
    ///
    /// # Errors
    /// [`ResultsError::Io`] or [`ResultsError::Full`] where the folder cannot be made.
    pub async fn at(place: Place) -> Result<Self, ResultsError> {
        let journals = place.journals();
        let journal = Arc::new(Journal::new(journals.clone()));
        if !matches!(place, Place::ReadOnly(_)) {
            spawn_blocking(move || make(&journals)).await??;
        }
        Ok(Self { place, journal, wait: WAIT, query: QUERY })
    }

    /// The same, with other limits: how long to wait for other Pelago processes,
    /// and how long a query of [`Results::sql`] may run.
    #[must_use]
    pub fn with_limits(self, wait: Duration, query: Duration) -> Self {
        Self { wait, query, ..self }
    }

    /// Records a run. When this returns the run survives the end of this process
    /// and of the machine. A run of an id that is there already is not recorded
    /// again.
    ///
    /// # Errors
    /// [`ResultsError::Started`], [`ResultsError::Full`], [`ResultsError::Io`]; the next call starts anew.
    pub async fn record(&self, report: &Report) -> Result<(), ResultsError> {
        self.record_run(report, &[], None).await
    }

    /// Records a run as [`Results::record`] does, with what sources on the network gave
    /// for it, and the failure (its id) that it was the first to go well after.
    ///
    /// # Errors
    /// Those of [`Results::record`].
    pub async fn record_run(
        &self,
        report: &Report,
        transfers: &[Transfer],
        recovered: Option<&FailureId>,
    ) -> Result<(), ResultsError> {
        let mut rows = vec![columns::run(report)?];
        rows.extend(columns::part::rows(report));
        rows.extend(columns::generation::row(report));
        rows.extend(transfers.iter().map(columns::transfer::row));
        rows.extend(recovered.map(|failure_id| columns::Recovery { failure_id, run_id: &report.run_id }.row()));
        self.append(&rows).await
    }

    /// Records a run that failed, as [`Results::record`] does one that went well.
    ///
    /// # Errors
    /// [`ResultsError::Full`], [`ResultsError::Io`].
    pub async fn record_failure(&self, failed: &FailedRun) -> Result<(), ResultsError> {
        self.append(&[columns::failure::row(failed)]).await
    }

    /// Records combinations of a sweep, with the time and the machine's load. One that is
    /// there already is not recorded again.
    ///
    /// # Errors
    /// [`ResultsError::Full`], [`ResultsError::Io`].
    pub async fn record_sweep(&self, rows: &[SweepRow]) -> Result<(), ResultsError> {
        let swept = columns::Swept { recorded: Utc::now(), load_average: statistics::load_average() };
        let rows: Vec<Row> = rows.iter().map(|row| swept.row(row)).collect();
        self.append(&rows).await
    }

    async fn append(&self, rows: &[Row]) -> Result<(), ResultsError> {
        if let Place::ReadOnly(path) = &self.place {
            return Err(ResultsError::ReadOnly { path: path.clone() });
        }
        let lines: Vec<u8> = rows.iter().flat_map(line::write).collect();
        let journal = self.journal.clone();
        spawn_blocking(move || journal.append(&lines)).await?
    }

    /// The runs that fit `filter`, newest first, one row each.
    ///
    /// # Errors
    /// [`ResultsError::Busy`] after the wait, [`ResultsError::Newer`], [`ResultsError::Damaged`],
    /// [`ResultsError::Foreign`], [`ResultsError::Full`] and those of files and DuckDB.
    pub async fn history(&self, filter: Filter) -> Result<DataFrame, ResultsError> {
        self.at_database(move |database| {
            let answer = query::history(&database, &filter);
            database.close()?;
            answer
        })
        .await
    }

    /// What warm runs of the model with this CID took, newest first, of its latest `limit` runs.
    ///
    /// # Errors
    /// Those of [`Results::history`], and [`ResultsError::Frame`].
    pub async fn measured(&self, model_cid: &str, limit: u64) -> Result<Vec<MeasuredRun>, ResultsError> {
        let filter = Filter { limit: Some(limit), model: Some(model_cid.to_owned()), ..Filter::default() };
        Ok(frame::measured(&self.history(filter).await?)?)
    }

    /// The answer to one `SELECT` over the tables and views of `docs/results.md`. It can
    /// neither write nor read anything else. Other processes need not wait for it.
    ///
    /// # Errors
    /// [`ResultsError::Query`] with DuckDB's words, [`ResultsError::Slow`] after the limit,
    /// [`ResultsError::Type`] for what no DataFrame holds; and those of [`Results::history`].
    pub async fn sql(&self, query: impl Into<String>) -> Result<DataFrame, ResultsError> {
        let reader = self.at_database(Database::into_reader).await?;
        let query = query.into();
        let handle = reader.interrupt_handle();
        let task = spawn_blocking(move || query::sql(&reader, &query));
        Running { handle, task }.within(self.query).await
    }

    /// Pelago's own questions, one after the other of the same state: rows as JSON objects.
    ///
    /// # Errors
    /// Those of [`Results::history`].
    pub(crate) async fn ask(&self, questions: Vec<String>) -> Result<Vec<Vec<serde_json::Value>>, ResultsError> {
        self.at_database(move |database| {
            let answers = questions.iter().map(|question| query::rows(&database, question)).collect();
            database.close()?;
            answers
        })
        .await
    }

    /// The rows of `reports`, in their order: the same columns and types as those
    /// of [`Results::history`], without a database.
    ///
    /// # Errors
    /// [`ResultsError::Started`].
    pub fn frame(reports: &[Report]) -> Result<DataFrame, ResultsError> {
        reports.iter().try_for_each(|report| columns::run(report).map(drop))?;
        frame::frame(&[columns::RUN], reports)
    }

    /// One row a combination, in their order: the columns of the table `sweeps` but for
    /// `recorded` and `load_average`, without a database.
    ///
    /// # Errors
    /// [`ResultsError::Frame`].
    pub fn sweep_frame(rows: &[SweepRow]) -> Result<DataFrame, ResultsError> {
        frame::frame(&[columns::SWEEP, columns::SWEEP_OF_TEXT], rows)
    }

    /// Ends this process's journal and moves it into the database. What was
    /// recorded is safe without it, too.
    ///
    /// # Errors
    /// Those of [`Results::history`].
    pub async fn close(&self) -> Result<(), ResultsError> {
        if matches!(self.place, Place::ReadOnly(_)) {
            return Ok(());
        }
        self.journal.close();
        self.at_database(Database::close).await
    }

    /// Does `work` with the database, all journals absorbed.
    async fn at_database<T: Send + 'static>(
        &self,
        work: impl FnOnce(Database) -> Result<T, ResultsError> + Send + 'static,
    ) -> Result<T, ResultsError> {
        let (place, wait) = (self.place.clone(), self.wait);
        spawn_blocking(move || {
            if matches!(place, Place::ReadOnly(_)) {
                return work(Database::open(&place, wait)?);
            }
            let journals = place.journals();
            make(&journals)?;
            let database = Database::open(&place, wait)?;
            work(absorb::absorb(database, &journals)?)
        })
        .await?
    }
}

fn make(dir: &Path) -> Result<(), ResultsError> {
    std::fs::create_dir_all(dir).map_err(|source| ResultsError::io("create", dir, source))
}

/// A query that ends when nobody waits for it any more.
struct Running {
    handle: Arc<InterruptHandle>,
    task: JoinHandle<Result<DataFrame, ResultsError>>,
}

impl Running {
    async fn within(mut self, limit: Duration) -> Result<DataFrame, ResultsError> {
        if let Ok(answer) = timeout(limit, &mut self.task).await {
            return answer?;
        }
        // DuckDB does not notice an interruption between two statements.
        for _ in 0..INTERRUPTIONS {
            self.handle.interrupt();
            if timeout(INTERRUPT_AGAIN, &mut self.task).await.is_ok() {
                break;
            }
        }
        Err(ResultsError::Slow { limit })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        self.handle.interrupt();
    }
}
