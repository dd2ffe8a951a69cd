//! A whole DAG, gone through once: which blocks it has, how much content, and
//! whether every node is what its parent takes it for.
//!
//! Each CID is visited once, however often it is linked to, so a DAG that
//! expands exponentially costs no more than its blocks; what it would expand
//! to is computed from what its parts do, and refused above the limits.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use crate::hamt::{Place, Shard};
use crate::limits::{BLOCKS, ENTRIES, FILE_DEPTH, FOLDER_DEPTH, NODE_DEPTH, OPEN_LINKS};
use crate::unixfs::{self, Node};
use crate::{BlockError, Cid, NodeError, cid};

/// Where a validation finds blocks.
pub trait ValidateSource {
    /// What can go wrong with reading.
    type Error: From<BlockError>;

    /// A verified block.
    ///
    /// # Errors
    ///
    /// `MissingBlock`, and what the source gives.
    fn block(&self, cid: &Cid) -> Result<Bytes, Self::Error>;

    /// A block's length, if it is here.
    ///
    /// # Errors
    ///
    /// What the source gives.
    fn length(&self, cid: &Cid) -> Result<Option<u64>, Self::Error>;
}

/// What a DAG has that is well-formed.
#[derive(Clone, Debug)]
pub struct WholeDag {
    /// Every block under the root, the root among them, each once, in the order of a walk.
    pub under: Vec<Cid>,
    /// Bytes of content, of files by path.
    pub size: u64,
    /// Files, by path.
    pub files: u64,
    /// Bytes of all blocks, by path (`Tsize`).
    pub dag_size: u64,
}

/// Goes through a whole DAG, and checks that each node is what its parent takes it for.
///
/// # Errors
///
/// `MissingBlock` for the first block that is not here, `Node`, `Unsupported`, `Limit`, and what the source gives.
pub fn validate<S: ValidateSource>(root: &Cid, source: &S) -> Result<WholeDag, S::Error> {
    let mut state = State { source, root, met: HashSet::new(), under: Vec::new(), done: HashMap::new(), open: 0 };
    let found = state.visit(root, 0)?;
    Ok(WholeDag { under: state.under, size: found.size, files: found.files, dag_size: found.dag_size })
}

/// What is under a node, added up by path.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    size: u64,
    files: u64,
    /// Files and folders.
    entries: u64,
    dag_size: u64,
    /// Levels of folders, or of a file's nodes, from here down.
    height: usize,
    is_file: bool,
    /// For a shard that is not a root: where it belongs.
    place: Option<Place>,
}

struct State<'a, S> {
    source: &'a S,
    root: &'a Cid,
    met: HashSet<Cid>,
    under: Vec<Cid>,
    /// Nodes that are done; leaves are not kept here.
    done: HashMap<Cid, Sum>,
    /// Links of the nodes on the way to here.
    open: usize,
}

