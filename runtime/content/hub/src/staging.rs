//! The folder that a fetch works in. Whoever gives the same folder again goes
//! on where the last fetch stopped.
//!
//! ```text
//! lock             held while a fetch runs
//! files/<path>     whole files; their hashes were checked when they came here
//! parts/<key>      a file's bytes so far; <key> is of its origin and its hash
//! parts/<key>.json what the server said of it
//! ```
//!
//! A file is flushed before it is renamed into `files/`. What another fetch
//! left there is hashed again before it is relied on, and whatever the fetch at
//! hand does not want is deleted.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::OriginError;
use super::digest::{Digest, Hasher};

/// Bytes that are read at once while a file is hashed.
const READ: usize = 1 << 20;

/// A staging folder, locked. Cheap to clone; the last clone opens the lock.
#[derive(Clone)]
pub(super) struct Staging {
    inner: Arc<Inner>,
}

struct Inner {
    files: PathBuf,
    parts: PathBuf,
    /// Held until a write that outlives a cancelled fetch has ended, too.
    _lock: File,
}

impl Staging {
    /// Opens or makes the folder. Blocks the thread, briefly.
    pub(super) fn open(folder: &Path) -> Result<Self, OriginError> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |e| OriginError::io(action, &path, e)
        };
        let (files, parts, lock) = (folder.join("files"), folder.join("parts"), folder.join("lock"));
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        // Files are deleted in here, so it must be ours.
        for entry in fs::read_dir(folder).map_err(io("list", folder))? {
            let name = entry.map_err(io("list", folder))?.file_name().to_string_lossy().into_owned();
            if !matches!(&name[..], "files" | "parts" | "lock") {
                return Err(OriginError::Staging { folder: folder.to_owned(), found: name });
            }
        }
        let file = File::options().create(true).truncate(false).write(true).open(&lock).map_err(io("open", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OriginError::Busy { folder: folder.to_owned() }),
            Err(TryLockError::Error(e)) => return Err(OriginError::io("lock", &lock, e)),
        }
        fs::create_dir_all(&files).map_err(io("create", &files))?;
        fs::create_dir_all(&parts).map_err(io("create", &parts))?;
        Ok(Self { inner: Arc::new(Inner { files, parts, _lock: file }) })
    }

    /// Where the whole files are.
    pub(super) fn files(&self) -> &Path {
        &self.inner.files
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.inner.files.join(name)
    }

    pub(super) fn part(&self, key: &str) -> PathBuf {
        self.inner.parts.join(key)
    }

    pub(super) fn record(&self, key: &str) -> PathBuf {
        self.inner.parts.join(format!("{key}.json"))
    }

    /// Deletes what is not wanted: files of another commit or of other patterns. Blocks the thread.
    pub(super) fn keep(&self, names: &HashSet<String>, keys: &HashSet<String>) -> Result<(), OriginError> {
        let keep_part = |name: &str| keys.contains(name.strip_suffix(".json").unwrap_or(name));
        sweep(&self.inner.parts, "", &keep_part)?;
        sweep(&self.inner.files, "", &|name| names.contains(name))?;
        Ok(())
    }
}

/// Deletes files that are not to be kept, and folders that are empty then. Links are deleted, not followed.
fn sweep(folder: &Path, prefix: &str, keep: &dyn Fn(&str) -> bool) -> Result<bool, OriginError> {
    let io = |action, path: &Path, e| OriginError::io(action, path, e);
    let mut empty = true;
    for entry in fs::read_dir(folder).map_err(|e| io("list", folder, e))? {
        let entry = entry.map_err(|e| io("list", folder, e))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(|e| io("look at", &path, e))?;
        if kind.is_dir() {
            if sweep(&path, &format!("{name}/"), keep)? {
                fs::remove_dir(&path).map_err(|e| io("remove", &path, e))?;
            } else {
                empty = false;
            }
        } else if kind.is_file() && keep(&name) {
            empty = false;
        } else {
            fs::remove_file(&path).map_err(|e| io("remove", &path, e))?;
        }
    }
    Ok(empty)
}

/// Hashes a file's bytes. Blocks the thread.
pub(super) fn hash(file: &mut File, path: &Path, hasher: &mut Hasher) -> Result<u64, OriginError> {
    let mut buffer = vec![0; READ];
    let mut length = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                length += n as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(OriginError::io("read", path, e)),
        }
    }
}

/// The hash of a file that an earlier fetch finished, if it is there and has the size. Blocks the thread.
pub(super) fn finished(path: &Path, size: u64, expected: &Digest) -> Result<bool, OriginError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(false) };
    if !metadata.is_file() || metadata.len() != size {
        return Ok(false);
    }
    let mut file = File::open(path).map_err(|e| OriginError::io("open", path, e))?;
    let mut hasher = Hasher::new(Some(expected), size);
    hash(&mut file, path, &mut hasher)?;
    Ok(hasher.finish() == *expected)
}
