//! Cells of this and of earlier sessions, in SQLite. A session is one kernel;
//! its number is one more than that of the last, as in IPython.
//!
//! History never fails a cell: where the file cannot be used, that is logged and
//! this session's cells are kept in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Result, Row, params};

use crate::wire::history::{Access, Entry};

/// How long a write waits for another kernel's.
const BUSY: Duration = Duration::from_secs(2);
/// Cells of an answer where the client names no number.
const CELLS: i64 = 1000;
/// Bytes of a cell's output that are kept.
const OUTPUT: usize = 64 << 10;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sessions (
        session INTEGER PRIMARY KEY AUTOINCREMENT,
        started TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE IF NOT EXISTS cells (
        session INTEGER NOT NULL REFERENCES sessions(session),
        line INTEGER NOT NULL,
        source TEXT NOT NULL,
        output TEXT,
        PRIMARY KEY (session, line)
    ) WITHOUT ROWID;
";

/// The history of cells. Cheap to clone.
#[derive(Clone)]
pub(crate) struct History {
    path: PathBuf,
    open: Arc<Mutex<Option<Open>>>,
}

struct Open {
    connection: Connection,
    session: i64,
}

impl History {
    /// Nothing is opened before it is needed.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, open: Arc::default() }
    }

    /// Adds a cell that ran.
    pub(crate) async fn add(&self, line: u64, source: String, output: Option<String>) {
        let added = self.with(move |open| {
            let line = i64::try_from(line).unwrap_or(i64::MAX);
            let output = output.as_deref().map(|text| text.get(..text.floor_char_boundary(OUTPUT)).unwrap_or(text));
            let add = "INSERT OR REPLACE INTO cells (session, line, source, output) VALUES (?, ?, ?, ?)";
            open.connection.execute(add, params![open.session, line, source, output])
        });
        added.await;
    }

    /// The cells that are asked for, the oldest first.
    pub(crate) async fn entries(&self, access: Access) -> Vec<Entry> {
        self.with(move |open| entries(open, &access)).await.unwrap_or_default()
    }

    /// Runs on a thread that may block, opening the file if need be.
    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&Open) -> Result<T> + Send + 'static) -> Option<T> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // A holder that panicked leaves the database whole: SQLite rolls back.
            let mut guard = this.open.lock().unwrap_or_else(PoisonError::into_inner);
            let open = match &mut *guard {
                Some(open) => open,
                none => none.insert(open(&this.path)?),
            };
            work(open)
        });
        match done.await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::warn!(path = %self.path.display(), %error, "the history of cells cannot be used");
                None
            }
            Err(error) => {
                tracing::error!(%error, "the history of cells ended early");
                None
            }
        }
    }
}

/// A new session in the file, or in memory where there can be none.
fn open(path: &Path) -> Result<Open> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let opened = match folder {
        Ok(()) => Connection::open(path).and_then(start),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the folder of the history cannot be made");
            Connection::open_in_memory().and_then(start)
        }
    };
    opened.or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "the history is kept in memory");
        Connection::open_in_memory().and_then(start)
    })
}

fn start(connection: Connection) -> Result<Open> {
    connection.busy_timeout(BUSY)?;
    // Answers with the mode it has now, which in memory is another one.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // A power cut may cost the last cells, never the file.
    connection.execute_batch("PRAGMA synchronous = NORMAL;")?;
    connection.execute_batch(SCHEMA)?;
    connection.execute("INSERT INTO sessions DEFAULT VALUES", [])?;
    let session = connection.last_insert_rowid();
    Ok(Open { connection, session })
}

