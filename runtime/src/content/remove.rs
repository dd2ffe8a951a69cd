//! Removing a root: first from the index, so that nothing names what is about
//! to go, then from the disk.

use std::fs;
use std::io;

use cid::Cid;
use rusqlite::Transaction;

use super::layout::Layout;
use super::{ContentError, Index};

/// What removing a root freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Bytes of extents that no other root has.
    pub freed_bytes: u64,
}

pub(super) fn remove(layout: &Layout, index: &Index, root: &Cid) -> Result<Removed, ContentError> {
    // Nobody may find an extent there, and count on it, while it goes.
    let _alone = layout.own()?;
    let text = root.to_string();
    let orphans = index.write(|transaction| {
        let known = transaction.execute("DELETE FROM roots WHERE cid = ?1", [&text])?;
        if known == 0 { Ok(None) } else { orphans(transaction, &text).map(Some) }
    })?;
    let orphans = orphans.ok_or(ContentError::NotFound { path: text })?;
    let mut freed_bytes = 0;
    for (cid, is_extent) in orphans {
        let Ok(cid) = Cid::try_from(cid.as_str()) else { continue };
        let path = if is_extent { layout.extent(&cid) } else { layout.node(&cid) };
        let size = fs::metadata(&path).map(|found| found.len()).unwrap_or_default();
        match fs::remove_file(&path) {
            Ok(()) if is_extent => freed_bytes += size,
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ContentError::write(&path, error)),
        }
    }
    Ok(Removed { freed_bytes })
}

/// Takes the root's members out of the index and gives those that no other root has.
fn orphans(transaction: &Transaction<'_>, root: &str) -> rusqlite::Result<Vec<(String, bool)>> {
    let mut find = transaction.prepare(
        "SELECT cid, is_extent FROM members AS mine WHERE root = ?1 AND NOT EXISTS (
             SELECT 1 FROM members AS other
             WHERE other.cid = mine.cid AND other.is_extent = mine.is_extent AND other.root <> ?1)",
    )?;
    let found = find.query_map([root], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<Vec<_>>>()?;
    for (cid, is_extent) in &found {
        let sql = if *is_extent {
            "DELETE FROM blocks WHERE extent = ?1"
        } else {
            "DELETE FROM blocks WHERE cid = ?1 AND extent IS NULL"
        };
        transaction.execute(sql, [cid])?;
    }
    transaction.execute("DELETE FROM members WHERE root = ?1", [root])?;
    Ok(found)
}
