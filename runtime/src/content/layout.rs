//! Files of the store, and the one way in which a file comes to be there: whole
//! or not at all.
//!
//! ```text
//! extents/<cid>   a file's bytes, named by its root CID; immutable
//! nodes/<cid>     a dag-pb node
//! index.sqlite    which block is where; made anew from the above if lost
//! lock            shared by those who add, alone for those who remove
//! tmp/<id>/       half-written files of one process; `lock` in it is held while it lives
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cid::Cid;

use super::ContentError;

/// The folder of a store.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

/// A folder for half-written files. Its lock tells other processes that its
/// owner lives; it goes when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) folder: PathBuf,
    _lock: File,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            // The next process that opens the store sweeps it.
            tracing::debug!(%error, folder = %self.folder.display(), "a scratch folder stays for now");
        }
    }
}

impl Layout {
    /// Makes the folders where they are missing.
    pub(super) fn open(root: &Path) -> Result<Self, ContentError> {
        let layout = Self { root: root.to_owned() };
        for folder in [layout.extents(), layout.nodes(), layout.tmp()] {
            fs::create_dir_all(&folder).map_err(|source| ContentError::write(&folder, source))?;
        }
        Ok(layout)
    }

    pub(super) fn extents(&self) -> PathBuf {
        self.root.join("extents")
    }

    pub(super) fn nodes(&self) -> PathBuf {
        self.root.join("nodes")
    }

    fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.root.join("index.sqlite")
    }

    pub(super) fn extent(&self, file: &Cid) -> PathBuf {
        self.extents().join(file.to_string())
    }

    pub(super) fn node(&self, node: &Cid) -> PathBuf {
        self.nodes().join(node.to_string())
    }

    /// Holds the store for adding, beside others who add.
    pub(super) fn share(&self) -> Result<File, ContentError> {
        let (path, file) = self.lock_file()?;
        file.lock_shared().map_err(|source| ContentError::read(&path, source))?;
        Ok(file)
    }

    /// Holds the store alone, for removing.
    pub(super) fn own(&self) -> Result<File, ContentError> {
        let (path, file) = self.lock_file()?;
        file.lock().map_err(|source| ContentError::read(&path, source))?;
        Ok(file)
    }

    fn lock_file(&self) -> Result<(PathBuf, File), ContentError> {
        let path = self.root.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| ContentError::write(&path, source))?;
        Ok((path, file))
    }

    /// A folder for half-written files of this process.
    pub(super) fn scratch(&self) -> Result<Scratch, ContentError> {
        let folder = self.tmp().join(uuid::Uuid::now_v7().to_string());
        let made = fs::create_dir(&folder).and_then(|()| File::create(folder.join("lock")));
        let lock = made.map_err(|source| ContentError::write(&folder, source))?;
        lock.lock().map_err(|source| ContentError::write(&folder, source))?;
        Ok(Scratch { folder, _lock: lock })
    }

    /// Removes what processes that died left half-written.
    pub(super) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.tmp()) else { return };
        for entry in entries.flatten() {
            let alive = File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_err());
            // A folder whose lock is not there yet is being made right now, unless it is old.
            let young = entry
                .metadata()
                .and_then(|found| found.modified())
                .is_ok_and(|made| made.elapsed().is_ok_and(|age| age < std::time::Duration::from_secs(60)));
            let has_lock = entry.path().join("lock").exists();
            if !alive && (has_lock || !young) {
                // Another process may sweep the same folder at the same time.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Puts a whole file, which is on disk already, to its place, and sees to it
    /// that it is still there after a power cut.
    pub(super) fn publish(&self, from: &Path, to: &Path) -> Result<(), ContentError> {
        fs::rename(from, to).map_err(|source| ContentError::write(to, source))?;
        let folder = to.parent().unwrap_or(&self.root);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| ContentError::write(folder, source))
    }

    /// Writes a node to its place, unless it is there.
    pub(super) fn publish_node(&self, scratch: &Scratch, cid: &Cid, bytes: &[u8]) -> Result<(), ContentError> {
        let to = self.node(cid);
        if to.exists() {
            return Ok(());
        }
        let from = scratch.folder.join(cid.to_string());
        write_synced(&from, bytes).map_err(|source| ContentError::write(&from, source))?;
        self.publish(&from, &to)
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