fn entries(open: &Open, access: &Access) -> Result<Vec<Entry>> {
    let count = |n: &Option<i64>| n.filter(|n| *n >= 0).unwrap_or(CELLS);
    match access {
        Access::Range { session, start, stop } => {
            let session = match session.unwrap_or(0) {
                back if back <= 0 => open.session.saturating_add(back),
                named => named,
            };
            let mut query = open.connection.prepare_cached(
                "SELECT session, line, source, output FROM cells
                 WHERE session = ? AND line >= ? AND line < ? ORDER BY line",
            )?;
            let stop = stop.filter(|stop| *stop >= 0).unwrap_or(i64::MAX);
            query.query_map(params![session, start.unwrap_or(0), stop], entry)?.collect()
        }
        Access::Tail { n } => {
            let mut query = open.connection.prepare_cached(
                "SELECT * FROM (SELECT session, line, source, output FROM cells
                 ORDER BY session DESC, line DESC LIMIT ?) ORDER BY session, line",
            )?;
            query.query_map([count(n)], entry)?.collect()
        }
        Access::Search { pattern, n, unique } => {
            let pattern = pattern.as_deref().unwrap_or("*");
            let mut query = open.connection.prepare_cached(if unique.unwrap_or(false) {
                // Of equal cells SQLite takes the other columns from the row of the maximum.
                "SELECT session, line, source, output FROM (SELECT session, line, source, output,
                 max(session * 1000000000 + line) AS place FROM cells WHERE source GLOB ?
                 GROUP BY source ORDER BY place DESC LIMIT ?) ORDER BY session, line"
            } else {
                "SELECT * FROM (SELECT session, line, source, output FROM cells WHERE source GLOB ?
                 ORDER BY session DESC, line DESC LIMIT ?) ORDER BY session, line"
            })?;
            query.query_map(params![pattern, count(n)], entry)?.collect()
        }
    }
}

fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry { session: row.get(0)?, line: row.get(1)?, source: row.get(2)?, output: row.get(3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn filled(folder: &Path) -> History {
        let path = folder.join("new/history.sqlite");
        for session in ["a", "b"] {
            let history = History::new(path.clone());
            for line in 1..=3 {
                history.add(line, format!("{session}{}", line % 2), None).await;
            }
        }
        let history = History::new(path);
        history.add(1, ":help".to_owned(), Some("all".to_owned())).await;
        history
    }

    async fn found(history: &History, access: serde_json::Value) -> Vec<(i64, i64, String)> {
        let entries = history.entries(serde_json::from_value(access).unwrap()).await;
        entries.into_iter().map(|entry| (entry.session, entry.line, entry.source)).collect()
    }

    fn cells(cells: &[(i64, i64, &str)]) -> Vec<(i64, i64, String)> {
        cells.iter().map(|(session, line, source)| (*session, *line, (*source).to_owned())).collect()
    }

    #[tokio::test]
    async fn sessions_are_numbered_and_outlive_a_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let history = filled(folder.path()).await;
        let range = |session: i64| serde_json::json!({"hist_access_type": "range", "session": session, "start": 2});
        assert_eq!(found(&history, range(1)).await, cells(&[(1, 2, "a0"), (1, 3, "a1")]));
        assert_eq!(found(&history, range(-1)).await, cells(&[(2, 2, "b0"), (2, 3, "b1")]));
        assert_eq!(found(&history, range(0)).await, cells(&[]));
        let all = found(&history, serde_json::json!({"hist_access_type": "range"})).await;
        assert_eq!(all, cells(&[(3, 1, ":help")]));
    }

    #[tokio::test]
    async fn the_tail_is_the_newest_of_all_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let history = filled(folder.path()).await;
        let tail = found(&history, serde_json::json!({"hist_access_type": "tail", "n": 2})).await;
        assert_eq!(tail, cells(&[(2, 3, "b1"), (3, 1, ":help")]));
    }

    #[tokio::test]
    async fn a_search_takes_globs_and_drops_what_is_there_twice() {
        let folder = tempfile::tempdir().unwrap();
        let history = filled(folder.path()).await;
        let search = |unique| serde_json::json!({"hist_access_type": "search", "pattern": "a*", "unique": unique});
        assert_eq!(found(&history, search(false)).await, cells(&[(1, 1, "a1"), (1, 2, "a0"), (1, 3, "a1")]));
        assert_eq!(found(&history, search(true)).await, cells(&[(1, 2, "a0"), (1, 3, "a1")]));
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_costs_only_the_past() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        let history = History::new(path);
        history.add(1, "1 + 1".to_owned(), None).await;
        let tail = found(&history, serde_json::json!({"hist_access_type": "tail"})).await;
        assert_eq!(tail, cells(&[(1, 1, "1 + 1")]));
    }
}
