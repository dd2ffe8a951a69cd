//! The tables of the index, and how those of an earlier format become these.

use rusqlite::Transaction;

/// The layout of the tables below.
pub(crate) const FORMAT: i64 = 2;

/// Format 1: extents, blocks and roots.
const FIRST: &str = "
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

/// Format 2: fetches that are under way; pins, leases and use; reserved bytes; and which tables of
/// other areas name roots that are to stay. Times are ms since 1970. The CIDs in `blocks`,
/// `root_blocks` and `fetch_blocks` are in version 1; a root's is as it was given.
const SECOND: &str = "
ALTER TABLE roots ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roots ADD COLUMN cost_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roots ADD COLUMN evictable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roots ADD COLUMN pinned_at TEXT;
CREATE TABLE fetches (id INTEGER PRIMARY KEY AUTOINCREMENT, cid BLOB NOT NULL UNIQUE, cost_ms INTEGER NOT NULL);
CREATE TABLE fetch_blocks (fetch INTEGER NOT NULL, cid BLOB NOT NULL, PRIMARY KEY (fetch, cid)) WITHOUT ROWID;
CREATE INDEX fetches_of_block ON fetch_blocks(cid);
CREATE TABLE leases (id INTEGER PRIMARY KEY AUTOINCREMENT, root INTEGER NOT NULL, owner TEXT NOT NULL);
CREATE INDEX leases_of_root ON leases(root);
CREATE TABLE reservations (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE keepers (tab TEXT NOT NULL, col TEXT NOT NULL, PRIMARY KEY (tab, col)) WITHOUT ROWID;
";

/// What other areas may read of the tables above: it stays as it is when these change. A view of each connection, so
/// that a store which is only read has it too.
pub(crate) const CONTENT: &str = "CREATE TEMP VIEW content AS SELECT cid, profile, size, files FROM main.roots;";

/// Brings the tables from a format, 0 being none, to [`FORMAT`].
pub(crate) fn migrate(tx: &Transaction<'_>, from: i64) -> Result<(), rusqlite::Error> {
    if from < 1 {
        tx.execute_batch(FIRST)?;
    }
    if from < 2 {
        tx.execute_batch(SECOND)?;
    }
    tx.pragma_update(None, "user_version", FORMAT)
}
