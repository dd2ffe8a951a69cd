//! The index: SQLite in WAL mode, so that several processes read while one
//! writes. Connections are pooled; a write is one immediate transaction.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cid::Cid;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::StoreError;
use crate::extent::{Placed, RootRecord, Sealed};

/// The layout of the tables below.
const FORMAT: i64 = 1;
/// How long a write waits for another process's.
const BUSY: Duration = Duration::from_secs(30);
/// Connections kept open for the next caller.
const POOL: usize = 8;

const SCHEMA: &str = "
CREATE TABLE extents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, cid BLOB NOT NULL UNIQUE,
    extent INTEGER NOT NULL REFERENCES extents(id), offset INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE INDEX blocks_of_extent ON blocks(extent);
CREATE TABLE roots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, cid BLOB NOT NULL UNIQUE, profile TEXT NOT NULL,
    size INTEGER NOT NULL, files INTEGER NOT NULL, added_at TEXT NOT NULL, extent INTEGER REFERENCES extents(id));
CREATE INDEX roots_of_extent ON roots(extent);
CREATE TABLE root_blocks (root INTEGER NOT NULL, cid BLOB NOT NULL, PRIMARY KEY (root, cid)) WITHOUT ROWID;
CREATE INDEX roots_of_block ON root_blocks(cid);
";

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
    pool: Mutex<Vec<Connection>>,
}

impl Index {
    /// Opens the database, or makes it. In the transaction that makes it, `refill` puts in what the
    /// extents hold: nobody ever sees the index of a rebuilt store half full.
    pub(crate) fn open(
        path: PathBuf,
        read_only: bool,
        refill: impl FnOnce(&Transaction<'_>) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let index = Self { path, read_only, pool: Mutex::new(Vec::new()) };
        let format = |c: &Connection| c.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0));
        let mut found = index.read(format)?;
        if found == 0 {
            let mut failed = None;
            let made = index.write(|tx| {
                found = format(tx)?;
                if found == 0 {
                    tx.execute_batch(SCHEMA)?;
                    tx.pragma_update(None, "user_version", FORMAT)?;
                    if let Err(error) = refill(tx) {
                        failed = Some(error);
                        return Err(rusqlite::Error::QueryReturnedNoRows);
                    }
                    found = FORMAT;
                }
                Ok(())
            });
            failed.map_or(made, Err)?;
        }
        if found > FORMAT {
            let path = index.path.parent().unwrap_or(Path::new("")).to_owned();
            return Err(StoreError::Format { path, expected: FORMAT, found });
        }
        Ok(index)
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        if !self.read_only {
            let connection = Connection::open(&self.path)?;
            connection.busy_timeout(BUSY)?;
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |r| r.get(0))?;
            if mode != "wal" {
                connection.query_row("PRAGMA journal_mode = wal", [], |_| Ok(()))?;
            }
            connection.pragma_update(None, "synchronous", "FULL")?;
            return Ok(connection);
        }
        let open = |immutable: &str| {
            let path = self.path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(format!("file:{path}{immutable}"), flags)?;
            connection.busy_timeout(BUSY)?;
            connection.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
            Ok(connection)
        };
        // WAL wants to write beside the database; on a read-only medium nobody else can change it.
        open("").or_else(|_: rusqlite::Error| open("?immutable=1"))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>) -> Result<T, StoreError> {
        let pooled = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let result = pooled.map_or_else(|| self.connect(), Ok).and_then(|mut connection| {
            let value = work(&mut connection)?;
            let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            if pool.len() < POOL {
                pool.push(connection);
            }
            Ok(value)
        });
        result.map_err(|source| StoreError::index(&self.path, source))
    }

    /// Reads.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        self.with(|connection| work(connection))
    }

    /// Changes, all or nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly { path: self.path.parent().unwrap_or(&self.path).to_owned() });
        }
        self.with(|connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&tx)?;
            tx.commit()?;
            Ok(value)
        })
    }

    /// Where a block lies, if it is here.
    pub(crate) fn locate(&self, cid: &Cid) -> Result<Option<Location>, StoreError> {
        self.read(|c| {
            c.prepare_cached(
                "SELECT e.name, b.offset, b.length FROM blocks b JOIN extents e ON e.id = b.extent WHERE b.cid = ?",
            )?
            .query_row([cid.to_bytes()], |r| {
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
            cids.iter().map(|cid| statement.exists([cid.to_bytes()])).collect()
        })
    }

    /// Whether an extent is named.
    pub(crate) fn has_extent(&self, name: &str) -> Result<bool, StoreError> {
        self.read(|c| c.prepare_cached("SELECT 1 FROM extents WHERE name = ?")?.exists([name]))
    }

    /// Makes an import visible: its extents, their blocks and the root with all blocks under it.
    /// Gives the extents that turned out not to be needed, as another process was first; or, and
    /// nothing is done, a block that the import relied on and that has gone meanwhile.
    pub(crate) fn commit(
        &self,
        extents: &[Sealed],
        root: &RootRecord,
        cid: &Cid,
        under: &[Cid],
    ) -> Result<Result<Vec<String>, Cid>, StoreError> {
        let mut gone = None;
        let result = self.write(|tx| {
            for extent in extents {
                insert_extent(tx, &extent.name, extent.size, &extent.blocks)?;
            }
            let mut present = tx.prepare_cached("SELECT 1 FROM blocks WHERE cid = ?")?;
            for block in under {
                if !present.exists([block.to_bytes()])? {
                    // An error rolls back what was inserted above.
                    gone = Some(*block);
                    return Err(rusqlite::Error::QueryReturnedNoRows);
                }
            }
            let holder = extents.last().map(|e| e.name.as_str());
            insert_root(tx, root, cid, holder, under)?;
            prune_rows(tx)
        });
        gone.map_or_else(|| result.map(Ok), |cid| Ok(Err(cid)))
    }

    /// Takes a root out, with every block and extent that no other root uses. Gives the extents' names.
    pub(crate) fn remove_root(&self, cid: &Cid) -> Result<Option<Vec<String>>, StoreError> {
        self.write(|tx| {
            let bytes = cid.to_bytes();
            let id: Option<i64> =
                tx.query_row("SELECT id FROM roots WHERE cid = ?", [&bytes], |r| r.get(0)).optional()?;
            let Some(id) = id else { return Ok(None) };
            tx.execute(
                "DELETE FROM blocks WHERE cid IN (SELECT cid FROM root_blocks WHERE root = ?1)
                 AND NOT EXISTS (SELECT 1 FROM root_blocks r WHERE r.cid = blocks.cid AND r.root <> ?1)",
                [id],
            )?;
            tx.execute("DELETE FROM root_blocks WHERE root = ?", [id])?;
            tx.execute("DELETE FROM roots WHERE id = ?", [id])?;
            prune_rows(tx).map(Some)
        })
    }

    /// Takes a damaged block out, so that it is missing rather than wrong.
    /// Only this copy: another process may have written a good one since.
    pub(crate) fn drop_block(&self, cid: &Cid, copy: &Location) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(
                "DELETE FROM blocks WHERE cid = ? AND extent = (SELECT id FROM extents WHERE name = ?)",
                params![cid.to_bytes(), copy.extent],
            )
            .map(|_| ())
        })
    }
}

