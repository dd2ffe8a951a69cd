//! The store's quota: bytes are reserved before they are written, and where
//! there is no room, roots are evicted.
//!
//! # Which root goes first
//!
//! What is evicted may be wanted again. How likely that is falls with the time
//! since it was last used; what it then costs is the time to fetch it. So the
//! harm of an eviction is `cost / idle`, its gain the bytes that it frees, and
//! the root with the most gain for its harm goes first:
//!
//! ```text
//! score = bytes × idle / cost
//! bytes   what only this root has, bytes
//! idle    time since it was last used, s, at least 1
//! cost    1 s, and the time that its fetch took, s, by the share of it that would go;
//!         for what was made here, as if fetched with 10 MB/s
//! ```
//!
//! This is the greedy rule of GreedyDual-Size (Cao and Irani, 1997) with the
//! reciprocal of the idle time for the frequency. Never evicted are roots that
//! are pinned, leased, named in another area's table ([`Store::keep_named`]), or
//! were added from this machine without leave to evict them.

use std::sync::Arc;

use pelago_dag::Cid;
use rusqlite::{Transaction, params};

use crate::index::rows::{column_cid, now_ms, take_fetch, take_root};
use crate::inner::Inner;
use crate::keep::holds;
use crate::{Store, StoreError};

/// What a block takes beside its bytes, in tables of contents and the index, bytes.
pub(crate) const PER_BLOCK: u64 = 128;
/// Assumed for what was never fetched, bytes/s.
const MADE_HERE: f64 = 10e6;

/// Bytes kept free for an import or a fetch until they are written. Given up when it is dropped.
pub(crate) struct Reservation {
    inner: Arc<Inner>,
    id: Option<i64>,
    left: u64,
}

impl Reservation {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, id: None, left: 0 }
    }

    /// Its row, if there is one.
    pub(crate) fn id(&self) -> Option<i64> {
        self.id
    }

    /// Bytes that are reserved and not yet used.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Reserves more, evicting what it must.
    ///
    /// # Errors
    ///
    /// `Quota`, `ReadOnly`, `NoSpace`, `Index`.
    pub(crate) fn more(&mut self, bytes: u64) -> Result<(), StoreError> {
        self.grow(bytes, true)
    }

    fn grow(&mut self, bytes: u64, evict: bool) -> Result<(), StoreError> {
        if self.inner.quota.is_some() {
            self.id = Some(self.inner.reserve(self.id, bytes, evict)?);
        }
        self.left += bytes;
        Ok(())
    }

    /// Makes room for `bytes`: of what is reserved, or reserved now, with what will be needed next.
    pub(crate) fn need(&mut self, bytes: u64, ahead: Ahead) -> Result<(), StoreError> {
        if self.left < bytes {
            let wanted = bytes - self.left;
            let done = match ahead {
                Ahead::AtMost(rest) => match self.grow(wanted.max(rest), true) {
                    // Some of it may be here already; but nothing is evicted on that chance.
                    Err(StoreError::Quota { .. }) if rest > wanted => self.grow(wanted, false),
                    done => done,
                },
                Ahead::Perhaps(guess) => match self.grow(wanted.max(guess), false) {
                    Err(StoreError::Quota { .. }) => self.grow(wanted, true),
                    done => done,
                },
            };
            done?;
        }
        self.left -= bytes;
        Ok(())
    }
}

/// What will be needed beyond the next bytes, with them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ahead {
    /// No more than this: it is reserved as a whole, so that nothing is evicted for an import that
    /// does not fit in the end.
    AtMost(u64),
    /// Unknown; this much is reserved if it is free.
    Perhaps(u64),
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        Store::from_inner(self.inner.clone()).in_background(move |inner| {
            inner.index.write(|tx| tx.execute("DELETE FROM reservations WHERE id = ?", [id]).map(|_| ()))
        });
    }
}

/// A root that may be evicted.
struct Candidate {
    id: i64,
    cid: Cid,
    used_at: i64,
    cost_ms: i64,
    size: i64,
    /// What only it has, bytes.
    bytes: i64,
}

