//! Adding content: read once, hashed on all cores, written once, then made
//! visible in one transaction.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::add::{AddProgress, Added};
use crate::extent::{ExtentWriter, Record, RootRecord, Sealed, sync_folder};
use crate::folder::Item;
use crate::options::AddOptions;
use crate::quota::{Ahead, PER_BLOCK, Reservation};
use crate::rows::Commit;
use crate::store::Inner;
use crate::unixfs::{self, Child};
use crate::{Cid, Profile, StoreError, cids};

/// Bytes that are read, hashed and written together: bounds memory, and gives each core work.
const BATCH: usize = 8 << 20;

/// One import, which leaves nothing behind unless it is committed.
struct Import<'a> {
    inner: &'a Inner,
    options: AddOptions,
    reservation: Reservation,
    progress: &'a (dyn Fn(AddProgress) + Send + Sync),
    cancelled: &'a AtomicBool,
    owner_folder: &'a Path,
    /// Whether blocks that the store has are relied on. Not so in a last try, after another process
    /// took such blocks away.
    reuse: bool,
    total: u64,
    done: u64,
    /// Bytes of content that are written, or need not be.
    placed: u64,
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
    inner: &Arc<Inner>,
    item: &Item,
    hidden: Vec<PathBuf>,
    options: AddOptions,
    progress: &(dyn Fn(AddProgress) + Send + Sync),
    cancelled: &AtomicBool,
) -> Result<Added, StoreError> {
    let owner = inner.owner()?;
    let mut reuse = true;
    loop {
        let mut import = Import {
            inner,
            options,
            reservation: Reservation::new(inner.clone()),
            progress,
            cancelled,
            owner_folder: owner.folder(),
            reuse,
            total: item.size(),
            done: 0,
            placed: 0,
            files: 0,
            new_bytes: 0,
            under: Vec::new(),
            seen: HashSet::new(),
            small: None,
            sealed: Vec::new(),
            committed: false,
            buffer: Vec::new(),
        };
        match import.run(item, &hidden) {
            // Another process took away what was relied on: once more, with blocks of our own.
            // If it is missing again, it is content that was linked to by CID.
            Err(StoreError::MissingBlock { .. }) if reuse => reuse = false,
            done => return done,
        }
    }
}

