//! What is still to be fetched: the DAG as far as it is known, in the order in
//! which its blocks are wanted. Knows blocks and their links; nothing of
//! sources, the network or the store.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use pelago_dag::unixfs::{self, Node};
use pelago_dag::{BlockError, Cid, cid};

use super::item::{Item, Role, check_size, dag_size, join, standing, under};
use super::paths::Paths;
use crate::retrieve::{FetchError, Request, Scope};

/// What the caller accepts of a DAG, which may be built to do harm.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all blocks.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Links from the root to a block.
    pub depth: u32,
}

impl Default for Limits {
    /// 1 TiB, a million blocks, 128 links deep.
    fn default() -> Self {
        Self { bytes: 1 << 40, blocks: 1 << 20, depth: 128 }
    }
}

/// A block that is missing, and each visit that waits for it.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) cid: Cid,
    /// Bytes, where a parent says so.
    pub(super) size: Option<u64>,
    pub(super) items: Vec<Item>,
    order: u64,
}

/// Preferred before others, nodes before leaves (they tell what else there is), then as the links stand.
type Rank = (bool, bool, u64);
/// A part of a file is another visit than all of it.
type Visit = (Cid, Option<(u64, u64)>);

/// The blocks that are known of and not here.
pub(super) struct Plan {
    root: Cid,
    scope: Scope,
    limits: Limits,
    pending: BTreeMap<Rank, Wanted>,
    ranks: HashMap<Cid, Rank>,
    /// Visits made or planned, and the path of the first.
    seen: HashMap<Visit, Arc<str>>,
    counted: HashSet<Cid>,
    next: u64,
    paths: Paths,
    /// Bytes of all under the target, as it says itself.
    claimed: Option<u64>,
    /// Bytes of pending blocks, and how many do not say theirs.
    sized: u64,
    unsized_: usize,
    /// Bytes of blocks that are here, verified.
    pub(super) here: u64,
    /// Such blocks.
    pub(super) blocks: u64,
}

impl Plan {
    /// A plan, and the block that it begins with.
    pub(super) fn new(request: &Request, limits: Limits) -> (Self, Item) {
        let parts: Arc<[String]> = request.path.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        let scope = if request.bytes.is_some() { Scope::Entity } else { request.scope };
        let first = Item {
            cid: request.root,
            size: None,
            content: None,
            span: request.bytes.clone(),
            depth: 0,
            path: "".into(),
            role: if parts.is_empty() { Role::Target(scope) } else { Role::Way(parts) },
            place: None,
        };
        let plan = Self {
            root: request.root,
            scope,
            limits,
            pending: BTreeMap::new(),
            ranks: HashMap::new(),
            seen: HashMap::new(),
            counted: HashSet::new(),
            next: 0,
            paths: Paths::default(),
            claimed: None,
            sized: 0,
            unsized_: 0,
            here: 0,
            blocks: 0,
        };
        (plan, first)
    }

    /// Puts a block that is missing into its place.
    pub(super) fn want(&mut self, item: Item) {
        if let Some(wanted) = self.ranks.get(&item.cid).and_then(|rank| self.pending.get_mut(rank)) {
            wanted.items.push(item);
            return;
        }
        self.next += 1;
        self.give_back(Wanted { cid: item.cid, size: item.size, items: vec![item], order: self.next });
    }

    /// Puts a block that was taken out and did not come into the place that it had.
    pub(super) fn give_back(&mut self, wanted: Wanted) {
        match wanted.size {
            Some(size) => self.sized = self.sized.saturating_add(size),
            None => self.unsized_ += 1,
        }
        let rank = self.rank(&wanted);
        self.ranks.insert(wanted.cid, rank);
        self.pending.insert(rank, wanted);
    }

    fn rank(&self, wanted: &Wanted) -> Rank {
        let preferred = wanted.items.iter().any(|item| self.paths.is_preferred(&item.path));
        (!preferred, wanted.cid.codec() == cid::RAW, wanted.order)
    }

