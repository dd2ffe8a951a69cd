//! Reading: CIDs to blocks, ranges to parts of blocks, and no byte before its
//! block was hashed.

use std::fs::File;
use std::ops::Range;
use std::vec::IntoIter;

use bytes::Bytes;
use pelago_dag::buffer::Buffer;
use pelago_dag::limits::FILE_DEPTH;
use pelago_dag::unixfs::{self, Node};
use pelago_dag::walk::{ValidateSource, validate};
use pelago_dag::{BLOCK_MAX, BlockError, Cid, NodeError, cid};
use rustix::buffer::spare_capacity;

use crate::StoreError;
use crate::index::Location;
use crate::read::memory::{HOT, SMALL, Stamp};
use crate::read::tier_counter::Tier;
use crate::store::Inner;

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
pub(crate) enum Part {
    /// Of a raw block, which should have `size` bytes.
    Raw { cid: Cid, size: u64, range: Range<u64> },
    /// Out of a node that was read on the way.
    Ready(Bytes, Tier),
}

/// Which bytes of a block are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Want {
    /// All, if none.
    range: Option<Range<u64>>,
    /// What the parent says that the block's length is.
    length: Option<u64>,
    /// Whether to read and hash it even if that was done before.
    afresh: bool,
}

impl Want {
    pub(crate) const AFRESH: Self = Self { range: None, length: None, afresh: true };

    fn check(&self, cid: &Cid, length: u64) -> Result<(), StoreError> {
        let bad = |source: NodeError| Err(BlockError::node(cid, source).into());
        match (self.length, &self.range) {
            (Some(said), _) if said != length => bad(NodeError::Size { expected: said, found: Some(length) }),
            (_, Some(range)) if range.start > range.end || range.end > length => {
                bad(NodeError::Range { length, from: range.start, to: range.end })
            }
            _ => Ok(()),
        }
    }

    fn of(&self, cid: &Cid, whole: Bytes) -> Result<Bytes, StoreError> {
        self.check(cid, whole.len() as u64)?;
        Ok(match &self.range {
            Some(range) => whole.slice(range.start as usize..range.end as usize),
            None => whole,
        })
    }
}

impl Inner {
    /// Bytes of a block, verified, and where they came from.
    pub(crate) fn block_as(&self, cid: &Cid, want: &Want) -> Result<(Bytes, Tier), StoreError> {
        cid::check_hash(cid)?;
        if let Some(bytes) = cid::inline(cid) {
            return want.of(cid, Bytes::copy_from_slice(bytes)).map(|bytes| (bytes, Tier::Memory));
        }
        let key = cid::to_v1(cid);
        if !want.afresh
            && let Some(whole) = self.cache.memory.block(&key)
        {
            return want.of(cid, whole).map(|bytes| (bytes, Tier::Memory));
        }
        // Between looking and opening, the block may move from what is being fetched into the index,
        // or to another copy by another process: then once more.
        for _ in 0..3 {
            if let Some(bytes) = self.transfers.unindexed.read(&key)? {
                return want.of(cid, bytes).map(|bytes| (bytes, Tier::Disk));
            }
            let Some(at) = self.index.locate(cid)? else { continue };
            if let Some(bytes) = self.sealed(&key, &at, want)? {
                return Ok((bytes, Tier::Disk));
            }
        }
        Err(StoreError::MissingBlock { cid: Box::new(*cid) })
    }

    /// A block of an extent; `None` if the extent has gone.
    fn sealed(&self, cid: &Cid, at: &Location, want: &Want) -> Result<Option<Bytes>, StoreError> {
        let path = self.disk.extents().join(&at.extent);
        let (name, file) = match self.cache.memory.open(self.disk.extents(), &at.extent) {
            Ok(opened) => opened,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("open", &path, e)),
        };
        let io = |e| StoreError::io("read", &path, e);
        let stamp = Stamp::of(&file).map_err(io)?;
        let known = !want.afresh && self.cache.memory.knows(&name, at.offset, stamp);
        let is_small = at.length <= SMALL;
        if let (true, false, Some(range)) = (known, is_small, &want.range)
            && range.end.saturating_sub(range.start) < at.length
        {
            want.check(cid, at.length)?;
            let bytes = read_at(&file, at.offset + range.start, range.end - range.start).map_err(io)?;
            if bytes.len() as u64 == range.end - range.start {
                return Ok(Some(bytes));
            }
        }
        let whole = read_at(&file, at.offset, at.length.min(BLOCK_MAX)).map_err(io)?;
        let is_as_it_was = known && whole.len() as u64 == at.length;
        if !is_as_it_was && !cid::matches(cid, &whole) {
            return Err(self.corrupt(cid, at, &whole));
        }
        // A large block is hot when it is read whole for the second time.
        if !want.afresh && (is_small || known && at.length <= HOT) {
            self.cache.memory.keep(*cid, &whole);
        }
        self.cache.memory.remember(name, at.offset, stamp);
        want.of(cid, whole).map(Some)
    }

    /// A whole block.
    pub(crate) fn block(&self, cid: &Cid) -> Result<Bytes, StoreError> {
        self.block_as(cid, &Want::default()).map(|(bytes, _)| bytes)
    }

    /// A block's length, if it is here. Nothing is read for it.
    pub(crate) fn length(&self, cid: &Cid) -> Result<Option<u64>, StoreError> {
        if let Some(bytes) = cid::inline(cid) {
            return Ok(Some(bytes.len() as u64));
        }
        // In this order: a block that is sealed meanwhile is in the index before it leaves `pending`.
        if let Some(length) = self.transfers.unindexed.length(&cid::to_v1(cid)) {
            return Ok(Some(length));
        }
        Ok(self.index.locate(cid)?.map(|at| at.length))
    }

    fn corrupt(&self, cid: &Cid, at: &Location, found: &[u8]) -> StoreError {
        // Missing is a state that adding again mends. On a read-only store this cannot be noted, and
        // the block stays refused each time it is read.
        if let Err(error) = self.index.drop_block(cid, at) {
            tracing::debug!(%cid, %error, "a damaged block could not be taken out of the index");
        }
        StoreError::Corrupt {
            cid: Box::new(*cid),
            actual: Box::new(cid::of(cid.codec(), found)),
            extent: self.disk.extents().join(&at.extent),
            offset: at.offset,
        }
    }

    /// A decoded node.
    pub(crate) fn node(&self, cid: &Cid) -> Result<(Node, Tier), StoreError> {
        let (block, tier) = self.block_as(cid, &Want::default())?;
        Ok((unixfs::decode(cid, block)?, tier))
    }

    /// The verified bytes of one part.
    pub(crate) fn part(&self, part: Part) -> Result<(Bytes, Tier), StoreError> {
        match part {
            Part::Ready(bytes, tier) => Ok((bytes, tier)),
            Part::Raw { cid, size, range } => {
                self.block_as(&cid, &Want { range: Some(range), length: Some(size), afresh: false })
            }
        }
    }

    /// Hashes every block under a root again, on all cores.
    pub(crate) fn verify(&self, root: &Cid) -> Result<Verified, StoreError> {
        let under = self.blocks_of(root)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let verify = |cid: &Cid| self.block_as(cid, &Want::AFRESH).map(|(bytes, _)| bytes.len() as u64);
        let bytes = std::thread::scope(|scope| {
            let workers: Vec<_> = under
                .chunks(under.len().div_ceil(cores).max(1))
                .map(|part| scope.spawn(move || part.iter().try_fold(0, |sum, cid| Ok(sum + verify(cid)?))))
                .collect();
            let done = workers.into_iter().map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            done.sum::<Result<u64, StoreError>>()
        })?;
        // What is recorded must be what the nodes say.
        validate(root, self)?;
        Ok(Verified { blocks: under.len() as u64, bytes })
    }
}

