//! Who writes: each open store has a folder with a locked file in it, which the
//! kernel unlocks when the process ends, however it ends. So leftovers of dead
//! processes can be told from work in progress, without process ids (which
//! return) or times (which lie).

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::StoreError;

/// A folder that is being made bears this until its lock is held.
const NEW: &str = "new-";
/// How old a folder without a holder must be before it is taken for abandoned in the making.
const NEW_GRACE: Duration = Duration::from_secs(600);

/// This process's claim on its unfinished files. Dropping it gives the claim up.
pub(crate) struct Owner {
    id: String,
    folder: PathBuf,
    counter: AtomicU64,
    _lock: File,
}

impl Owner {
    /// Makes the folder and locks it.
    pub(crate) fn claim(owners: &Path) -> Result<Self, StoreError> {
        let id = uuid::Uuid::now_v7().simple().to_string();
        // Under its final name the folder is always locked, so a sweep cannot catch it half made.
        let making = owners.join(format!("{NEW}{id}"));
        let folder = owners.join(&id);
        std::fs::create_dir(&making).map_err(|e| StoreError::io("create", &making, e))?;
        let path = making.join("lock");
        let lock = File::create(&path).map_err(|e| StoreError::io("create", &path, e))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| StoreError::io("lock", &path, e.into()))?;
        std::fs::rename(&making, &folder).map_err(|e| StoreError::io("rename", &making, e))?;
        Ok(Self { id, folder, counter: AtomicU64::new(0), _lock: lock })
    }

    /// Its name, by which leases and reservations call it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether the process of an owner is alive and has the store open.
    pub(crate) fn is_alive(owners: &Path, id: &str) -> bool {
        let folder = owners.join(id);
        folder.exists() && matches!(lock_of_dead(&folder), Claimed::Alive)
    }

    /// Where unfinished files go.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A name for an extent that no other has, in any process.
    pub(crate) fn next_name(&self) -> String {
        format!("{}-{}", self.id, self.counter.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Deletes what dead processes left: their folders, and extents for which `indexed` says no.
/// Gives how many files and folders it deleted.
pub(crate) fn sweep(
    owners: &Path,
    extents: &Path,
    mut indexed: impl FnMut(&str) -> Result<bool, StoreError>,
) -> Result<u64, StoreError> {
    let mut swept = 0;
    // The locks are held until the end: a dead owner stays dead, and of two sweepers one works.
    let mut dead = Vec::new();
    for name in names(owners)? {
        let path = owners.join(&name);
        if name.starts_with(NEW) && !older_than(&path, NEW_GRACE) {
            continue;
        }
        match lock_of_dead(&path) {
            Claimed::Dead(lock) => dead.push((path, lock)),
            Claimed::Alive => {}
        }
    }
    for name in names(extents)? {
        // Is the owner dead? Only then ask the index: the dead commit no more.
        let owner = owners.join(name.split('-').next().unwrap_or_default());
        let is_dead = !owner.exists() || dead.iter().any(|(path, _)| *path == owner);
        if is_dead && !indexed(&name)? && std::fs::remove_file(extents.join(&name)).is_ok() {
            swept += 1;
        }
    }
    for (path, _lock) in &dead {
        match std::fs::remove_dir_all(path) {
            Ok(()) => swept += 1,
            // Its owner was only about to end, and has removed it itself.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(StoreError::io("remove", path, e)),
        }
    }
    Ok(swept)
}

enum Claimed {
    Dead(Option<File>),
    Alive,
}

fn lock_of_dead(folder: &Path) -> Claimed {
    match OpenOptions::new().write(true).open(folder.join("lock")) {
        Ok(lock) => match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Claimed::Dead(Some(lock)),
            Err(_) => Claimed::Alive,
        },
        // Its owner, or another sweeper, is removing the folder or died doing so.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && folder.exists() => Claimed::Dead(None),
        Err(_) => Claimed::Alive,
    }
}

fn older_than(path: &Path, age: Duration) -> bool {
    path.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok()).is_some_and(|e| e > age)
}

fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let io = |e| StoreError::io("list", folder, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        names.extend(entry.map_err(io)?.file_name().into_string());
    }
    Ok(names)
}
