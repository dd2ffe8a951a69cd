//! Adding content: read once, hashed on all cores, written once, then made
//! visible in one transaction.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cid::Cid;

use crate::extent::{ExtentWriter, RootRecord, Sealed, sync_folder};
use crate::folder::Item;
use crate::store::{AddProgress, Added, Inner};
use crate::unixfs::{self, Child};
use crate::{Profile, StoreError, cids};

/// Chunks that are read, hashed and written together: bounds memory, and gives each core work.
const BATCH: usize = 8;

/// One import, which leaves nothing behind unless it is committed.
struct Import<'a> {
    inner: &'a Inner,
    progress: &'a (dyn Fn(AddProgress) + Send + Sync),
    cancelled: &'a AtomicBool,
    owner_folder: &'a Path,
    /// Whether blocks that the store has are relied on. Not so in a last try, after another process
    /// took such blocks away.
    reuse: bool,
    total: u64,
    done: u64,
    files: u64,
    new_bytes: u64,
    /// Every block under the root, each once.
    under: Vec<Cid>,
    seen: HashSet<Cid>,
    small: Option<ExtentWriter>,
    sealed: Vec<Sealed>,
    committed: bool,
    buffer: Vec<u8>,
}

/// Adds an item under the profile; blocks the calling thread.
pub(crate) fn import(
    inner: &Inner,
    item: &Item,
    hidden: Vec<PathBuf>,
    progress: &(dyn Fn(AddProgress) + Send + Sync),
    cancelled: &AtomicBool,
) -> Result<Added, StoreError> {
    let owner = inner.owner()?;
    let mut reuse = true;
    loop {
        let mut import = Import {
            inner,
            progress,
            cancelled,
            owner_folder: owner.folder(),
            reuse,
            total: item.size(),
            done: 0,
            files: 0,
            new_bytes: 0,
            under: Vec::new(),
            seen: HashSet::new(),
            small: None,
            sealed: Vec::new(),
            committed: false,
            buffer: Vec::new(),
        };
        match import.run(item, &hidden)? {
            Ok(added) => return Ok(added),
            // Another process took away what was relied on: once more, with blocks of our own.
            Err(_) if reuse => reuse = false,
            // Only content that was linked to by CID can have gone now.
            Err(cid) => return Err(StoreError::MissingBlock { cid: Box::new(cid) }),
        }
    }
}

