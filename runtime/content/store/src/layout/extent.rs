//! Extents: immutable files of blocks back to back, with a table of contents at
//! the end from which the index can be built anew.
//!
//! An extent does not know what its blocks mean, nor whether the index has them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pelago_dag::Cid;
use serde::{Deserialize, Serialize};

use crate::StoreError;

const MAGIC: &[u8; 8] = b"PELAGOX1";
/// The largest table of contents that is read: some 5 million blocks.
const CONTENTS_MAX: u64 = 1 << 29;
/// Small blocks are written together when they have so many bytes.
const BUFFER: usize = 256 << 10;

/// A block's place in an extent.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) cid: Cid,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// A root as an extent records it, so that a scan finds it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RootRecord {
    pub(crate) cid: String,
    pub(crate) profile: String,
    pub(crate) size: u64,
    pub(crate) files: u64,
    pub(crate) added_at: String,
    /// What it took to fetch it, ms; 0 for what was added here.
    #[serde(default)]
    pub(crate) cost_ms: u64,
    #[serde(default)]
    pub(crate) evictable: bool,
}

/// What an extent records beside its blocks.
#[derive(Clone, Debug, Default)]
pub(crate) enum Record {
    #[default]
    Nothing,
    /// A root that is whole with this extent.
    Root(RootRecord),
    /// That its blocks came by a fetch of this root, which may not have ended.
    Fetch(Cid),
}

/// The table of contents: lengths in order; offsets follow from them.
#[derive(Serialize, Deserialize)]
struct Contents {
    blocks: Vec<(String, u64)>,
    root: Option<RootRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetch: Option<String>,
}

/// An extent that is being written in its owner's folder. Dropped unsealed, it leaves nothing.
pub(crate) struct ExtentWriter {
    file: Arc<File>,
    path: Arc<PathBuf>,
    name: String,
    blocks: Vec<Placed>,
    /// Where the next block goes.
    offset: u64,
    /// What was appended and is not written yet: the bytes before `offset`.
    buffer: Vec<u8>,
}

/// A block's room in an extent: for whoever has its bytes to fill, before the extent is sealed.
pub(crate) struct Room {
    pub(crate) file: Arc<File>,
    pub(crate) path: Arc<PathBuf>,
    pub(crate) offset: u64,
}

impl Room {
    /// Writes the block, which may lie in pieces.
    pub(crate) fn fill(&self, parts: [&[u8]; 3]) -> Result<(), StoreError> {
        let mut at = self.offset;
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            self.file.write_all_at(part, at).map_err(|e| StoreError::io("write", &self.path, e))?;
            at += part.len() as u64;
        }
        Ok(())
    }

    /// Brings what was written so far to the disk, so that sealing has less to wait for.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|e| StoreError::io("flush", &self.path, e))
    }
}

/// A sealed extent, not yet in the index.
pub(crate) struct Sealed {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) blocks: Vec<Placed>,
}

impl ExtentWriter {
    /// Starts an extent `name` in `folder`, which is on the file system of the extents.
    pub(crate) fn create(folder: &Path, name: String) -> Result<Self, StoreError> {
        let path = folder.join(&name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path)
            .map_err(|e| StoreError::io("create", &path, e))?;
        Ok(Self { file: Arc::new(file), path: Arc::new(path), name, blocks: Vec::new(), offset: 0, buffer: Vec::new() })
    }

