//! Garbage: what no root and no living fetch needs. Roots themselves go by
//! `remove`, or by eviction under a quota; gc takes away what fetches left that
//! nobody goes on with, and gives back the room of extents that are mostly dead.

use std::collections::HashMap;

use pelago_dag::{Cid, cid};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::index::rows::{column_cid, insert_extent, prune_rows, take_fetch};
use crate::inner::Inner;
use crate::layout::extent::{ExtentWriter, Record, RootRecord, Sealed, sync_folder};
use crate::layout::fetch_lock::FetchLock;
use crate::{Store, StoreError};

/// An extent is written anew if less of it than this is alive.
const ALIVE: f64 = 0.7;
/// Blocks that an extent written anew may have; larger ones are left as they are.
const BLOCKS_MAX: usize = 1 << 16;

/// What gc took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Roots whose fetch nobody goes on with.
    pub roots: u64,
    /// Blocks that nothing needed.
    pub blocks: u64,
    /// Bytes of files on the disk that were given back.
    pub bytes: u64,
}

impl Store {
    /// Removes what no root, pin, lease or living fetch needs. A fetch that was begun and that no
    /// process goes on with is such: to resume one, resume it before.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `NoSpace`, `Io`, `Index`.
    pub async fn gc(&self) -> Result<Collected, StoreError> {
        self.blocking(|inner| inner.gc()).await
    }
}

impl Inner {
    fn gc(&self) -> Result<Collected, StoreError> {
        self.disk.owner()?;
        let before = self.disk_bytes()?;
        let (mut roots, mut blocks) = (0, 0);
        // Held until the rows are gone, so that nobody takes such a fetch up meanwhile.
        let mut claims = Vec::new();
        let unneeded = self.index.try_write(|tx| {
            self.forget_dead(tx)?;
            for (fetch, claim) in self.dead_fetches(tx)? {
                blocks += self.index.sql(take_fetch(tx, fetch))?.0;
                roots += 1;
                claims.push(claim);
            }
            let ended = "DELETE FROM fetch_blocks WHERE fetch NOT IN (SELECT id FROM fetches)";
            self.index.sql(tx.execute(ended, []))?;
            blocks += self.index.sql(tx.execute(
                "DELETE FROM blocks WHERE NOT EXISTS (SELECT 1 FROM root_blocks r WHERE r.cid = blocks.cid)
                 AND NOT EXISTS (SELECT 1 FROM fetch_blocks f WHERE f.cid = blocks.cid)",
                [],
            ))? as u64;
            self.index.sql(prune_rows(tx))
        })?;
        drop(claims);
        self.removed(&unneeded);
        for root in crate::layout::cids_in(self.disk.fetches())? {
            // Taken and dropped, a claim of the dead leaves no file.
            FetchLock::take(self.disk.fetches(), &root)?;
        }
        for extent in self.index.read(mostly_dead)? {
            self.compact(&extent)?;
        }
        Ok(Collected { roots, blocks, bytes: before.saturating_sub(self.disk_bytes()?) })
    }

    fn disk_bytes(&self) -> Result<u64, StoreError> {
        let sum = "SELECT coalesce(sum(size), 0) FROM extents";
        self.index.read(|c| c.query_row(sum, [], |r| r.get::<_, i64>(0))).map(|bytes| bytes as u64)
    }

    /// The fetches whose process has ended, claimed now.
    pub(crate) fn dead_fetches(&self, tx: &Transaction<'_>) -> Result<Vec<(i64, FetchLock)>, StoreError> {
        let rows = tx
            .prepare_cached("SELECT id, cid FROM fetches")
            .and_then(|mut s| s.query_map([], |r| Ok((r.get(0)?, column_cid(r, 1)?)))?.collect::<Result<Vec<_>, _>>());
        let mut dead = Vec::new();
        for (id, root) in self.index.sql(rows)? {
            dead.extend(FetchLock::take(self.disk.fetches(), &root)?.map(|claim| (id, claim)));
        }
        Ok(dead)
    }