impl ValidateSource for Inner {
    type Error = StoreError;

    fn block(&self, cid: &Cid) -> Result<Bytes, StoreError> {
        self.block(cid)
    }

    fn length(&self, cid: &Cid) -> Result<Option<u64>, StoreError> {
        self.length(cid)
    }
}

/// A walk along a file's tree from leaf to leaf, which holds one node a level: what a file of
/// repeated links would expand to is never in memory.
pub(crate) struct Cursor {
    levels: Vec<Level>,
    wanted: Range<u64>,
}

struct Level {
    parts: IntoIter<(Cid, u64)>,
    at: u64,
}

impl Cursor {
    /// The parts of a file of `size` bytes that hold a range of it.
    pub(crate) fn new(cid: Cid, size: u64, wanted: Range<u64>) -> Self {
        Self { levels: vec![Level { parts: vec![(cid, size)].into_iter(), at: 0 }], wanted }
    }

    /// The next part, in order; `None` at the end.
    pub(crate) fn next(&mut self, inner: &Inner) -> Result<Option<Part>, StoreError> {
        while let Some(level) = self.levels.last_mut() {
            let Some((cid, size)) = level.parts.next() else {
                self.levels.pop();
                continue;
            };
            let start = level.at;
            // A node's sizes were added up when it was decoded, and its parent's agree with it.
            level.at += size;
            let (from, to) = (self.wanted.start.max(start), self.wanted.end.min(level.at));
            if start >= self.wanted.end {
                self.levels.clear();
            } else if from < to {
                let range = from - start..to - start;
                if cid.codec() == cid::RAW {
                    return Ok(Some(Part::Raw { cid, size, range }));
                }
                if let Some(part) = self.descend(inner, &cid, start, size, &range)? {
                    return Ok(Some(part));
                }
            }
        }
        Ok(None)
    }

    fn descend(
        &mut self,
        inner: &Inner,
        cid: &Cid,
        start: u64,
        size: u64,
        range: &Range<u64>,
    ) -> Result<Option<Part>, StoreError> {
        let bad = |source: NodeError| Err(BlockError::node(cid, source).into());
        let (node, tier) = inner.node(cid)?;
        match node {
            Node::Leaf(bytes) if bytes.len() as u64 == size => {
                Ok(Some(Part::Ready(bytes.slice(range.start as usize..range.end as usize), tier)))
            }
            Node::File(parts) if parts.iter().map(|(_, size)| size).sum::<u64>() == size => {
                if self.levels.len() > FILE_DEPTH {
                    return bad(NodeError::FileDepth);
                }
                self.levels.push(Level { parts: parts.into_iter(), at: start });
                Ok(None)
            }
            Node::Leaf(bytes) => bad(NodeError::Size { expected: size, found: Some(bytes.len() as u64) }),
            Node::File(parts) => {
                let found = parts.iter().map(|(_, size)| size).sum();
                bad(NodeError::Size { expected: size, found: Some(found) })
            }
            Node::Folder(_) | Node::Shard(_) | Node::Symlink(_) => bad(NodeError::Size { expected: size, found: None }),
        }
    }
}

/// Reads as much as is there: a short read shows in the hash.
pub(crate) fn read_at(file: &File, offset: u64, length: u64) -> std::io::Result<Bytes> {
    let length = length as usize;
    // Not set to zero first: that would be another pass over every byte.
    let mut buffer = Buffer::with_capacity(length);
    while buffer.len() < length {
        let at = offset + buffer.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut *buffer), at) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    // The buffer may be larger than what was asked for.
    buffer.truncate(length);
    Ok(buffer.into_bytes())
}
