//! What a root is to the store: its blocks, its room, its use.

use chrono::{DateTime, SecondsFormat};
use pelago_dag::Cid;

use crate::index::rows::root_id;
use crate::inner::Inner;
use crate::keep::holds;
use crate::{Store, StoreError};

/// A root in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DagStat {
    /// Blocks, each once.
    pub blocks: u64,
    /// Their bytes on the disk, each once.
    pub bytes: u64,
    /// Bytes that no other root or fetch has: what removing it would free.
    pub unique_bytes: u64,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Whether a living process leases it.
    pub leased: bool,
    /// When it was last used, to about a minute, RFC 3339.
    pub last_used: Option<String>,
}

impl Store {
    /// A root in figures.
    ///
    /// # Errors
    ///
    /// `UnknownRoot`, `Index`; `OldFormat` for a store of an earlier format that cannot be written.
    pub async fn stat_dag(&self, root: Cid) -> Result<DagStat, StoreError> {
        self.blocking(move |inner| inner.stat_dag(&root)).await
    }
}

impl Inner {
    fn stat_dag(&self, root: &Cid) -> Result<DagStat, StoreError> {
        self.check_current()?;
        let found = self.index.read(|c| {
            let Some(id) = root_id(c, root)? else { return Ok(None) };
            let (pinned, used): (bool, i64) =
                c.query_row("SELECT pinned_at IS NOT NULL, used_at FROM roots WHERE id = ?", [id], |r| {
                    Ok((r.get(0)?, r.get(1)?))
                })?;
            let leased = holds::is_leased(&self.disk, c, id)?;
            let sum = "SELECT count(*), coalesce(sum(b.length), 0), coalesce(sum(b.length) FILTER (WHERE
                NOT EXISTS (SELECT 1 FROM root_blocks y WHERE y.cid = x.cid AND y.root <> x.root)
                AND NOT EXISTS (SELECT 1 FROM fetch_blocks f WHERE f.cid = x.cid)), 0)
                FROM root_blocks x JOIN blocks b ON b.cid = x.cid WHERE x.root = ?";
            c.query_row(sum, [id], |r| {
                Ok(Some(DagStat {
                    blocks: r.get::<_, i64>(0)? as u64,
                    bytes: r.get::<_, i64>(1)? as u64,
                    unique_bytes: r.get::<_, i64>(2)? as u64,
                    pinned,
                    leased,
                    last_used: DateTime::from_timestamp_millis(self.cache.used.at(root).max(used))
                        .filter(|at| at.timestamp() > 0)
                        .map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)),
                }))
            })
        })?;
        found.ok_or(StoreError::UnknownRoot { cid: Box::new(*root) })
    }
}
