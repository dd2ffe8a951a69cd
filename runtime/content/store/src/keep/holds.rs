//! What keeps a root, as the index knows it.

use pelago_dag::Cid;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::index::rows::root_id;
use crate::layout::disk::Disk;

/// Pins a root in the index; false if it is not there.
pub(crate) fn set(tx: &Transaction<'_>, root: &Cid) -> Result<bool, rusqlite::Error> {
    let Some(id) = root_id(tx, root)? else { return Ok(false) };
    let now = chrono::Utc::now().to_rfc3339();
    tx.execute("UPDATE roots SET pinned_at = coalesce(pinned_at, ?) WHERE id = ?", params![now, id])?;
    Ok(true)
}

/// What keeps a root, if something does: `pinned`, or `leased` by a living process.
pub(crate) fn holder(disk: &Disk, c: &Connection, id: i64) -> Result<Option<&'static str>, rusqlite::Error> {
    let pinned: Option<Option<String>> =
        c.prepare_cached("SELECT pinned_at FROM roots WHERE id = ?")?.query_row([id], |r| r.get(0)).optional()?;
    if pinned.flatten().is_some() {
        return Ok(Some("pinned"));
    }
    Ok(is_leased(disk, c, id)?.then_some("leased"))
}

/// Whether a living process leases a root.
pub(crate) fn is_leased(disk: &Disk, c: &Connection, id: i64) -> Result<bool, rusqlite::Error> {
    let owners: Vec<String> = c
        .prepare_cached("SELECT DISTINCT owner FROM leases WHERE root = ?")?
        .query_map([id], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(owners.iter().any(|owner| disk.is_alive(owner)))
}
