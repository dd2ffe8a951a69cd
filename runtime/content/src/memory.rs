//! What a process remembers of the store: extents it has open, and blocks that
//! it has hashed and need not hash again while their file is as it was. Both
//! are bounded, and forgetting costs time only.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Blocks that are remembered as verified: two generations of this many, some 16 MiB in all.
const REMEMBERED: usize = 1 << 16;
/// Extents that are kept open.
const HANDLES: usize = 128;

/// A file as it was when a block in it was verified. Anything that writes to it changes this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(file: &File) -> std::io::Result<Self> {
        let m = file.metadata()?;
        Ok(Self {
            inode: m.ino(),
            size: m.size(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
        })
    }
}

type Generation = HashMap<(Arc<str>, u64), Stamp>;

/// Open extents, and blocks that need not be hashed again.
#[derive(Default)]
pub(crate) struct Memory {
    handles: Mutex<HashMap<Arc<str>, Arc<File>>>,
    verified: Mutex<(Generation, Generation)>,
}

impl Memory {
    /// An extent's file, and its name for `knows` and `remember`.
    pub(crate) fn open(&self, extents: &Path, name: &str) -> std::io::Result<(Arc<str>, Arc<File>)> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, file)) = handles.get_key_value(name) {
            return Ok((name.clone(), file.clone()));
        }
        let file = Arc::new(File::open(extents.join(name))?);
        if handles.len() >= HANDLES {
            handles.clear();
        }
        let name: Arc<str> = name.into();
        handles.insert(name.clone(), file.clone());
        Ok((name, file))
    }

    pub(crate) fn knows(&self, extent: &Arc<str>, offset: u64, stamp: Stamp) -> bool {
        let generations = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (extent.clone(), offset);
        generations.0.get(&key).or_else(|| generations.1.get(&key)) == Some(&stamp)
    }

    pub(crate) fn remember(&self, extent: Arc<str>, offset: u64, stamp: Stamp) {
        let mut generations = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.0.len() >= REMEMBERED {
            generations.1 = std::mem::take(&mut generations.0);
        }
        generations.0.insert((extent, offset), stamp);
    }

    pub(crate) fn forget_extent(&self, name: &str) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