impl Import<'_> {
    fn run(&mut self, item: &Item, hidden: &[PathBuf]) -> Result<Result<Added, Cid>, StoreError> {
        let root = self.add(item, Path::new(""))?;
        let record = RootRecord {
            cid: root.cid.to_string(),
            profile: Profile::UnixfsV1_2025.as_str().to_owned(),
            size: root.size,
            files: self.files,
            added_at: chrono::Utc::now().to_rfc3339(),
        };
        // A new root is recorded in an extent even if all its blocks are old, so that a scan finds it.
        if self.small.is_some() || !self.inner.has_root(&root.cid)? {
            let small = match self.small.take() {
                Some(writer) => writer,
                None => self.writer()?,
            };
            self.sealed.push(small.seal(&self.inner.extents, Some(record.clone()))?);
        }
        if !self.sealed.is_empty() {
            sync_folder(&self.inner.extents)?;
        }
        let unneeded = match self.inner.index.commit(&self.sealed, &record, &root.cid, &self.under)? {
            Ok(unneeded) => unneeded,
            Err(gone) => return Ok(Err(gone)),
        };
        self.committed = true;
        for name in unneeded {
            self.inner.remove_extent(&name);
        }
        Ok(Ok(Added {
            root: root.cid,
            size: root.size,
            files: self.files,
            new_bytes: self.new_bytes,
            profile: Profile::UnixfsV1_2025,
            hidden: hidden.to_vec(),
        }))
    }

    fn add(&mut self, item: &Item, path: &Path) -> Result<Child, StoreError> {
        match item {
            Item::Folder(entries) => {
                let mut children = Vec::with_capacity(entries.len());
                for (name, item) in entries {
                    children.push((name.clone(), self.add(item, &path.join(name))?));
                }
                let (child, nodes) = unixfs::folder(path, &children)?;
                self.put_nodes(nodes)?;
                Ok(child)
            }
            Item::File { path, size } => {
                let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
                let open = OpenOptions::new().read(true).custom_flags(flags).open(path);
                let file = open.map_err(|e| StoreError::io("open", path, e))?;
                if !file.metadata().map_err(|e| StoreError::io("look at", path, e))?.is_file() {
                    return Err(StoreError::Special { path: path.clone() });
                }
                self.add_file(file, path, *size)
            }
            Item::Bytes(bytes) => self.add_file(&bytes[..], path, bytes.len() as u64),
            Item::Link(cid) => {
                self.files += 1;
                let (child, under) = self.inner.describe(cid)?;
                for block in under {
                    self.note(block);
                }
                Ok(child)
            }
        }
    }

    fn add_file(&mut self, mut source: impl Read, path: &Path, size: u64) -> Result<Child, StoreError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let capacity = Profile::CHUNK * if size > Profile::CHUNK as u64 { BATCH } else { 1 };
        if buffer.len() < capacity {
            buffer.resize(capacity, 0);
        }
        let mut large = None;
        let mut leaves = Vec::new();
        let mut actual = 0;
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(StoreError::Cancelled);
            }
            let length = fill(&mut source, &mut buffer[..capacity]).map_err(|e| StoreError::io("read", path, e))?;
            if length == 0 && actual > 0 {
                break;
            }
            let batch = &buffer[..length];
            let chunks: Vec<&[u8]> = if length == 0 { vec![batch] } else { batch.chunks(Profile::CHUNK).collect() };
            let named = hash(&chunks);
            self.put_chunks(&chunks, &named, (size > Profile::CHUNK as u64).then_some(&mut large))?;
            leaves.extend(named.iter().zip(&chunks).map(|(cid, chunk)| {
                let size = chunk.len() as u64;
                Child { cid: *cid, size, dag_size: size }
            }));
            actual += length as u64;
            self.done += length as u64;
            (self.progress)(AddProgress { done: self.done, total: self.total, file: path.to_owned() });
            if length < capacity || actual > size {
                break;
            }
        }
        self.buffer = buffer;
        if actual != size {
            return Err(StoreError::Changed { path: path.to_owned(), expected: size, actual });
        }
        if let Some(writer) = large {
            self.sealed.push(writer.seal(&self.inner.extents, None)?);
        }
        self.files += 1;
        let (child, nodes) = unixfs::file_tree(leaves);
        self.put_nodes(nodes)?;
        Ok(child)
    }

    /// Writes the blocks that are new, into the file's own extent or the shared one.
    fn put_chunks(
        &mut self,
        chunks: &[&[u8]],
        named: &[Cid],
        mut large: Option<&mut Option<ExtentWriter>>,
    ) -> Result<(), StoreError> {
        let stored = if self.reuse { self.inner.index.present(named)? } else { vec![false; named.len()] };
        for ((chunk, cid), stored) in chunks.iter().zip(named).zip(stored) {
            if !self.note(*cid) || stored {
                continue;
            }
            self.new_bytes += chunk.len() as u64;
            match &mut large {
                Some(Some(writer)) => writer.append(*cid, chunk)?,
                Some(slot) => {
                    let mut writer = self.writer()?;
                    writer.append(*cid, chunk)?;
                    **slot = Some(writer);
                }
                None => self.small()?.append(*cid, chunk)?,
            }
        }
        Ok(())
    }

    fn put_nodes(&mut self, nodes: Vec<unixfs::Block>) -> Result<(), StoreError> {
        let named: Vec<Cid> = nodes.iter().map(|n| n.cid).collect();
        let chunks: Vec<&[u8]> = nodes.iter().map(|n| &n.bytes[..]).collect();
        self.put_chunks(&chunks, &named, None)
    }

    /// Remembers a block as part of the content; false if it was met before.
    fn note(&mut self, cid: Cid) -> bool {
        let new = self.seen.insert(cid);
        if new {
            self.under.push(cid);
        }
        new
    }

    fn writer(&self) -> Result<ExtentWriter, StoreError> {
        ExtentWriter::create(self.owner_folder, self.inner.owner()?.next_name())
    }

    fn small(&mut self) -> Result<&mut ExtentWriter, StoreError> {
        let writer = match self.small.take() {
            Some(writer) => writer,
            None => self.writer()?,
        };
        Ok(self.small.insert(writer))
    }
}

impl Drop for Import<'_> {
    fn drop(&mut self) {
        if !self.committed {
            for extent in &self.sealed {
                self.inner.remove_extent(&extent.name);
            }
        }
    }
}

fn fill(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(length)
}

/// The CIDs of chunks, on as many cores as there are.
fn hash(chunks: &[&[u8]]) -> Vec<Cid> {
    // One chunk is not worth a thread.
    if chunks.len() < 2 {
        return chunks.iter().map(|c| cids::of(cids::RAW, c)).collect();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = chunks.len().div_ceil(cores);
    std::thread::scope(|scope| {
        let workers: Vec<_> = chunks
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|c| cids::of(cids::RAW, c)).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
