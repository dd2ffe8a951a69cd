//! A block of the plan, and what follows from it once it is here: which of its
//! links are wanted, and whether it is what its parent takes it for.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use pelago_dag::hamt::{Place, Shard};
use pelago_dag::unixfs::Node;
use pelago_dag::{BlockError, Cid, NodeError, cid, pb};

use crate::retrieve::Scope;

/// Why a block is wanted, and so what follows from it.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// It is on the way to the path's end; these parts are left.
    Way(Arc<[String]>),
    /// It is the path's end, or under it.
    Target(Scope),
}

/// A block that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) cid: Cid,
    /// Bytes of the block where its parent says so, which holds for raw leaves.
    pub(super) size: Option<u64>,
    /// Bytes of content under it, as its parent says.
    pub(super) content: Option<u64>,
    /// Of this content, only these.
    pub(super) span: Option<Range<u64>>,
    pub(super) depth: u32,
    pub(super) path: Arc<str>,
    pub(super) role: Role,
    /// Of a shard below another, where it stands.
    pub(super) place: Option<Place>,
}

impl Item {
    pub(super) fn child(&self, cid: Cid) -> Self {
        Self { cid, size: None, content: None, place: None, depth: self.depth + 1, ..self.clone() }
    }

    /// A shard below this one.
    pub(super) fn shard(&self, place: Place, bucket: u32, cid: Cid) -> Result<Self, BlockError> {
        let bad = || BlockError::node(&self.cid, NodeError::ShardDepth);
        Ok(Self { place: Some(place.below(bucket).ok_or_else(bad)?), ..self.child(cid) })
    }

    /// Whether the block is wanted and nothing that it links to, so that its codec does not matter.
    /// Of what is no UnixFS, an entity is its block (specification of `dag-scope`).
    pub(super) fn is_alone(&self) -> bool {
        let is_unixfs = matches!(self.cid.codec(), cid::RAW | cid::DAG_PB);
        match self.role {
            Role::Target(Scope::Block) => true,
            Role::Target(Scope::Entity) => !is_unixfs,
            Role::Target(Scope::All) | Role::Way(_) => false,
        }
    }

    /// Whether it has no links and says its size, so that its bytes need not be read when they are here.
    pub(super) fn is_plain_leaf(&self) -> bool {
        self.cid.codec() == cid::RAW && matches!(self.role, Role::Target(_)) && self.size.is_some()
    }
}

/// What of a node's links is wanted.
pub(super) fn under(item: &Item, scope: Scope, node: Node) -> Result<Vec<Item>, BlockError> {
    let entry = |(name, cid): (String, Cid)| Item { path: join(&item.path, &name), span: None, ..item.child(cid) };
    Ok(match node {
        _ if scope == Scope::Block => Vec::new(),
        Node::Leaf(_) | Node::Symlink(_) => Vec::new(),
        Node::File(parts) => file_parts(item, parts),
        Node::Folder(entries) if scope == Scope::All => entries.into_iter().map(entry).collect(),
        Node::Folder(_) => Vec::new(),
        Node::Shard(shard) => {
            let place = standing(item, &shard)?;
            let mut wanted = Vec::new();
            for child in shard.children {
                match child.name {
                    Some(name) if scope == Scope::All => wanted.push(entry((name, child.cid))),
                    Some(_) => {}
                    None => wanted.push(Item { span: None, ..item.shard(place, child.bucket, child.cid)? }),
                }
            }
            wanted
        }
    })
}

/// Where a shard stands among those of its folder, if its entries belong there.
pub(super) fn standing(item: &Item, shard: &Shard) -> Result<Place, BlockError> {
    let place = item.place.unwrap_or_else(|| Place::root(shard.fanout));
    shard.check(place).map_err(|source| BlockError::node(&item.cid, source))?;
    Ok(place)
}

fn file_parts(item: &Item, parts: Vec<(Cid, u64)>) -> Vec<Item> {
    let mut at = 0u64;
    let mut wanted = Vec::new();
    for (cid, size) in parts {
        let (start, end) = (at, at.saturating_add(size));
        at = end;
        let span = match &item.span {
            None => None,
            Some(span) if span.start <= start && end <= span.end => None,
            Some(span) if span.start < end && start < span.end => {
                Some(span.start.saturating_sub(start)..span.end.min(end) - start)
            }
            Some(_) => continue,
        };
        let raw = cid.codec() == cid::RAW;
        wanted.push(Item { size: raw.then_some(size), content: Some(size), span, ..item.child(cid) });
    }
    wanted
}

/// A parent that lies about the size of a part would break every range of the file.
pub(super) fn check_size(item: &Item, node: &Node) -> Result<(), BlockError> {
    let actual = match node {
        Node::Leaf(bytes) => bytes.len() as u64,
        Node::File(parts) => parts.iter().map(|(_, size)| size).sum(),
        Node::Folder(_) | Node::Shard(_) | Node::Symlink(_) => 0,
    };
    let is_file = matches!(node, Node::Leaf(_) | Node::File(_));
    match item.content {
        Some(expected) if !is_file || actual != expected => {
            Err(BlockError::node(&item.cid, NodeError::Size { expected, found: is_file.then_some(actual) }))
        }
        _ => Ok(()),
    }
}

/// Bytes of all blocks under a node, as it says (`Tsize`), and its own.
pub(super) fn dag_size(cid: &Cid, block: &Bytes) -> u64 {
    let own = block.len() as u64;
    if cid.codec() == cid::RAW {
        return own;
    }
    let links = pb::decode(block).map(|node| node.links).unwrap_or_default();
    links.iter().filter_map(|link| link.size).fold(own, u64::saturating_add)
}

pub(super) fn join(path: &str, name: &str) -> Arc<str> {
    if path.is_empty() { name.into() } else { format!("{path}/{name}").into() }
}
