//! The index: SQLite in WAL mode, so that several processes read while one
//! writes. Connections are pooled; a write is one immediate transaction.
//!
//! What the rows mean is in `rows.rs`.

pub(crate) mod rebuild;
pub(crate) mod rows;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pelago_dag::{Cid, cid};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use self::schema::{CONTENT, FORMAT, migrate};
use crate::StoreError;

/// How long a write waits for another process's.
const BUSY: Duration = Duration::from_secs(30);
/// Connections kept open for the next caller: opening one costs more than what most are used for.
const POOL: usize = 16;
/// What each may keep of the database in memory, KiB; the system's page cache has it all.
const CACHE_KIB: i64 = 512;

/// Where a block lies.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) extent: String,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// The database file and its connections.
pub(crate) struct Index {
    path: PathBuf,
    read_only: bool,
    /// The format found, which on a store that is only read may be an earlier one.
    format: i64,
    pool: Mutex<Vec<Connection>>,
}

impl Index {
    /// Opens the database, or makes it; one of an earlier format is brought to this one. In the
    /// transaction that makes it, `refill` puts in what the extents hold: nobody ever sees the
    /// index of a rebuilt store half full.
    pub(crate) fn open(
        path: PathBuf,
        read_only: bool,
        refill: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let mut index = Self { path, read_only, format: 0, pool: Mutex::new(Vec::new()) };
        let format = |c: &Connection| c.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0));
        let mut found = index.read(format)?;
        if found < FORMAT && !read_only {
            found = index.try_write(|tx| {
                let sql = |e| StoreError::index(&index.path, e);
                let before = format(tx).map_err(sql)?;
                if before < FORMAT {
                    migrate(tx, before).map_err(sql)?;
                }
                if before == 0 {
                    refill(tx)?;
                }
                Ok(before.max(FORMAT))
            })?;
        }
        if found > FORMAT {
            let path = index.path.parent().unwrap_or(Path::new("")).to_owned();
            return Err(StoreError::Format { path, expected: FORMAT, found });
        }
        index.format = found;
        Ok(index)
    }

    /// Whether the tables are of the newest format.
    pub(crate) fn is_current(&self) -> bool {
        self.format == FORMAT
    }

    /// Refuses tables of an earlier format.
    pub(crate) fn check_current(&self, store: &Path) -> Result<(), StoreError> {
        let path = store.to_owned();
        if self.is_current() {
            Ok(())
        } else {
            Err(StoreError::OldFormat { path, expected: FORMAT, found: self.format })
        }
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        if !self.read_only {
            let connection = Connection::open(&self.path)?;
            connection.busy_timeout(BUSY)?;
            switch_to_wal(&connection)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.set_prepared_statement_cache_capacity(64);
            connection.execute_batch(CONTENT)?;
            return Ok(connection);
        }
        let open = |immutable: &str| {
            let path = self.path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(format!("file:{path}{immutable}"), flags)?;
            connection.busy_timeout(BUSY)?;
            connection.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
            connection.execute_batch(CONTENT)?;
            Ok(connection)
        };
        // WAL wants to write beside the database; on a read-only medium nobody else can change it.
        open("").or_else(|_: rusqlite::Error| open("?immutable=1"))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let pooled = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => self.connect().map_err(|e| self.error(e))?,
        };
        let value = work(&mut connection)?;
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL {
            pool.push(connection);
        }
        Ok(value)
    }

    fn error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::index(&self.path, source)
    }

    /// Reads.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.with(|connection| work(connection).map_err(|e| self.error(e)))
    }

    /// Changes, all or nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.try_write(|tx| work(tx).map_err(|e| self.error(e)))
    }

    /// The same where the work has errors of its own, each of which rolls back.
    pub(crate) fn try_write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly { path: self.path.parent().unwrap_or(&self.path).to_owned() });
        }
        self.with(|connection| {
            let sql = |e| self.error(e);
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
            let value = work(&tx)?;
            tx.commit().map_err(sql)?;
            Ok(value)
        })
    }

    /// An error of a statement within `try_write`.
    pub(crate) fn sql<T>(&self, result: Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        result.map_err(|e| self.error(e))
    }

    /// Where a block lies, if it is here.
    pub(crate) fn locate(&self, cid: &Cid) -> Result<Option<Location>, StoreError> {
        self.read(|c| {
            c.prepare_cached(
                "SELECT e.name, b.offset, b.length FROM blocks b JOIN extents e ON e.id = b.extent WHERE b.cid = ?",
            )?
            .query_row([cid::key(cid)], |r| {
                Ok(Location {
                    extent: r.get(0)?,
                    offset: r.get::<_, i64>(1)? as u64,
                    length: r.get::<_, i64>(2)? as u64,
                })
            })
            .optional()
        })
    }

    /// Which of these blocks are here.
    pub(crate) fn present(&self, cids: &[Cid]) -> Result<Vec<bool>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT 1 FROM blocks WHERE cid = ?")?;
            cids.iter().map(|cid| statement.exists([cid::key(cid)])).collect()
        })
    }

    /// Whether an extent is named.
    pub(crate) fn has_extent(&self, name: &str) -> Result<bool, StoreError> {
        self.read(|c| c.prepare_cached("SELECT 1 FROM extents WHERE name = ?")?.exists([name]))
    }

    /// Takes a damaged block out, so that it is missing rather than wrong.
    /// Only this copy: another process may have written a good one since.
    pub(crate) fn drop_block(&self, cid: &Cid, copy: &Location) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(
                "DELETE FROM blocks WHERE cid = ? AND extent = (SELECT id FROM extents WHERE name = ?)",
                params![cid::key(cid), copy.extent],
            )
            .map(|_| ())
        })
    }
}

/// Several processes that open a new store at once all want to switch its mode, and SQLite does not
/// wait for another who does: it says that the database is locked.
fn switch_to_wal(connection: &Connection) -> Result<(), rusqlite::Error> {
    let deadline = Instant::now() + BUSY;
    loop {
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |r| r.get(0))?;
        if mode == "wal" {
            return Ok(());
        }
        match connection.query_row("PRAGMA journal_mode = wal", [], |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}