impl Candidate {
    fn score(&self, now: i64) -> f64 {
        let idle = (now - self.used_at).max(1000) as f64 / 1000.0;
        let bytes = self.bytes as f64;
        let fetched = match self.cost_ms {
            0 => bytes / MADE_HERE,
            cost => cost as f64 / 1000.0 * (bytes / self.size.max(1) as f64).min(1.0),
        };
        // A byte more: of roots that only have the same blocks, one must go first.
        (bytes + 1.0) * idle / (1.0 + fetched)
    }
}

impl Inner {
    /// Reserves bytes under the quota, in an earlier reservation if one is given. Evicts what it
    /// must; if that is not enough, nothing.
    fn reserve(&self, id: Option<i64>, bytes: u64, evict: bool) -> Result<i64, StoreError> {
        let owner = self.disk.owner()?.id();
        let mut unneeded = Vec::new();
        let mut evicted = Vec::new();
        let id = self.index.try_write(|tx| {
            if let Some(quota) = self.quota {
                self.make_room(tx, bytes, quota, evict, &mut unneeded, &mut evicted)?;
            }
            let grown = match id {
                Some(id) => {
                    tx.execute("UPDATE reservations SET bytes = bytes + ? WHERE id = ?", params![bytes as i64, id])
                }
                None => Ok(0),
            };
            match (id, self.index.sql(grown)?) {
                (Some(id), 1) => Ok(id),
                _ => {
                    let insert = "INSERT INTO reservations (owner, bytes) VALUES (?, ?)";
                    self.index.sql(tx.execute(insert, params![owner, bytes as i64]))?;
                    Ok(tx.last_insert_rowid())
                }
            }
        })?;
        for cid in &evicted {
            tracing::info!(%cid, "evicted, to stay within the quota");
        }
        self.removed(&unneeded);
        Ok(id)
    }

    fn make_room(
        &self,
        tx: &Transaction<'_>,
        bytes: u64,
        quota: u64,
        evict: bool,
        unneeded: &mut Vec<String>,
        evicted: &mut Vec<Cid>,
    ) -> Result<(), StoreError> {
        let sum = |sql| self.index.sql(tx.query_row(sql, [], |r| r.get::<_, i64>(0))).map(|n| n as u64);
        self.index.sql(self.cache.used.write(tx))?;
        self.forget_dead(tx)?;
        let reserved = sum("SELECT coalesce(sum(bytes), 0) FROM reservations")?;
        let now = now_ms();
        loop {
            let used = sum("SELECT coalesce(sum(size), 0) FROM extents")?;
            if used.saturating_add(reserved).saturating_add(bytes) <= quota {
                return Ok(());
            }
            if !evict {
                return Err(StoreError::Quota { wanted: bytes, used, reserved, quota });
            }
            // What a fetch that died left is worth less than any root.
            if let Some((fetch, _claim)) = self.dead_fetches(tx)?.pop() {
                self.index.sql(take_fetch(tx, fetch))?;
                unneeded.extend(self.index.sql(crate::index::rows::prune_rows(tx))?);
                continue;
            }
            let candidates = self.candidates(tx)?;
            let first = candidates.into_iter().max_by(|a, b| a.score(now).total_cmp(&b.score(now)));
            let Some(first) = first else {
                return Err(StoreError::Quota { wanted: bytes, used, reserved, quota });
            };
            unneeded.extend(self.index.sql(take_root(tx, first.id))?);
            evicted.push(first.cid);
        }
    }

