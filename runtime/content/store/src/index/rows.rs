//! The rows of the index: how roots, fetches, blocks and extents come and go.
//! A block stays as long as a root or a fetch has it, an extent as long as it
//! has a block or records a root.

use pelago_dag::{Cid, cid};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::StoreError;
use crate::index::Index;
use crate::layout::extent::{Placed, RootRecord, Sealed};

/// What one transaction makes visible.
pub(crate) struct Commit<'a> {
    pub(crate) extents: &'a [Sealed],
    pub(crate) record: &'a RootRecord,
    pub(crate) root: &'a Cid,
    /// Every block under the root.
    pub(crate) under: &'a [Cid],
    /// The fetch that ends with it.
    pub(crate) fetch: Option<i64>,
    /// What was reserved for it.
    pub(crate) reservation: Option<i64>,
}

impl Index {
    /// Makes a root visible: its extents, their blocks and the root with all blocks under it.
    /// Gives the extents that turned out not to be needed, as another process was first.
    ///
    /// # Errors
    ///
    /// `MissingBlock`, and nothing is done, where a block that was relied on has gone meanwhile.
    pub(crate) fn commit(&self, commit: &Commit<'_>) -> Result<Vec<String>, StoreError> {
        self.try_write(|tx| {
            for extent in commit.extents {
                self.sql(insert_extent(tx, &extent.name, extent.size, &extent.blocks))?;
            }
            let mut present = self.sql(tx.prepare_cached("SELECT 1 FROM blocks WHERE cid = ?"))?;
            for block in commit.under {
                if !self.sql(present.exists([cid::key(block)]))? {
                    return Err(StoreError::MissingBlock { cid: Box::new(*block) });
                }
            }
            let holder = commit.extents.last().map(|e| e.name.as_str());
            self.sql(insert_root(tx, commit.record, commit.root, holder, commit.under))?;
            if let Some(fetch) = commit.fetch {
                self.sql(take_fetch(tx, fetch))?;
            }
            if let Some(reservation) = commit.reservation {
                self.sql(tx.execute("DELETE FROM reservations WHERE id = ?", [reservation]))?;
            }
            self.sql(prune_rows(tx))
        })
    }

    /// The id of a root, whichever version of its CID is asked.
    pub(crate) fn root_id(&self, cid: &Cid) -> Result<Option<i64>, StoreError> {
        self.read(|c| root_id(c, cid))
    }

    /// Every block under a root, in version 1; `None` if there is no such root.
    pub(crate) fn blocks_of(&self, root: &Cid) -> Result<Option<Vec<Cid>>, StoreError> {
        self.read(|c| {
            let Some(id) = root_id(c, root)? else { return Ok(None) };
            let mut statement = c.prepare_cached("SELECT cid FROM root_blocks WHERE root = ?")?;
            let rows = statement.query_map([id], |r| column_cid(r, 0))?;
            rows.collect::<Result<Vec<_>, _>>().map(Some)
        })
    }
}

/// A CID in a column.
///
/// # Errors
///
/// What the row says, or that its bytes are no CID.
pub fn column_cid(row: &rusqlite::Row<'_>, column: usize) -> Result<Cid, rusqlite::Error> {
    Cid::try_from(&row.get::<_, Vec<u8>>(column)?[..])
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, Box::new(e)))
}

/// Now, in ms since 1970.
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// See [`Index::root_id`].
pub(crate) fn root_id(c: &Connection, cid: &Cid) -> Result<Option<i64>, rusqlite::Error> {
    c.prepare_cached("SELECT id FROM roots WHERE cid IN (?1, ?2, ?3) ORDER BY cid = ?1 DESC LIMIT 1")?
        .query_row([cid.to_bytes(), cid::to_v0(cid).to_bytes(), cid::key(cid)], |r| r.get(0))
        .optional()
}