    /// Writes the living blocks of an extent into another, and names that in its place.
    fn compact(&self, name: &str) -> Result<(), StoreError> {
        let Some((id, blocks, record)) = self.index.read(|c| living(c, name))? else { return Ok(()) };
        if blocks.len() > BLOCKS_MAX {
            return Ok(());
        }
        let owner = self.disk.owner()?;
        let mut writer = ExtentWriter::create(owner.folder(), owner.next_name())?;
        for cid in &blocks {
            match self.block(cid) {
                Ok(bytes) => writer.append(*cid, [&bytes, &[], &[]])?,
                // Damaged: it is out of the index now, and is not carried over.
                Err(StoreError::Corrupt { .. } | StoreError::MissingBlock { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let sealed = writer.seal(self.disk.extents(), record)?;
        sync_folder(self.disk.extents())?;
        let unneeded = self.index.write(|tx| replace(tx, id, &sealed));
        match unneeded {
            Ok(unneeded) => {
                self.removed(&unneeded);
                Ok(())
            }
            Err(error) => {
                self.remove_extent(&sealed.name);
                Err(error)
            }
        }
    }
}

/// Extents of which most is not needed any more.
fn mostly_dead(c: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    c.prepare(
        "SELECT name FROM extents e WHERE ?1 * size >
            (SELECT coalesce(sum(length + 128), 0) + 1024 FROM blocks b WHERE b.extent = e.id)",
    )?
    .query_map([ALIVE], |r| r.get(0))?
    .collect()
}

/// An extent's id, its blocks in order, and what it records.
fn living(c: &Connection, name: &str) -> Result<Option<(i64, Vec<Cid>, Record)>, rusqlite::Error> {
    let id = c.query_row("SELECT id FROM extents WHERE name = ?", [name], |r| r.get::<_, i64>(0)).optional()?;
    let Some(id) = id else { return Ok(None) };
    let blocks: Vec<Cid> = c
        .prepare_cached("SELECT cid FROM blocks WHERE extent = ? ORDER BY offset")?
        .query_map([id], |r| column_cid(r, 0))?
        .collect::<Result<_, _>>()?;
    let root = c
        .prepare_cached("SELECT cid, profile, size, files, added_at, cost_ms, evictable FROM roots WHERE extent = ?")?
        .query_row([id], |r| {
            Ok(RootRecord {
                cid: column_cid(r, 0)?.to_string(),
                profile: r.get(1)?,
                size: r.get::<_, i64>(2)? as u64,
                files: r.get::<_, i64>(3)? as u64,
                added_at: r.get(4)?,
                cost_ms: r.get::<_, i64>(5)? as u64,
                evictable: r.get(6)?,
            })
        })
        .optional()?;
    if let Some(root) = root {
        return Ok(Some((id, blocks, Record::Root(root))));
    }
    let fetch = c
        .prepare_cached(
            "SELECT f.cid FROM blocks b JOIN fetch_blocks x ON x.cid = b.cid JOIN fetches f ON f.id = x.fetch
             WHERE b.extent = ? LIMIT 1",
        )?
        .query_row([id], |r| column_cid(r, 0))
        .optional()?;
    Ok(Some((id, blocks, fetch.map_or(Record::Nothing, Record::Fetch))))
}

/// Names a new extent where the old was. Blocks that are elsewhere by now stay there.
fn replace(tx: &Transaction<'_>, old: i64, sealed: &Sealed) -> Result<Vec<String>, rusqlite::Error> {
    insert_extent(tx, &sealed.name, sealed.size, &[])?;
    let new: i64 = tx.query_row("SELECT id FROM extents WHERE name = ?", [&sealed.name], |r| r.get(0))?;
    let places: HashMap<Vec<u8>, _> = sealed.blocks.iter().map(|b| (cid::key(&b.cid), b.offset)).collect();
    let mut update = tx.prepare_cached("UPDATE blocks SET extent = ?, offset = ? WHERE cid = ? AND extent = ?")?;
    for (cid, offset) in places {
        update.execute(params![new, offset as i64, cid, old])?;
    }
    tx.execute("UPDATE roots SET extent = ? WHERE extent = ?", [new, old])?;
    prune_rows(tx)
}
