//! One fetch of a root at a time, in whichever process: a locked file a root,
//! which the kernel unlocks when its process ends.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pelago_dag::{Cid, cid};
use rustix::fs::{FlockOperation, flock};

use crate::StoreError;

/// The right to fetch a root. Dropping it gives the right up.
#[derive(Debug)]
pub(crate) struct FetchLock {
    path: PathBuf,
    _lock: File,
}

impl FetchLock {
    /// Claims a root. `None` if it is claimed already, be it by another task of this process.
    pub(crate) fn take(folder: &Path, root: &Cid) -> Result<Option<Self>, StoreError> {
        let path = folder.join(cid::to_v1(root).to_string());
        let io = |e| StoreError::io("lock", &path, e);
        loop {
            let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(io(e.into())),
            }
            // Who held it before may have deleted the file since it was opened here: a lock on a
            // file that nobody else finds is none.
            let held = lock.metadata().map_err(io)?.ino();
            if std::fs::metadata(&path).is_ok_and(|found| found.ino() == held) {
                return Ok(Some(Self { path, _lock: lock }));
            }
        }
    }
}

impl Drop for FetchLock {
    fn drop(&mut self) {
        // While the lock is still held; what comes after finds no file, or another.
        let _ = std::fs::remove_file(&self.path);
    }
}
