//! Pins and leases: what keeps a root. A pin is a user's and lasts; a lease is a
//! session's and ends with it, or with its process.
//!
//! A pin stands in the index, in the transaction that looks for the root, so
//! that no eviction comes between. It is also an empty file in `pins/`, from
//! which a rebuilt index knows it again.

use std::path::Path;

use pelago_dag::Cid;
use rusqlite::params;

use crate::index::rows::{column_cid, root_id};
use crate::keep::holds::set;
use crate::layout::extent;
use crate::{Store, StoreError};

/// A pinned root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The root.
    pub root: Cid,
    /// When it was pinned, RFC 3339.
    pub pinned_at: String,
}

/// Keeps a root from removal, eviction and gc while it is held. It is given up when it is dropped,
/// when the store is closed, and when the process ends, however it ends.
///
/// On a store that cannot be written a lease holds nothing: who can write there can remove.
#[derive(Debug)]
pub struct Lease {
    store: Store,
    root: Cid,
    id: Option<i64>,
}

impl Lease {
    /// The root.
    #[must_use]
    pub fn root(&self) -> Cid {
        self.root
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        self.store.in_background(move |inner| {
            inner.index.write(|tx| tx.execute("DELETE FROM leases WHERE id = ?", [id]).map(|_| ()))
        });
    }
}

impl Store {
    /// Pins a root: only `unpin` and then `remove` take it away.
    ///
    /// # Errors
    ///
    /// `UnknownRoot`, `ReadOnly`, `NoSpace`, `Io`, `Index`.
    pub async fn pin(&self, root: Cid) -> Result<(), StoreError> {
        self.blocking(move |inner| {
            inner.disk.owner()?;
            mark(inner.disk.pins(), &root)?;
            let known = inner.index.write(|tx| set(tx, &root))?;
            if !known {
                unmark(inner.disk.pins(), &root)?;
                return Err(StoreError::UnknownRoot { cid: Box::new(root) });
            }
            Ok(())
        })
        .await
    }

    /// Takes a pin away; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// `UnknownRoot`, `ReadOnly`, `Io`, `Index`.
    pub async fn unpin(&self, root: Cid) -> Result<(), StoreError> {
        self.blocking(move |inner| {
            let found = inner.index.write(|tx| {
                let Some(id) = root_id(tx, &root)? else { return Ok(None) };
                tx.execute("UPDATE roots SET pinned_at = NULL WHERE id = ?", [id])?;
                tx.query_row("SELECT cid FROM roots WHERE id = ?", [id], |r| column_cid(r, 0)).map(Some)
            })?;
            let own = found.ok_or(StoreError::UnknownRoot { cid: Box::new(root) })?;
            unmark(inner.disk.pins(), &own)?;
            unmark(inner.disk.pins(), &root)
        })
        .await
    }

    /// The pins, oldest first.
    ///
    /// # Errors
    ///
    /// `Index`.
    pub async fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        self.blocking(|inner| {
            if !inner.index.is_current() {
                return Ok(Vec::new());
            }
            inner.index.read(|c| {
                c.prepare("SELECT cid, pinned_at FROM roots WHERE pinned_at IS NOT NULL ORDER BY pinned_at, id")?
                    .query_map([], |r| Ok(Pin { root: column_cid(r, 0)?, pinned_at: r.get(1)? }))?
                    .collect()
            })
        })
        .await
    }

    /// Leases a root, which counts as a use of it.
    ///
    /// # Errors
    ///
    /// `UnknownRoot`, `NoSpace`, `Io`, `Index`.
    pub async fn lease(&self, root: Cid) -> Result<Lease, StoreError> {
        let id = self
            .blocking(move |inner| {
                let unknown = || StoreError::UnknownRoot { cid: Box::new(root) };
                let owner = match inner.disk.owner() {
                    Ok(owner) => owner.id().to_owned(),
                    Err(StoreError::ReadOnly { .. }) => {
                        return inner.index.root_id(&root)?.ok_or_else(unknown).map(|_| None);
                    }
                    Err(error) => return Err(error),
                };
                inner.cache.used.note(root);
                let id = inner.index.write(|tx| {
                    inner.cache.used.write(tx)?;
                    let Some(id) = root_id(tx, &root)? else { return Ok(None) };
                    tx.execute("INSERT INTO leases (root, owner) VALUES (?, ?)", params![id, owner])?;
                    Ok(Some(tx.last_insert_rowid()))
                })?;
                id.ok_or_else(unknown).map(Some)
            })
            .await?;
        Ok(Lease { store: self.clone(), root, id })
    }
}

fn mark(folder: &Path, root: &Cid) -> Result<(), StoreError> {
    let path = folder.join(root.to_string());
    std::fs::File::create(&path).map_err(|e| StoreError::io("create", &path, e))?;
    extent::sync_folder(folder)
}

/// Takes the mark of a root away.
pub(crate) fn unmark(folder: &Path, root: &Cid) -> Result<(), StoreError> {
    let path = folder.join(root.to_string());
    match std::fs::remove_file(&path) {
        Ok(()) => extent::sync_folder(folder),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StoreError::io("remove", &path, e)),
    }
}
