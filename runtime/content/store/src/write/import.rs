//! Adding content: read once, hashed on all cores, written once, then made
//! visible in one transaction. How a file's bytes get there is in `leaves.rs`.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pelago_dag::unixfs::{self, Child};
use pelago_dag::{Cid, Profile};

use crate::StoreError;
use crate::index::rows::Commit;
use crate::inner::Inner;
use crate::keep::quota::{Ahead, PER_BLOCK, Reservation};
use crate::layout::extent::{ExtentWriter, Record, Room, RootRecord, Sealed, sync_folder};
use crate::options::AddOptions;
use crate::write::chunks::{self, Leaf, Source};
use crate::write::folder::Item;

/// How far an import is.
#[derive(Clone, Debug)]
pub struct AddProgress {
    /// Bytes read and hashed.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// The file at hand.
    pub file: PathBuf,
}

/// An import.
#[derive(Clone, Debug)]
pub struct Added {
    /// The root's CID.
    pub root: Cid,
    /// Bytes of content.
    pub size: u64,
    /// Files.
    pub files: u64,
    /// Bytes of blocks that the store did not have before.
    pub new_bytes: u64,
    /// The profile it was imported under; none for what was fetched, as its maker chose that.
    pub profile: Option<Profile>,
    /// Files and folders left out because their names begin with a dot.
    pub hidden: Vec<PathBuf>,
}

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
    let owner = inner.disk.owner()?;
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
            self.sealed.push(small.seal(self.inner.disk.extents(), Record::Root(record.clone()))?);
        }
        if !self.sealed.is_empty() {
            sync_folder(self.inner.disk.extents())?;
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
                let refused = || StoreError::Name { path: path.to_owned(), reason: "its entries cannot be sharded" };
                let (child, nodes) = unixfs::folder(self.profile(), &children).ok_or_else(refused)?;
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
                self.add_file(&Source::File(&file), path, *size)
            }
            Item::Bytes(bytes) => self.add_file(&Source::Bytes(bytes), path, bytes.len() as u64),
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

    fn add_file(&mut self, source: &Source<'_>, path: &Path, size: u64) -> Result<Child, StoreError> {
        let mut large = None;
        let mut children = Vec::new();
        let is_large = size > self.profile().chunk() as u64;
        chunks::each(self.profile(), source, path, size, |leaves, buffer| {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(StoreError::Cancelled);
            }
            let rooms = self.put_leaves(leaves, buffer, is_large.then_some(&mut large))?;
            for leaf in leaves {
                let size = leaf.body.len() as u64;
                children.push(Child { cid: leaf.cid, size, dag_size: leaf.length() });
                self.done += size;
            }
            (self.progress)(AddProgress { done: self.done, total: self.total, file: path.to_owned() });
            Ok(rooms)
        })?;
        if let Some(writer) = large {
            self.sealed.push(writer.seal(self.inner.disk.extents(), Record::Nothing)?);
        }
        self.files += 1;
        let (child, nodes) = unixfs::file_tree(self.profile(), children);
        self.put_nodes(nodes)?;
        Ok(child)
    }

    /// Leaves go into the file's own extent, where they are given room, or into the shared one.
    fn put_leaves(
        &mut self,
        leaves: &[Leaf],
        buffer: &[u8],
        mut large: Option<&mut Option<ExtentWriter>>,
    ) -> Result<Vec<Option<Room>>, StoreError> {
        let rest = self.total.saturating_sub(self.placed);
        let ahead = rest + rest.div_ceil(self.profile().chunk() as u64) * PER_BLOCK;
        self.placed += leaves.iter().map(|leaf| leaf.body.len() as u64).sum::<u64>();
        let named: Vec<_> = leaves.iter().map(|leaf| (leaf.cid, leaf.length())).collect();
        let new = self.reserve_new(&named, ahead)?;
        let mut rooms = Vec::with_capacity(leaves.len());
        for (leaf, new) in leaves.iter().zip(new) {
            rooms.push(match &mut large {
                _ if !new => None,
                Some(Some(writer)) => Some(writer.set_aside(leaf.cid, leaf.length())?),
                Some(none) => Some(none.insert(self.writer()?).set_aside(leaf.cid, leaf.length())?),
                None => {
                    self.small()?.append(leaf.cid, leaf.parts(buffer))?;
                    None
                }
            });
        }
        Ok(rooms)
    }

    /// Notes blocks as part of the content, gives which of them are to be written, and reserves
    /// their room; at most `ahead` bytes are needed from the first of them on.
    fn reserve_new(&mut self, named: &[(Cid, u64)], mut ahead: u64) -> Result<Vec<bool>, StoreError> {
        let cids: Vec<Cid> = named.iter().map(|(cid, _)| *cid).collect();
        let stored = if self.reuse { self.inner.index.present(&cids)? } else { vec![false; named.len()] };
        let mut new = Vec::with_capacity(named.len());
        for ((cid, length), stored) in named.iter().zip(stored) {
            let is_new = self.note(*cid) && !stored;
            if is_new {
                self.new_bytes += length;
                self.reservation.need(length + PER_BLOCK, Ahead::AtMost(ahead))?;
                ahead = ahead.saturating_sub(length + PER_BLOCK);
            }
            new.push(is_new);
        }
        Ok(new)
    }

    fn put_nodes(&mut self, nodes: Vec<unixfs::Block>) -> Result<(), StoreError> {
        let named: Vec<_> = nodes.iter().map(|node| (node.cid, node.bytes.len() as u64)).collect();
        let new = self.reserve_new(&named, 0)?;
        for (node, _) in nodes.iter().zip(new).filter(|(_, new)| *new) {
            self.small()?.append(node.cid, [&node.bytes, &[], &[]])?;
        }
        Ok(())
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
        ExtentWriter::create(self.owner_folder, self.inner.disk.owner()?.next_name())
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
