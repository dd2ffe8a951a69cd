//! Reading: paths to nodes, ranges to blocks, and no byte before its block was
//! hashed.

use std::collections::HashSet;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use cid::Cid;

use crate::blocks::BLOCK_MAX;
use crate::index::Location;
use crate::memory::Stamp;
use crate::store::Inner;
use crate::unixfs::{self, Child, Node};
use crate::{StoreError, cids};

/// How deep a file's tree or a folder's shards may go. Width 1024 and 1 MiB make 2^60 bytes at 4.
const DEPTH_MAX: usize = 16;

/// A file or folder of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path from the root; empty for the root itself.
    pub path: String,
    /// Its own CID.
    pub cid: Cid,
    /// Bytes of content; 0 for a folder.
    pub size: u64,
    /// File or folder.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    File,
    /// Names.
    Folder,
}

/// What `verify` went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Blocks, each once.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A part of a file, in one block.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    cid: Cid,
    range: Range<u64>,
}

impl Inner {
    /// Bytes of a block, verified. With `afresh` they are hashed even if they were before.
    pub(crate) fn block(&self, cid: &Cid, range: Option<Range<u64>>, afresh: bool) -> Result<Bytes, StoreError> {
        cids::check_supported(cid)?;
        let within = |whole: Bytes| match &range {
            Some(range) if range.start <= range.end && range.end <= whole.len() as u64 => {
                Ok(whole.slice(range.start as usize..range.end as usize))
            }
            Some(range) => Err(StoreError::Node {
                cid: Box::new(*cid),
                reason: format!("{} bytes, but {range:?} asked", whole.len()),
            }),
            None => Ok(whole),
        };
        if let Some(bytes) = cids::inline(cid) {
            return within(Bytes::copy_from_slice(bytes));
        }
        // Twice: between index and file, another process may have moved on to another copy.
        for _ in 0..2 {
            let Some(at) = self.index.locate(cid)? else { break };
            let path = self.extents.join(&at.extent);
            let (name, file) = match self.memory.open(&self.extents, &at.extent) {
                Ok(opened) => opened,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(StoreError::io("open", &path, e)),
            };
            let io = |e| StoreError::io("read", &path, e);
            let stamp = Stamp::of(&file).map_err(io)?;
            if let (Some(range), false) = (&range, afresh)
                && self.memory.knows(&name, at.offset, stamp)
                && range.start <= range.end
                && range.end <= at.length
            {
                return read_at(&file, at.offset + range.start, range.end - range.start).map_err(io);
            }
            let whole = read_at(&file, at.offset, at.length.min(BLOCK_MAX)).map_err(io)?;
            if !cids::matches(cid, &whole) {
                return Err(self.corrupt(cid, &at, &whole));
            }
            self.memory.remember(name, at.offset, stamp);
            return within(whole);
        }
        Err(StoreError::MissingBlock { cid: Box::new(*cid) })
    }

    fn corrupt(&self, cid: &Cid, at: &Location, found: &[u8]) -> StoreError {
        // Missing is a state that adding again mends. On a read-only store this cannot be noted, and
        // the block stays refused each time it is read.
        if let Err(error) = self.index.drop_block(cid, at) {
            tracing::debug!(%cid, %error, "a damaged block could not be taken out of the index");
        }
        let actual = cids::of(cid.codec(), found);
        StoreError::Corrupt {
            cid: Box::new(*cid),
            actual: Box::new(actual),
            extent: self.extents.join(&at.extent),
            offset: at.offset,
        }
    }

    fn node(&self, cid: &Cid) -> Result<Node, StoreError> {
        unixfs::decode(cid, self.block(cid, None, false)?)
    }

    /// A folder's entries, through its shards.
    fn entries(&self, cid: &Cid) -> Result<Option<Vec<(String, Cid)>>, StoreError> {
        let mut all = match self.node(cid)? {
            Node::Folder(entries) => return Ok(Some(entries)),
            Node::Shard { entries, shards } => {
                let mut all = entries;
                let mut level = shards;
                let mut met = HashSet::from([*cid]);
                for _ in 0..DEPTH_MAX {
                    let mut next = Vec::new();
                    for shard in std::mem::take(&mut level) {
                        if !met.insert(shard) {
                            return Err(StoreError::Node {
                                cid: Box::new(shard),
                                reason: "a shard that is met twice".to_owned(),
                            });
                        }
                        let Node::Shard { entries, shards } = self.node(&shard)? else {
                            return Err(StoreError::Node {
                                cid: Box::new(shard),
                                reason: "a shard was expected".to_owned(),
                            });
                        };
                        all.extend(entries);
                        next.extend(shards);
                    }
                    level = next;
                }
                if !level.is_empty() {
                    return Err(StoreError::Node { cid: Box::new(*cid), reason: "its shards go too deep".to_owned() });
                }
                all
            }
            Node::Leaf(_) | Node::File(_) => return Ok(None),
        };
        all.sort();
        Ok(Some(all))
    }