impl Import<'_> {
    fn run(&mut self, item: &Item, hidden: &[PathBuf]) -> Result<Added, StoreError> {
        let root = self.add(item, Path::new(""))?;
        let record = RootRecord {
            cid: root.cid.to_string(),
            profile: self.profile().as_str().to_owned(),
            size: root.size,
            files: self.files,
            added_at: chrono::Utc::now().to_rfc3339(),
            cost_ms: 0,
            evictable: self.options.evictable,
        };
        // A new root is recorded in an extent even if all its blocks are old, so that a scan finds it.
        if self.small.is_some() || self.inner.index.root_id(&root.cid)?.is_none() {
            let small = match self.small.take() {
                Some(writer) => writer,
                None => self.writer()?,
            };
            self.sealed.push(small.seal(&self.inner.extents, Record::Root(record.clone()))?);
        }
        if !self.sealed.is_empty() {
            sync_folder(&self.inner.extents)?;
        }
        let unneeded = self.inner.index.commit(&Commit {
            extents: &self.sealed,
            record: &record,
            root: &root.cid,
            under: &self.under,
            fetch: None,
            reservation: self.reservation.id(),
        })?;
        self.committed = true;
        self.inner.removed(&unneeded);
        Ok(Added {
            root: root.cid,
            size: root.size,
            files: self.files,
            new_bytes: self.new_bytes,
            profile: Some(self.profile()),
            hidden: hidden.to_vec(),
        })
    }

    fn profile(&self) -> Profile {
        self.options.profile
    }

    fn add(&mut self, item: &Item, path: &Path) -> Result<Child, StoreError> {
        match item {
            Item::Folder(entries) => {
                let mut children = Vec::with_capacity(entries.len());
                for (name, item) in entries {
                    children.push((name.clone(), self.add(item, &path.join(name))?));
                }
                let (child, nodes) = unixfs::folder(self.profile(), path, &children)?;
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
                let (child, under, files) = self.inner.describe(cid)?;
                self.files += files;
                for block in under {
                    self.note(block);
                }
                Ok(child)
            }
        }
    }

    fn add_file(&mut self, mut source: impl Read, path: &Path, size: u64) -> Result<Child, StoreError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let chunk = self.profile().chunk();
        let is_large = size > chunk as u64;
        let capacity = if is_large { BATCH } else { chunk };
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
            let chunks: Vec<&[u8]> = if length == 0 { vec![batch] } else { batch.chunks(chunk).collect() };
            let blocks = named_leaves(self.profile(), &chunks);
            self.put_leaves(&blocks, is_large.then_some(&mut large))?;
            leaves.extend(blocks.iter().zip(&chunks).map(|(block, chunk)| Child {
                cid: block.cid,
                size: chunk.len() as u64,
                dag_size: block.length(),
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
            self.sealed.push(writer.seal(&self.inner.extents, Record::Nothing)?);
        }
        self.files += 1;
        let (child, nodes) = unixfs::file_tree(self.profile(), leaves);
        self.put_nodes(nodes)?;
        Ok(child)
    }

    /// Leaves go into the file's own extent or the shared one.
    fn put_leaves(&mut self, blocks: &[Named<'_>], large: Option<&mut Option<ExtentWriter>>) -> Result<(), StoreError> {
        let rest = self.total.saturating_sub(self.placed);
        let ahead = rest + rest.div_ceil(self.profile().chunk() as u64) * PER_BLOCK;
        self.placed += blocks.iter().map(|block| block.body.len() as u64).sum::<u64>();
        self.put_chunks(blocks, large, ahead)
    }

    /// Writes the blocks that are new; at most `ahead` bytes are needed from the first of them on.
    fn put_chunks(
        &mut self,
        blocks: &[Named<'_>],
        mut large: Option<&mut Option<ExtentWriter>>,
        mut ahead: u64,
    ) -> Result<(), StoreError> {
        let named: Vec<Cid> = blocks.iter().map(|block| block.cid).collect();
        let stored = if self.reuse { self.inner.index.present(&named)? } else { vec![false; named.len()] };
        for (block, stored) in blocks.iter().zip(stored) {
            if !self.note(block.cid) || stored {
                continue;
            }
            let length = block.length();
            self.new_bytes += length;
            self.reservation.need(length + PER_BLOCK, Ahead::AtMost(ahead))?;
            ahead = ahead.saturating_sub(length + PER_BLOCK);
            let writer = match &mut large {
                Some(Some(writer)) => writer,
                Some(none) => none.insert(self.writer()?),
                None => self.small()?,
            };
            writer.append(block.cid, block.parts())?;
        }
        Ok(())
    }

    fn put_nodes(&mut self, nodes: Vec<unixfs::Block>) -> Result<(), StoreError> {
        let blocks: Vec<_> = nodes.iter().map(|n| Named { cid: n.cid, body: &n.bytes, ..Named::default() }).collect();
        self.put_chunks(&blocks, None, 0)
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

/// A block that is to be written: a chunk, and what its profile puts around it.
#[derive(Default)]
struct Named<'a> {
    cid: Cid,
    head: Vec<u8>,
    body: &'a [u8],
    tail: Vec<u8>,
}

impl Named<'_> {
    fn parts(&self) -> [&[u8]; 3] {
        [&self.head, self.body, &self.tail]
    }

    fn length(&self) -> u64 {
        self.parts().iter().map(|part| part.len() as u64).sum()
    }
}

/// The leaves of chunks, on as many cores as there are.
fn named_leaves<'a>(profile: Profile, chunks: &[&'a [u8]]) -> Vec<Named<'a>> {
    let leaf = |body: &&'a [u8]| {
        let (head, tail) = unixfs::leaf_frame(profile, body.len());
        let codec = if profile.raw_leaves() { cids::RAW } else { cids::DAG_PB };
        let cid = cids::of_parts(codec, [&head, body, &tail]);
        let cid = if profile.raw_leaves() { cid } else { cids::to_v0(&cid) };
        Named { cid, head, body, tail }
    };
    // One chunk is not worth a thread.
    if chunks.len() < 2 {
        return chunks.iter().map(leaf).collect();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = chunks.len().div_ceil(cores);
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            chunks.chunks(share).map(|part| scope.spawn(move || part.iter().map(leaf).collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
