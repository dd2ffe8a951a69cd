//! The store's folder: where its files lie, and the claim under which this process writes.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use super::owner::{self, Owner};
use crate::StoreError;

/// The index's file.
const INDEX: &str = "store.sqlite";

/// See [`Store::stamp`](crate::Store::stamp).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(pub(crate) [Option<(u64, SystemTime)>; 2]);

/// The folders of a store. Nothing in them is read here.
pub(crate) struct Disk {
    dir: PathBuf,
    extents: PathBuf,
    owners: PathBuf,
    fetches: PathBuf,
    pins: PathBuf,
    read_only: bool,
    /// Claimed on opening, or on the first import where the disk was full then.
    owner: OnceLock<Owner>,
}

impl Disk {
    /// Makes the folders if need be, and claims the right to write. A store that is there and cannot be
    /// written is opened for reading.
    ///
    /// # Errors
    ///
    /// `Io`, `NoSpace` or `ReadOnly` where the folders cannot be made and there is no store yet.
    pub(crate) fn open(dir: PathBuf) -> Result<Self, StoreError> {
        let [extents, owners, fetches, pins] = ["extents", "owners", "fetches", "pins"].map(|name| dir.join(name));
        let made = [&extents, &owners, &fetches, &pins]
            .into_iter()
            .try_for_each(|f| std::fs::create_dir_all(f).map_err(|e| StoreError::io("create", f, e)))
            .and_then(|()| Owner::claim(&owners));
        let is_there = dir.join(INDEX).exists();
        let (owner, read_only) = match made {
            Ok(owner) => (OnceLock::from(owner), false),
            // On a full disk it must still be possible to remove something.
            Err(StoreError::NoSpace { .. }) if is_there => (OnceLock::new(), false),
            Err(error) if is_there => {
                tracing::warn!(%error, "the store is opened for reading only");
                (OnceLock::new(), true)
            }
            Err(error) => return Err(error),
        };
        Ok(Self { dir, extents, owners, fetches, pins, read_only, owner })
    }

    /// The store's folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The index's file.
    pub(crate) fn index(&self) -> PathBuf {
        self.dir.join(INDEX)
    }

    /// The folder of the extents.
    pub(crate) fn extents(&self) -> &Path {
        &self.extents
    }

    /// The folder of the locks of fetches.
    pub(crate) fn fetches(&self) -> &Path {
        &self.fetches
    }

    /// The folder of the marks of pins.
    pub(crate) fn pins(&self) -> &Path {
        &self.pins
    }

    /// Whether the store can be read but not changed.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The claim under which this process writes.
    pub(crate) fn owner(&self) -> Result<&Owner, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly { path: self.dir.clone() });
        }
        if let Some(owner) = self.owner.get() {
            return Ok(owner);
        }
        let owner = Owner::claim(&self.owners)?;
        Ok(self.owner.get_or_init(|| owner))
    }

    /// Whether the process of an owner is alive and has the store open.
    pub(crate) fn is_alive(&self, owner: &str) -> bool {
        Owner::is_alive(&self.owners, owner)
    }

    /// Removes what dead processes left unfinished, and gives how much that was; see [`owner::sweep`].
    pub(crate) fn sweep(&self, indexed: impl FnMut(&str) -> Result<bool, StoreError>) -> Result<u64, StoreError> {
        owner::sweep(&self.owners, &self.extents, indexed)
    }

    /// Deletes an extent. Who reads it still may finish.
    pub(crate) fn remove_extent(&self, name: &str) {
        let path = self.extents.join(name);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "an unneeded extent stays until the next start");
        }
    }

    /// See [`crate::Store::stamp`].
    pub(crate) fn stamp(&self) -> Stamp {
        let of = |name| {
            let found = std::fs::metadata(self.dir.join(name)).ok()?;
            Some((found.len(), found.modified().ok()?))
        };
        Stamp([of(INDEX), of("store.sqlite-wal")])
    }
}