    /// The missing blocks that are not being fetched, in order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Wanted> {
        self.pending.values()
    }

    pub(super) fn missing(&self) -> usize {
        self.pending.len()
    }

    /// Bytes of the missing blocks, as far as they are known.
    pub(super) fn missing_bytes(&self) -> u64 {
        self.sized
    }

    /// Takes a block out, to be fetched.
    pub(super) fn take(&mut self, cid: &Cid) -> Option<Wanted> {
        let rank = self.ranks.remove(cid)?;
        let wanted = self.pending.remove(&rank)?;
        match wanted.size {
            Some(size) => self.sized = self.sized.saturating_sub(size),
            None => self.unsized_ -= 1,
        }
        Some(wanted)
    }

    /// Bytes of all under the target, as it says itself, once it is here.
    pub(super) fn claimed(&self) -> Option<u64> {
        self.claimed
    }

    /// Moves what lies at, above or under a path to the front.
    pub(super) fn prefer(&mut self, path: &str) {
        self.paths.prefer(path);
        for (_, wanted) in std::mem::take(&mut self.pending) {
            let rank = self.rank(&wanted);
            self.ranks.insert(wanted.cid, rank);
            self.pending.insert(rank, wanted);
        }
    }

    /// Notes a verified block that is here, and gives what it links to and was not met before.
    ///
    /// # Errors
    ///
    /// `TooLarge`, `TooManyBlocks`, `TooDeep`; `Store` with `Node`, `NoEntry`, `NotFolder`, `Unsupported`.
    pub(super) fn expand(&mut self, item: &Item, block: Bytes) -> Result<Vec<Item>, FetchError> {
        self.count(item, block.len() as u64)?;
        let scope = match &item.role {
            Role::Way(rest) => {
                let node = unixfs::decode(&item.cid, block)?;
                let next = self.follow(item, rest, node)?;
                return self.admit(item, vec![next]);
            }
            Role::Target(scope) => *scope,
        };
        if item.is_alone() {
            return Ok(Vec::new());
        }
        cid::check_supported(&item.cid)?;
        if self.claimed.is_none() && scope == Scope::All {
            let size = dag_size(&item.cid, &block);
            self.claimed = Some(size);
            self.check_bytes(size)?;
        }
        let node = unixfs::decode(&item.cid, block)?;
        check_size(item, &node)?;
        let children = under(item, scope, node)?;
        self.admit(item, children)
    }

    /// Notes a block that is here, without looking into it.
    ///
    /// # Errors
    ///
    /// `TooLarge`.
    pub(super) fn count(&mut self, item: &Item, bytes: u64) -> Result<(), FetchError> {
        if !self.counted.insert(item.cid) {
            return Ok(());
        }
        self.here += bytes;
        self.blocks += 1;
        self.check_bytes(self.here)
    }

    fn check_bytes(&self, bytes: u64) -> Result<(), FetchError> {
        if bytes > self.limits.bytes {
            return Err(FetchError::TooLarge { root: Box::new(self.root), bytes, limit: self.limits.bytes });
        }
        Ok(())
    }

    /// Bytes of all blocks, here and missing: exact once every node is here, before it what the target
    /// says, and unknown where that says nothing. `in_flight` are the sizes of the blocks under way.
    pub(super) fn total(&self, in_flight: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
        let in_flight: Option<u64> = in_flight.into_iter().sum();
        match in_flight {
            Some(bytes) if self.unsized_ == 0 => Some(self.here.saturating_add(self.sized).saturating_add(bytes)),
            _ => self.claimed.map(|claimed| claimed.max(self.here)),
        }
    }

    /// One step along the path: the entry, or the shard in which it is.
    fn follow(&self, item: &Item, rest: &[String], node: Node) -> Result<Item, FetchError> {
        let path = join(&item.path, &rest.join("/"));
        let missing = || BlockError::NoEntry { cid: Box::new(self.root), path: path.to_string() };
        let (name, after) = rest.split_first().ok_or_else(missing)?;
        let found = match node {
            Node::Folder(entries) => entries.into_iter().find(|(entry, _)| entry == name).map(|(_, cid)| cid),
            Node::Shard(shard) => {
                let place = standing(item, &shard)?;
                let bucket = place.bucket(name);
                let child =
                    shard.children.into_iter().find(|child| Some(child.bucket) == bucket).ok_or_else(missing)?;
                if child.name.is_none() {
                    return Ok(Item { role: item.role.clone(), ..item.shard(place, child.bucket, child.cid)? });
                }
                child.name.filter(|entry| entry == name).map(|_| child.cid)
            }
            Node::Leaf(_) | Node::File(_) | Node::Symlink(_) => {
                return Err(BlockError::NotFolder { path: format!("{}/{}", self.root, item.path) }.into());
            }
        };
        let cid = found.ok_or_else(missing)?;
        let role = if after.is_empty() { Role::Target(self.scope) } else { Role::Way(after.into()) };
        Ok(Item { path: join(&item.path, name), role, ..item.child(cid) })
    }

    /// Leaves out what was met before, and refuses what is too much.
    fn admit(&mut self, parent: &Item, children: Vec<Item>) -> Result<Vec<Item>, FetchError> {
        let mut fresh = Vec::new();
        for child in children {
            if child.is_alone() { cid::check_hash(&child.cid) } else { cid::check_supported(&child.cid) }?;
            if child.depth > self.limits.depth {
                return Err(FetchError::TooDeep { cid: Box::new(parent.cid), limit: self.limits.depth });
            }
            let raw = child.cid.codec() == cid::RAW;
            let span = child.span.as_ref().filter(|_| !raw && matches!(child.role, Role::Target(_)));
            match self.seen.entry((child.cid, span.map(|s| (s.start, s.end)))) {
                Entry::Occupied(first) => self.paths.alias(&child.path, first.get()),
                Entry::Vacant(place) => {
                    place.insert(child.path.clone());
                    fresh.push(child);
                }
            }
            if self.seen.len() as u64 > self.limits.blocks {
                return Err(FetchError::TooManyBlocks { root: Box::new(self.root), limit: self.limits.blocks });
            }
        }
        Ok(fresh)
    }
}
