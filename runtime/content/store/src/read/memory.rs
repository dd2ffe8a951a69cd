//! What a process remembers of the store: extents it has open, blocks that it
//! has hashed and need not hash again while their file is as it was, and the
//! bytes of small and hot blocks. All are bounded, and forgetting costs time only.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use pelago_dag::Cid;

/// Blocks that are remembered as verified: two generations of this many, some 16 MiB in all.
const REMEMBERED: usize = 1 << 16;
/// Extents that are kept open.
const HANDLES: usize = 128;
/// Blocks up to this are kept in memory when they are first read, bytes: nodes, small files, and
/// leaves of 256 KiB in their nodes.
pub(crate) const SMALL: u64 = (256 << 10) + 64;
/// Blocks up to this are kept when they are read whole again, bytes.
pub(crate) const HOT: u64 = 2 << 20;
/// What a kept block costs beyond its bytes: its CID, twice, and its place in the table.
const OVERHEAD: usize = 256;

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

/// Blocks by use: what is read moves to the young; when they are too many they become the old, and
/// the old are forgotten. Near to least recent use, at the cost of a look-up.
#[derive(Default)]
struct Kept {
    young: HashMap<Cid, Bytes>,
    old: HashMap<Cid, Bytes>,
    /// Of the young.
    bytes: usize,
}

impl Kept {
    fn insert(&mut self, cid: Cid, bytes: Bytes, half: usize) {
        let cost = bytes.len() + OVERHEAD;
        if cost > half || self.young.contains_key(&cid) {
            return;
        }
        if self.bytes + cost > half {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += cost;
        self.young.insert(cid, bytes);
    }
}

/// Open extents, blocks that need not be hashed again, and blocks that need not be read.
pub(crate) struct Memory {
    handles: Mutex<HashMap<Arc<str>, Arc<File>>>,
    verified: Mutex<(Generation, Generation)>,
    kept: Mutex<Kept>,
    /// Half of the bound on what is kept, bytes: a generation's share.
    half: usize,
}

impl Memory {
    /// One that keeps blocks of at most `bytes` in all.
    pub(crate) fn new(bytes: u64) -> Self {
        let half = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
        Self { handles: Mutex::default(), verified: Mutex::default(), kept: Mutex::default(), half }
    }

    /// A verified block, if it is kept.
    pub(crate) fn block(&self, cid: &Cid) -> Option<Bytes> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = kept.young.get(cid) {
            return Some(bytes.clone());
        }
        let bytes = kept.old.remove(cid)?;
        kept.insert(*cid, bytes.clone(), self.half);
        Some(bytes)
    }

    /// Keeps a verified block.
    pub(crate) fn keep(&self, cid: Cid, bytes: &Bytes) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(cid, bytes.clone(), self.half);
    }

    /// Forgets the bytes of all blocks, after some were removed from the store.
    pub(crate) fn forget_blocks(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

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
