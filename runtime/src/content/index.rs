//! The index, in SQLite: which block is where, which roots there are, which
//! names lead to them. Several processes use it at once (WAL).
//!
//! Blocks and roots can be found again by a scan of the store's files; names
//! cannot, so the index is written with `synchronous = FULL`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::ContentError;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(30);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS blocks (
    cid TEXT PRIMARY KEY, extent TEXT, offset INTEGER, length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS roots (
    cid TEXT PRIMARY KEY, size INTEGER NOT NULL, profile TEXT NOT NULL, added TEXT NOT NULL
) WITHOUT ROWID;
-- An extent and the node at the root of its tree have one CID.
CREATE TABLE IF NOT EXISTS members (
    root TEXT NOT NULL, cid TEXT NOT NULL, is_extent INTEGER NOT NULL, PRIMARY KEY (root, cid, is_extent)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_by_cid ON members (cid);
CREATE TABLE IF NOT EXISTS names (
    name TEXT NOT NULL, cid TEXT NOT NULL, source TEXT NOT NULL, profile TEXT NOT NULL, family TEXT, evidence TEXT NOT NULL,
    added TEXT NOT NULL, removed TEXT
);
CREATE INDEX IF NOT EXISTS names_by_name ON names (name, added);
CREATE TABLE IF NOT EXISTS derived (
    parent TEXT NOT NULL, recipe TEXT NOT NULL, cid TEXT NOT NULL, added TEXT NOT NULL, PRIMARY KEY (parent, recipe)
) WITHOUT ROWID;
";

/// A connection to the index, shared by the tasks of this process.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
}

impl Index {
    pub(super) fn open(path: &Path) -> Result<Self, ContentError> {
        let failed = |source| ContentError::Index { path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        Ok(Self { path: Arc::new(path.to_owned()), connection: Arc::new(Mutex::new(connection)) })
    }

    /// Does `work` in one transaction that takes the write lock at its start,
    /// so that it waits for other writers and never fails half-way for them.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, ContentError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |source| self.failed(source);
        let behavior = rusqlite::TransactionBehavior::Immediate;
        let transaction = connection.transaction_with_behavior(behavior).map_err(failed)?;
        let result = work(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(result)
    }

    /// Reads.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ContentError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> ContentError {
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => ContentError::Full { path: self.path.to_path_buf() },
            Some(rusqlite::ErrorCode::ReadOnly) => ContentError::ReadOnly { path: self.path.to_path_buf() },
            _ => ContentError::Index { path: self.path.to_path_buf(), source },
        }
    }
}