/// Deletes the rows of extents that nothing names any more, and gives their names.
pub(crate) fn prune_rows(tx: &Transaction<'_>) -> Result<Vec<String>, rusqlite::Error> {
    tx.prepare(
        "DELETE FROM extents WHERE NOT EXISTS (SELECT 1 FROM blocks WHERE extent = extents.id)
         AND NOT EXISTS (SELECT 1 FROM roots WHERE extent = extents.id) RETURNING name",
    )?
    .query_map([], |r| r.get(0))?
    .collect()
}

pub(crate) fn insert_extent(
    tx: &Transaction<'_>,
    name: &str,
    size: u64,
    blocks: &[Placed],
) -> Result<(), rusqlite::Error> {
    tx.execute("INSERT OR IGNORE INTO extents (name, size) VALUES (?, ?)", params![name, size as i64])?;
    let id: i64 = tx.query_row("SELECT id FROM extents WHERE name = ?", [name], |r| r.get(0))?;
    let mut insert =
        tx.prepare_cached("INSERT OR IGNORE INTO blocks (cid, extent, offset, length) VALUES (?, ?, ?, ?)")?;
    for block in blocks {
        insert.execute(params![block.cid.to_bytes(), id, block.offset as i64, block.length as i64])?;
    }
    Ok(())
}

pub(crate) fn insert_root(
    tx: &Transaction<'_>,
    root: &RootRecord,
    cid: &Cid,
    extent: Option<&str>,
    under: &[Cid],
) -> Result<(), rusqlite::Error> {
    tx.execute(
        "INSERT OR IGNORE INTO roots (cid, profile, size, files, added_at, extent)
         VALUES (?, ?, ?, ?, ?, (SELECT id FROM extents WHERE name = ?))",
        params![cid.to_bytes(), root.profile, root.size as i64, root.files as i64, root.added_at, extent],
    )?;
    let id: i64 = tx.query_row("SELECT id FROM roots WHERE cid = ?", [cid.to_bytes()], |r| r.get(0))?;
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO root_blocks (root, cid) VALUES (?, ?)")?;
    for block in under {
        insert.execute(params![id, block.to_bytes()])?;
    }
    Ok(())
}