    /// What a CID is. A raw block's size stands in the index, so nothing is read for it.
    fn entry(&self, path: String, cid: Cid) -> Result<Entry, StoreError> {
        cids::check_supported(&cid)?;
        let file = |size| Entry { path: path.clone(), cid, size, kind: Kind::File };
        if cid.codec() == cids::RAW {
            if let Some(bytes) = cids::inline(&cid) {
                return Ok(file(bytes.len() as u64));
            }
            let at = self.index.locate(&cid)?.ok_or(StoreError::MissingBlock { cid: Box::new(cid) })?;
            return Ok(file(at.length));
        }
        match self.node(&cid)? {
            Node::Leaf(bytes) => Ok(file(bytes.len() as u64)),
            Node::File(parts) => Ok(file(parts.iter().map(|(_, size)| size).sum())),
            Node::Folder(_) | Node::Shard { .. } => Ok(Entry { path, cid, size: 0, kind: Kind::Folder }),
        }
    }

    /// Follows a path.
    pub(crate) fn stat(&self, root: Cid, path: &str) -> Result<Entry, StoreError> {
        let mut cid = root;
        for part in path.split('/').filter(|p| !p.is_empty()) {
            let missing = || StoreError::NoEntry { cid: Box::new(root), path: path.to_owned() };
            let entries = self.entries(&cid)?.ok_or_else(missing)?;
            cid = entries.into_iter().find(|(name, _)| name == part).ok_or_else(missing)?.1;
        }
        self.entry(path.trim_matches('/').to_owned(), cid)
    }

