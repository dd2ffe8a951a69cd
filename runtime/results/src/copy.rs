//! Copies of the database's files, and the folders that they lie in for a
//! moment. It does not know DuckDB.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::{ResultsError, place::log_of};

const FOLDER: &str = "copy-";
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Removes the copies of processes that were killed: copies are made and
/// removed under the lock.
pub(super) fn remove_leftovers(dir: &Path) -> Result<(), ResultsError> {
    let failed = |source| ResultsError::io("clean", dir, source);
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(FOLDER) {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// A folder that [`remove_leftovers`] knows.
pub(super) fn folder(dir: &Path) -> Result<TempDir, ResultsError> {
    let failed = |source| ResultsError::io("create a folder in", dir, source);
    tempfile::Builder::new().prefix(FOLDER).tempdir_in(dir).map_err(failed)
}

/// Copies the database and its write-ahead log at a moment when nobody writes.
pub(super) fn copy_of(original: &Path, dir: &Path, holder: &str) -> Result<TempDir, ResultsError> {
    let log = log_of(original);
    for _ in 0..TRIES {
        let copy = folder(dir)?;
        let before = state(original)?;
        for file in [original, &log] {
            let to = copy.path().join(file.file_name().unwrap_or_default());
            match std::fs::copy(file, &to) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(ResultsError::io("copy", file, source));
                }
                _ => {}
            }
        }
        if before == state(original)? {
            return Ok(copy);
        }
        std::thread::sleep(PAUSE);
    }
    Err(ResultsError::Held { path: original.to_owned(), holder: holder.to_owned() })
}

/// What changes when the database or its write-ahead log is written.
pub(super) fn state(original: &Path) -> Result<[Option<(u64, SystemTime)>; 2], ResultsError> {
    Ok([stamp(original)?, stamp(&log_of(original))?])
}

/// What changes when a file is written; `None` of no file.
fn stamp(path: &Path) -> Result<Option<(u64, SystemTime)>, ResultsError> {
    match path.metadata().and_then(|data| Ok((data.len(), data.modified()?))) {
        Ok(stamp) => Ok(Some(stamp)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ResultsError::io("look at", path, source)),
    }
}