/// Takes a root out, with every block that nothing else uses. Gives the extents' names that are left empty.
pub(crate) fn take_root(tx: &Transaction<'_>, id: i64) -> Result<Vec<String>, rusqlite::Error> {
    tx.execute(
        "DELETE FROM blocks WHERE cid IN (SELECT cid FROM root_blocks WHERE root = ?1)
         AND NOT EXISTS (SELECT 1 FROM root_blocks r WHERE r.cid = blocks.cid AND r.root <> ?1)
         AND NOT EXISTS (SELECT 1 FROM fetch_blocks f WHERE f.cid = blocks.cid)",
        [id],
    )?;
    tx.execute("DELETE FROM root_blocks WHERE root = ?", [id])?;
    tx.execute("DELETE FROM leases WHERE root = ?", [id])?;
    tx.execute("DELETE FROM roots WHERE id = ?", [id])?;
    prune_rows(tx)
}

/// Ends a fetch: its blocks stay only where a root or another fetch has them. Gives how many went, and their bytes.
pub(crate) fn take_fetch(tx: &Transaction<'_>, id: i64) -> Result<(u64, u64), rusqlite::Error> {
    let gone = tx
        .prepare_cached(
            "DELETE FROM blocks WHERE cid IN (SELECT cid FROM fetch_blocks WHERE fetch = ?1)
             AND NOT EXISTS (SELECT 1 FROM fetch_blocks f WHERE f.cid = blocks.cid AND f.fetch <> ?1)
             AND NOT EXISTS (SELECT 1 FROM root_blocks r WHERE r.cid = blocks.cid) RETURNING length",
        )?
        .query_map([id], |r| r.get::<_, i64>(0))?
        .try_fold((0, 0), |(count, bytes), length| Ok::<_, rusqlite::Error>((count + 1, bytes + length? as u64)))?;
    tx.execute("DELETE FROM fetch_blocks WHERE fetch = ?", [id])?;
    tx.execute("DELETE FROM fetches WHERE id = ?", [id])?;
    Ok(gone)
}

/// Deletes the rows of extents that nothing names any more, and gives their names.
pub(crate) fn prune_rows(tx: &Transaction<'_>) -> Result<Vec<String>, rusqlite::Error> {
    tx.prepare_cached(
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
        insert.execute(params![cid::key(&block.cid), id, block.offset as i64, block.length as i64])?;
    }
    Ok(())
}

/// Puts a root in. One that is there stays as it is, but is never made easier to evict.
pub(crate) fn insert_root(
    tx: &Transaction<'_>,
    root: &RootRecord,
    cid: &Cid,
    extent: Option<&str>,
    under: &[Cid],
) -> Result<(), rusqlite::Error> {
    tx.execute(
        "INSERT INTO roots (cid, profile, size, files, added_at, extent, used_at, cost_ms, evictable)
         VALUES (?, ?, ?, ?, ?, (SELECT id FROM extents WHERE name = ?), ?, ?, ?)
         ON CONFLICT (cid) DO UPDATE SET
            used_at = max(used_at, excluded.used_at), evictable = min(evictable, excluded.evictable)",
        params![
            cid.to_bytes(),
            root.profile,
            root.size as i64,
            root.files as i64,
            root.added_at,
            extent,
            now_ms(),
            root.cost_ms as i64,
            root.evictable
        ],
    )?;
    let id: i64 = tx.query_row("SELECT id FROM roots WHERE cid = ?", [cid.to_bytes()], |r| r.get(0))?;
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO root_blocks (root, cid) VALUES (?, ?)")?;
    for block in under {
        insert.execute(params![id, cid::key(block)])?;
    }
    Ok(())
}

/// The fetch of a root, made if need be.
pub(crate) fn fetch_id(tx: &Transaction<'_>, root: &Cid) -> Result<i64, rusqlite::Error> {
    tx.execute("INSERT OR IGNORE INTO fetches (cid, cost_ms) VALUES (?, 0)", [cid::key(root)])?;
    tx.query_row("SELECT id FROM fetches WHERE cid = ?", [cid::key(root)], |r| r.get(0))
}

/// Records blocks as those of a fetch.
pub(crate) fn insert_fetched<'a>(
    tx: &Transaction<'_>,
    fetch: i64,
    blocks: impl Iterator<Item = &'a Cid>,
) -> Result<(), rusqlite::Error> {
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO fetch_blocks (fetch, cid) VALUES (?, ?)")?;
    for block in blocks {
        insert.execute(params![fetch, cid::key(block)])?;
    }
    Ok(())
}