    /// All files under a root, sorted by path.
    pub(crate) fn list(&self, root: Cid) -> Result<Vec<Entry>, StoreError> {
        let mut files = Vec::new();
        let mut open = vec![(String::new(), root, 0)];
        while let Some((prefix, cid, depth)) = open.pop() {
            let Some(entries) = self.entries(&cid)? else {
                return Err(StoreError::NotFolder { path: cid.to_string() });
            };
            if depth > 64 {
                return Err(StoreError::Node { cid: Box::new(cid), reason: "folders go deeper than 64".to_owned() });
            }
            for (name, cid) in entries {
                let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
                let entry = self.entry(path, cid)?;
                match entry.kind {
                    Kind::File => files.push(entry),
                    Kind::Folder => open.push((entry.path, cid, depth + 1)),
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The blocks that hold a range of a file, in order.
    pub(crate) fn parts(&self, cid: &Cid, size: u64, wanted: &Range<u64>) -> Result<Vec<Part>, StoreError> {
        let mut parts = Vec::new();
        self.collect(cid, 0, size, wanted, 0, &mut parts)?;
        Ok(parts)
    }

    fn collect(
        &self,
        cid: &Cid,
        start: u64,
        size: u64,
        wanted: &Range<u64>,
        depth: usize,
        parts: &mut Vec<Part>,
    ) -> Result<(), StoreError> {
        let end = start.saturating_add(size);
        let (from, to) = (wanted.start.max(start), wanted.end.min(end));
        if from >= to {
            return Ok(());
        }
        let bad = |reason| Err(StoreError::Node { cid: Box::new(*cid), reason });
        if depth > DEPTH_MAX {
            return bad("its tree goes too deep".to_owned());
        }
        if cid.codec() == cids::RAW {
            parts.push(Part { cid: *cid, range: from - start..to - start });
            return Ok(());
        }
        match self.node(cid)? {
            Node::Leaf(bytes) if bytes.len() as u64 == size => {
                // Content inside a dag-pb node is not a plain range of the block; keep it as an inline CID would be.
                parts.push(Part { cid: *cid, range: from - start..to - start });
                Ok(())
            }
            Node::File(children) if children.iter().map(|(_, s)| s).sum::<u64>() == size => {
                let mut at = start;
                for (child, size) in children {
                    self.collect(&child, at, size, wanted, depth + 1, parts)?;
                    at += size;
                }
                Ok(())
            }
            Node::Leaf(bytes) => bad(format!("its parent says {size} bytes, it has {}", bytes.len())),
            Node::File(_) => bad(format!("its parent says {size} bytes, its parts have another sum")),
            Node::Folder(_) | Node::Shard { .. } => bad("a part of a file was expected, a folder found".to_owned()),
        }
    }

    /// The verified bytes of one part.
    pub(crate) fn part(&self, part: &Part) -> Result<Bytes, StoreError> {
        if part.cid.codec() == cids::RAW {
            return self.block(&part.cid, Some(part.range.clone()), false);
        }
        match self.node(&part.cid)? {
            Node::Leaf(bytes) if part.range.end <= bytes.len() as u64 => {
                Ok(bytes.slice(part.range.start as usize..part.range.end as usize))
            }
            _ => Err(StoreError::Node { cid: Box::new(part.cid), reason: "its content changed shape".to_owned() }),
        }
    }

    /// Content that is here already, as a parent links to it, and every block under it.
    pub(crate) fn describe(&self, cid: &Cid) -> Result<(Child, Vec<Cid>), StoreError> {
        let size = match self.entry(String::new(), *cid)? {
            Entry { kind: Kind::File, size, .. } => size,
            _ => self.list(*cid)?.iter().map(|e| e.size).sum(),
        };
        let under = walk(*cid, |c| self.block(c, None, false), |c| Ok(self.index.locate(c)?.is_some()))?;
        let dag_size = if cid.codec() == cids::RAW {
            size
        } else {
            let block = self.block(cid, None, false)?;
            let own = block.len() as u64;
            let node = ipld_dagpb::PbNode::from_bytes(block)
                .map_err(|e| StoreError::Node { cid: Box::new(*cid), reason: e.to_string() })?;
            node.links.iter().filter_map(|l| l.size).fold(own, u64::saturating_add)
        };
        Ok((Child { cid: *cid, size, dag_size }, under))
    }

    /// Hashes every block under a root again, on all cores.
    pub(crate) fn verify(&self, root: &Cid) -> Result<Verified, StoreError> {
        let under = self.blocks_of(root)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let bytes = std::thread::scope(|scope| {
            let workers: Vec<_> = under
                .chunks(under.len().div_ceil(cores).max(1))
                .map(|part| {
                    scope.spawn(move || {
                        part.iter().try_fold(0, |sum, cid| Ok(sum + self.block(cid, None, true)?.len() as u64))
                    })
                })
                .collect();
            workers.into_iter().map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).sum::<Result<
                u64,
                StoreError,
            >>(
            )
        })?;
        Ok(Verified { blocks: under.len() as u64, bytes })
    }
}

/// Every block under a root, the root first, each once.
pub(crate) fn walk(
    root: Cid,
    fetch: impl Fn(&Cid) -> Result<Bytes, StoreError>,
    exists: impl Fn(&Cid) -> Result<bool, StoreError>,
) -> Result<Vec<Cid>, StoreError> {
    let mut seen = HashSet::from([root]);
    let mut all = Vec::new();
    let mut open = vec![root];
    while let Some(cid) = open.pop() {
        cids::check_supported(&cid)?;
        if cids::inline(&cid).is_none() {
            all.push(cid);
        }
        if cid.codec() == cids::RAW {
            if cids::inline(&cid).is_none() && !exists(&cid)? {
                return Err(StoreError::MissingBlock { cid: Box::new(cid) });
            }
            continue;
        }
        let links: Vec<Cid> = match unixfs::decode(&cid, fetch(&cid)?)? {
            Node::Leaf(_) => Vec::new(),
            Node::File(parts) => parts.into_iter().map(|(cid, _)| cid).collect(),
            Node::Folder(entries) => entries.into_iter().map(|(_, cid)| cid).collect(),
            Node::Shard { entries, shards } => entries.into_iter().map(|(_, cid)| cid).chain(shards).collect(),
        };
        open.extend(links.into_iter().filter(|cid| seen.insert(*cid)));
    }
    Ok(all)
}

/// Reads as much as is there: a short read shows in the hash.
pub(crate) fn read_at(file: &File, offset: u64, length: u64) -> std::io::Result<Bytes> {
    let mut buffer = vec![0; length as usize];
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    buffer.truncate(read);
    Ok(buffer.into())
}