    fn candidates(&self, tx: &Transaction<'_>) -> Result<Vec<Candidate>, StoreError> {
        let rows = tx
            .prepare_cached(
                "SELECT r.id, r.cid, r.used_at, r.cost_ms, r.size, coalesce((
                    SELECT sum(b.length) FROM root_blocks x JOIN blocks b ON b.cid = x.cid WHERE x.root = r.id
                    AND NOT EXISTS (SELECT 1 FROM root_blocks y WHERE y.cid = x.cid AND y.root <> r.id)
                    AND NOT EXISTS (SELECT 1 FROM fetch_blocks f WHERE f.cid = x.cid)), 0)
                 FROM roots r WHERE r.evictable AND r.pinned_at IS NULL",
            )
            .and_then(|mut statement| {
                let rows = statement.query_map([], |r| {
                    Ok(Candidate {
                        id: r.get(0)?,
                        cid: column_cid(r, 1)?,
                        used_at: r.get(2)?,
                        cost_ms: r.get(3)?,
                        size: r.get(4)?,
                        bytes: r.get(5)?,
                    })
                })?;
                rows.collect::<Result<Vec<_>, _>>()
            });
        let mut free = Vec::new();
        for candidate in self.index.sql(rows)? {
            let held = self.index.sql(holds::holder(&self.disk, tx, candidate.id))?.is_some();
            if !held && !self.index.sql(is_named(tx, &candidate.cid))? {
                free.push(candidate);
            }
        }
        Ok(free)
    }

    /// Deletes the leases and reservations of dead processes.
    pub(crate) fn forget_dead(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        let owners = tx
            .prepare_cached("SELECT owner FROM leases UNION SELECT owner FROM reservations")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect::<Result<Vec<String>, _>>());
        for owner in self.index.sql(owners)? {
            if !self.disk.is_alive(&owner) {
                self.index.sql(tx.execute("DELETE FROM leases WHERE owner = ?", [&owner]))?;
                self.index.sql(tx.execute("DELETE FROM reservations WHERE owner = ?", [&owner]))?;
            }
        }
        Ok(())
    }
}

/// Whether a table of another area names a root.
fn is_named(tx: &Transaction<'_>, root: &Cid) -> Result<bool, rusqlite::Error> {
    let keepers: Vec<(String, String)> = tx
        .prepare_cached("SELECT tab, col FROM keepers")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (table, column) in keepers {
        let sql = format!("SELECT 1 FROM \"{table}\" WHERE \"{table}\".\"{column}\" IN (?, ?)");
        if tx.prepare_cached(&sql)?.exists(params![root.to_bytes(), root.to_string()])? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Store {
    /// Bytes that can still be added: what the quota leaves if all is evicted that may be, and no more than
    /// the disk has.
    ///
    /// # Errors
    ///
    /// `Io` where the disk does not say; `ReadOnly`, `Index`.
    pub async fn room(&self) -> Result<u64, StoreError> {
        self.blocking(|inner| {
            let disk = rustix::fs::statvfs(inner.disk.dir())
                .map_err(|e| StoreError::io("measure", inner.disk.dir(), e.into()))?;
            let disk = disk.f_bavail.saturating_mul(disk.f_frsize);
            let Some(quota) = inner.quota else { return Ok(disk) };
            let (used, may_go) = inner.index.try_write(|tx| {
                inner.forget_dead(tx)?;
                let sum = "SELECT (SELECT coalesce(sum(bytes), 0) FROM reservations)
                    + (SELECT coalesce(sum(size), 0) FROM extents)";
                let used: i64 = inner.index.sql(tx.query_row(sum, [], |r| r.get(0)))?;
                let may_go: i64 = inner.candidates(tx)?.iter().map(|candidate| candidate.bytes).sum();
                Ok((used as u64, may_go as u64))
            })?;
            Ok(quota.saturating_sub(used.saturating_sub(may_go)).min(disk.saturating_add(may_go)))
        })
        .await
    }

    /// Says that a column of a table of [`Store::make_tables`] names roots (as a CID's bytes or
    /// text) that are not to be evicted. It holds for every process that uses the store, from now
    /// on. Blocks the thread, briefly.
    ///
    /// # Errors
    ///
    /// `Index`, also where there is no such column; `ReadOnly`.
    pub fn keep_named(&self, table: &'static str, column: &'static str) -> Result<(), StoreError> {
        self.inner().index.write(|tx| {
            // With the table's name, or SQLite would take a column that is not there for a text.
            tx.prepare(&format!("SELECT \"{table}\".\"{column}\" FROM \"{table}\" LIMIT 0"))?;
            tx.execute("INSERT OR IGNORE INTO keepers (tab, col) VALUES (?, ?)", [table, column]).map(|_| ())
        })
    }
}