impl<S: ValidateSource> State<'_, S> {
    fn limit<T>(&self, what: &'static str, max: usize) -> Result<T, S::Error> {
        Err(BlockError::Limit { cid: Box::new(*self.root), what, max: max as u64 }.into())
    }

    fn note(&mut self, cid: &Cid) -> Result<(), S::Error> {
        if cid::inline(cid).is_none() && self.met.insert(cid::to_v1(cid)) {
            if self.under.len() == BLOCKS {
                return self.limit("blocks", BLOCKS);
            }
            self.under.push(*cid);
        }
        Ok(())
    }

    /// A file or folder, or a part of a file.
    fn visit(&mut self, cid: &Cid, depth: usize) -> Result<Sum, S::Error> {
        cid::check_supported(cid)?;
        if cid.codec() == cid::RAW {
            let missing = || BlockError::MissingBlock { cid: Box::new(*cid) };
            let size = self.source.length(cid)?.ok_or_else(missing)?;
            self.note(cid)?;
            return Ok(Sum { size, files: 1, entries: 1, dag_size: size, is_file: true, ..Sum::default() });
        }
        if let Some(sum) = self.done.get(cid).filter(|sum| sum.place.is_none()) {
            return Ok(*sum);
        }
        let (node, own) = self.read(cid, depth)?;
        let sum = match node {
            Node::Leaf(bytes) => {
                Sum { size: bytes.len() as u64, files: 1, entries: 1, dag_size: own, is_file: true, ..Sum::default() }
            }
            Node::Symlink(_) => Sum { entries: 1, dag_size: own, ..Sum::default() },
            Node::File(parts) => self.file(cid, parts, own, depth)?,
            Node::Folder(entries) => {
                let start = Sum { entries: 1, dag_size: own, ..Sum::default() };
                self.entries(entries.into_iter().map(|(_, cid)| cid).collect(), start, depth)?
            }
            Node::Shard(shard) => {
                let start = Sum { entries: 1, dag_size: own, ..Sum::default() };
                self.shard(cid, shard, None, start, depth)?
            }
        };
        self.done.insert(*cid, sum);
        Ok(sum)
    }

    fn read(&mut self, cid: &Cid, depth: usize) -> Result<(Node, u64), S::Error> {
        if depth > NODE_DEPTH {
            return self.limit("levels", NODE_DEPTH);
        }
        let block = self.source.block(cid)?;
        self.note(cid)?;
        let own = block.len() as u64;
        Ok((unixfs::decode(cid, block)?, own))
    }

    fn file(&mut self, cid: &Cid, parts: Vec<(Cid, u64)>, own: u64, depth: usize) -> Result<Sum, S::Error> {
        let mut sum = Sum { files: 1, entries: 1, dag_size: own, is_file: true, ..Sum::default() };
        let count = self.opened(parts.len())?;
        for (part, size) in parts {
            let found = self.visit(&part, depth + 1)?;
            if !found.is_file || found.size != size {
                let found = found.is_file.then_some(found.size);
                return Err(
                    BlockError::node(cid, NodeError::Part { part: Box::new(part), expected: size, found }).into()
                );
            }
            // The node's own sums were checked, so this cannot overflow.
            sum.size += size;
            sum.dag_size = sum.dag_size.saturating_add(found.dag_size);
            sum.height = sum.height.max(found.height + 1);
            if sum.height > FILE_DEPTH {
                return self.limit("levels of a file's tree", FILE_DEPTH);
            }
        }
        self.open -= count;
        Ok(sum)
    }

    fn opened(&mut self, links: usize) -> Result<usize, S::Error> {
        self.open += links;
        if self.open > OPEN_LINKS { self.limit("links on one path", OPEN_LINKS) } else { Ok(links) }
    }

    fn entries(&mut self, entries: Vec<Cid>, mut sum: Sum, depth: usize) -> Result<Sum, S::Error> {
        let count = self.opened(entries.len())?;
        for entry in entries {
            let found = self.visit(&entry, depth + 1)?;
            let height = if found.is_file { 0 } else { found.height + 1 };
            self.add(&mut sum, found, height)?;
        }
        self.open -= count;
        Ok(sum)
    }

    fn add(&self, sum: &mut Sum, found: Sum, height: usize) -> Result<(), S::Error> {
        let Some(size) = sum.size.checked_add(found.size) else { return self.limit("bytes of content", usize::MAX) };
        sum.size = size;
        sum.files += found.files;
        sum.entries += found.entries;
        sum.dag_size = sum.dag_size.saturating_add(found.dag_size);
        sum.height = sum.height.max(height);
        if sum.height > FOLDER_DEPTH {
            return self.limit("folders in each other", FOLDER_DEPTH);
        }
        if sum.entries > ENTRIES {
            return self.limit("files and folders", ENTRIES as usize);
        }
        Ok(())
    }

    fn shard(
        &mut self,
        cid: &Cid,
        shard: Shard,
        place: Option<Place>,
        mut sum: Sum,
        depth: usize,
    ) -> Result<Sum, S::Error> {
        let bad = |source| BlockError::node(cid, source);
        let here = place.unwrap_or(Place::root(shard.fanout));
        shard.check(here).map_err(bad)?;
        sum.place = place;
        let count = self.opened(shard.children.len())?;
        for child in shard.children {
            if child.name.is_some() {
                let found = self.visit(&child.cid, depth + 1)?;
                let height = if found.is_file { 0 } else { found.height + 1 };
                self.add(&mut sum, found, height)?;
                continue;
            }
            let below = here.below(child.bucket).ok_or_else(|| bad(NodeError::ShardDepth))?;
            let found = self.shard_below(&child.cid, below, depth + 1)?;
            self.add(&mut sum, found, found.height)?;
        }
        self.open -= count;
        Ok(sum)
    }

    fn shard_below(&mut self, cid: &Cid, place: Place, depth: usize) -> Result<Sum, S::Error> {
        let bad = |source| BlockError::node(cid, source);
        if let Some(sum) = self.done.get(cid) {
            // An entry's hash fits one place only, so a shard in two of them is wrong in one.
            let known = sum.place == Some(place);
            return if known { Ok(*sum) } else { Err(bad(NodeError::TwoPlaces).into()) };
        }
        cid::check_supported(cid)?;
        let (Node::Shard(shard), own) = self.read(cid, depth)? else { return Err(bad(NodeError::NotShard).into()) };
        let sum = self.shard(cid, shard, Some(place), Sum { dag_size: own, ..Sum::default() }, depth)?;
        self.done.insert(*cid, sum);
        Ok(sum)
    }
}