    /// Appends a block whose CID was computed from these bytes.
    pub(crate) fn append(&mut self, cid: Cid, parts: [&[u8]; 3]) -> Result<(), StoreError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length >= BUFFER {
            return self.set_aside(cid, length as u64)?.fill(parts);
        }
        if self.buffer.len() + length > BUFFER {
            self.write_out()?;
        }
        parts.iter().for_each(|part| self.buffer.extend_from_slice(part));
        self.note(cid, length as u64);
        Ok(())
    }

    /// Gives a block its room. Who fails to fill it must see that the extent is not sealed.
    pub(crate) fn set_aside(&mut self, cid: Cid, length: u64) -> Result<Room, StoreError> {
        self.write_out()?;
        let room = Room { file: self.file.clone(), path: self.path.clone(), offset: self.offset };
        self.note(cid, length);
        Ok(room)
    }

    fn note(&mut self, cid: Cid, length: u64) {
        self.blocks.push(Placed { cid, offset: self.offset, length });
        self.offset += length;
    }

    fn write_out(&mut self) -> Result<(), StoreError> {
        let at = self.offset - self.buffer.len() as u64;
        self.file.write_all_at(&self.buffer, at).map_err(|e| StoreError::io("write", &self.path, e))?;
        self.buffer.clear();
        Ok(())
    }

    /// Where the file is until it is sealed.
    pub(crate) fn path(&self) -> &Arc<PathBuf> {
        &self.path
    }

    /// Bytes of the blocks so far.
    pub(crate) fn length(&self) -> u64 {
        self.offset
    }

    /// The blocks so far.
    pub(crate) fn blocks(&self) -> &[Placed] {
        &self.blocks
    }

    /// Writes the table of contents, flushes to the disk and moves the file into `extents`.
    /// The folder itself is for the caller to flush, once for several extents.
    pub(crate) fn seal(mut self, extents: &Path, record: Record) -> Result<Sealed, StoreError> {
        let blocks = self.blocks.iter().map(|b| (b.cid.to_string(), b.length)).collect();
        let (root, fetch) = match record {
            Record::Nothing => (None, None),
            Record::Root(root) => (Some(root), None),
            Record::Fetch(root) => (None, Some(root.to_string())),
        };
        let contents = Contents { blocks, root, fetch };
        self.write_out()?;
        let io = |e| StoreError::io("write", &self.path, e);
        let mut end = serde_json::to_vec(&contents).map_err(|e| io(e.into()))?;
        let length = end.len() as u64;
        end.extend(length.to_le_bytes());
        end.extend(MAGIC);
        self.file.write_all_at(&end, self.offset).map_err(io)?;
        self.file.set_permissions(std::fs::Permissions::from_mode(0o444)).map_err(io)?;
        self.file.sync_all().map_err(io)?;
        let target = extents.join(&self.name);
        std::fs::rename(&*self.path, &target).map_err(|e| StoreError::io("move into place", &target, e))?;
        let size = self.offset + end.len() as u64;
        Ok(Sealed { name: self.name.clone(), size, blocks: std::mem::take(&mut self.blocks) })
    }
}

impl Drop for ExtentWriter {
    fn drop(&mut self) {
        // After `seal` there is nothing at the path, which is what is wanted.
        let _ = std::fs::remove_file(&*self.path);
    }
}

/// Flushes a folder, so that a rename in it lasts.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| StoreError::io("flush", folder, e))
}

/// What a scan learns of an extent.
pub(crate) struct Found {
    pub(crate) size: u64,
    pub(crate) blocks: Vec<Placed>,
    pub(crate) record: Record,
}

/// Reads an extent's table of contents. `None` if the file is no whole extent.
pub(crate) fn read_contents(path: &Path) -> Result<Option<Found>, StoreError> {
    let io = |e| StoreError::io("read", path, e);
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut trailer = [0u8; 16];
    let Some(at) = size.checked_sub(16) else { return Ok(None) };
    file.read_exact_at(&mut trailer, at).map_err(io)?;
    let (length, magic) = trailer.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap_or_default());
    if magic != MAGIC || length > CONTENTS_MAX || length > at {
        return Ok(None);
    }
    let mut table = vec![0; length as usize];
    file.read_exact_at(&mut table, at - length).map_err(io)?;
    let Ok(contents) = serde_json::from_slice::<Contents>(&table) else { return Ok(None) };
    let mut offset = 0u64;
    let mut blocks = Vec::with_capacity(contents.blocks.len());
    for (cid, length) in contents.blocks {
        let Ok(cid) = Cid::try_from(cid.as_str()) else { return Ok(None) };
        blocks.push(Placed { cid, offset, length });
        offset = offset.saturating_add(length);
    }
    let fetch = contents.fetch.and_then(|fetch| Cid::try_from(fetch.as_str()).ok());
    let record = match (contents.root, fetch) {
        (Some(root), _) => Record::Root(root),
        (None, Some(fetch)) => Record::Fetch(fetch),
        (None, None) => Record::Nothing,
    };
    Ok((offset == at - table.len() as u64).then_some(Found { size, blocks, record }))
}
