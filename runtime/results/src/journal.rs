//! The journal of one process: every recorded run is one line, on disk before
//! [`Journal::append`] returns. It does not know the database.
//!
//! A journal belongs to the process that holds its file lock; the kernel frees
//! the lock when the process ends, however it ends. So whoever gets the lock of
//! a journal knows that no line will be added to it, and only then may delete it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::ResultsError;

/// What the names of journals end in.
pub(super) const EXTENSION: &str = "jsonl";

/// A journal ends, and the next begins, at this many bytes, so that what was
/// absorbed of a long-lived process can be deleted.
const FULL: u64 = 1 << 20;

/// The journal of this process. The file is made with the first line.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl Journal {
    /// A journal in the folder `dir`.
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, open: Mutex::new(None) }
    }

    /// Appends a line and waits until it is on disk.
    ///
    /// # Errors
    /// [`ResultsError::Full`] or [`ResultsError::Io`]; the next line then goes to a new
    /// file, since this one may end in half a line.
    pub(super) fn append(&self, line: &[u8]) -> Result<(), ResultsError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut journal = match open.take() {
            // A file that somebody deleted would take lines, and lose them.
            Some(journal) if journal.bytes < FULL && is_linked(&journal.file, &journal.path)? => journal,
            _ => create(&self.dir)?,
        };
        journal
            .file
            .write_all(line)
            .and_then(|()| journal.file.sync_data())
            .map_err(|source| ResultsError::io("write", &journal.path, source))?;
        journal.bytes += line.len() as u64;
        *open = Some(journal);
        Ok(())
    }

    /// Ends the file; another line would begin a new one.
    pub(super) fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn is_linked(file: &File, path: &Path) -> Result<bool, ResultsError> {
    Ok(file.metadata().map_err(|source| ResultsError::io("look at", path, source))?.nlink() > 0)
}

fn create(dir: &Path) -> Result<Open, ResultsError> {
    std::fs::create_dir_all(dir).map_err(|source| ResultsError::io("create", dir, source))?;
    loop {
        let path = dir.join(uuid::Uuid::now_v7().to_string()).with_extension(EXTENSION);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| ResultsError::io("create", &path, source))?;
        // Between the two calls an absorber may have taken the file for that
        // of a dead process, and have deleted it: then another one is made.
        match file.try_lock() {
            Ok(()) if is_linked(&file, &path)? => {
                sync_dir(dir)?;
                return Ok(Open { file, path, bytes: 0 });
            }
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(ResultsError::io("lock", &path, source)),
        }
    }
}

/// Makes new and deleted names of a folder last.
pub(super) fn sync_dir(dir: &Path) -> Result<(), ResultsError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| ResultsError::io("sync", dir, source))
}
