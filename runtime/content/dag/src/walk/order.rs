//! The order of a walk: which block is next, with as few of them read as
//! possible. A leaf is named without being read, so that whoever follows can
//! read several at once.

use std::collections::HashMap;
use std::ops::Range;

use ::cid::Version;
use bytes::Bytes;

use super::{EntityBytes, Span};
use crate::hamt::Shard;
use crate::unixfs::{self, Node};
use crate::{BlockError, Blocks, Cid, NodeError, cbor, cid, pb};

/// Blocks of one walk; with chunks of 1 MiB this is 1 TiB of content.
pub const BLOCKS_MAX: usize = 1 << 20;
/// Links that wait to be followed; a folder node of 2 MiB has some 40 000.
const PENDING_MAX: usize = 1 << 18;

/// What is wanted of a block.
#[derive(Clone, Debug)]
pub enum Want {
    /// The block alone.
    One,
    /// All that it links to.
    All,
    /// What makes up a file or lists a folder, cut to these bytes of a file.
    Entity(Option<EntityBytes>),
    /// The shards of a folder, not its entries.
    Shards,
    /// These bytes of a part of a file that has `size`.
    Part {
        /// Bytes that the part has, as its parent says.
        size: u64,
        /// Those that are wanted.
        bytes: Range<u64>,
    },
}

/// A walk, depth first, parents before what they link to, links in their order.
#[derive(Debug)]
pub struct Order {
    /// What is next is last.
    pending: Vec<(Cid, Want)>,
    /// Blocks that were named, and whether all below them was or will be. `None` where repeats are wanted.
    seen: Option<HashMap<[u8; 41], bool>>,
    visited: usize,
}

impl Order {
    /// A walk over these blocks and what is wanted of each.
    pub fn new(starts: impl IntoIterator<Item = (Cid, Want), IntoIter: DoubleEndedIterator>, dups: bool) -> Self {
        Self { pending: starts.into_iter().rev().collect(), seen: (!dups).then(HashMap::new), visited: 0 }
    }

    /// The next block, and its bytes where they had to be read. Identity CIDs are followed, never named.
    pub async fn next(&mut self, blocks: &dyn Blocks) -> Result<Option<(Cid, Option<Bytes>)>, BlockError> {
        while let Some((cid, want)) = self.pending.pop() {
            cid::check_hash(&cid)?;
            self.visited += 1;
            if self.visited > BLOCKS_MAX {
                return Err(BlockError::node(&cid, NodeError::Walk { what: "blocks", max: BLOCKS_MAX }));
            }
            let (named, followed) = self.meet(&cid, &want);
            let named = named && cid::inline(&cid).is_none();
            let leaf = cid.codec() == cid::RAW || matches!(want, Want::One);
            let mut bytes = None;
            if followed && !leaf {
                let block = blocks.get(&cid).await?;
                self.pending.extend(below(&cid, &want, block.clone())?.into_iter().rev());
                bytes = Some(block);
            }
            if self.pending.len() > PENDING_MAX {
                return Err(BlockError::node(
                    &cid,
                    NodeError::Walk { what: "links to follow at once", max: PENDING_MAX },
                ));
            }
            if named {
                return Ok(Some((cid, bytes)));
            }
        }
        Ok(None)
    }

    /// Whether a block is to be named, and whether its links are to be followed.
    fn meet(&mut self, cid: &Cid, want: &Want) -> (bool, bool) {
        let Some(seen) = &mut self.seen else { return (true, true) };
        let Some(key) = key(cid) else { return (true, true) };
        let whole = matches!(want, Want::All | Want::Shards);
        match seen.get_mut(&key) {
            None => {
                seen.insert(key, whole);
                (true, true)
            }
            // What was followed in part may lack what is wanted now.
            Some(before) => (false, !std::mem::replace(before, *before || whole)),
        }
    }
}

/// What tells a CID of SHA-256 from others: version, codec, digest. A quarter of the size of a `Cid`.
fn key(cid: &Cid) -> Option<[u8; 41]> {
    let mut key = [0; 41];
    key[0] = u8::from(cid.version() == Version::V1);
    key[1..9].copy_from_slice(&cid.codec().to_be_bytes());
    let digest = cid.hash().digest();
    // An identity CID is shorter: it is never named, and following it twice costs nothing but its links.
    (cid::inline(cid).is_none() && digest.len() == 32).then(|| {
        key[9..].copy_from_slice(digest);
        key
    })
}

/// The links of a node that are wanted, in their order.
fn below(cid: &Cid, want: &Want, block: Bytes) -> Result<Vec<(Cid, Want)>, BlockError> {
    if cid.codec() != cid::DAG_PB {
        return other(cid, want, &block);
    }
    Ok(match want {
        Want::One => Vec::new(),
        Want::All => {
            let node = pb::decode(&block).map_err(|source| BlockError::node(cid, source))?;
            node.links.into_iter().map(|link| (link.cid, Want::All)).collect()
        }
        Want::Entity(bytes) => match (unixfs::decode(cid, block), bytes) {
            (Ok(Node::File(parts)), None) => parts.into_iter().map(|(cid, _)| (cid, Want::All)).collect(),
            (Ok(Node::File(parts)), Some(wanted)) => match wanted.within(total(&parts)) {
                Span::Bytes(range) => overlapping(parts, &range),
                Span::Empty | Span::Outside => Vec::new(),
            },
            (Ok(Node::Shard(shard)), _) => shards(shard),
            // What is not UnixFS is its block alone (specification of `entity`).
            (Ok(Node::Leaf(_) | Node::Folder(_) | Node::Symlink(_)) | Err(BlockError::Node { .. }), _) => Vec::new(),
            (Err(error), _) => return Err(error),
        },
        Want::Shards => match unixfs::decode(cid, block)? {
            Node::Shard(shard) => shards(shard),
            _ => return Err(BlockError::node(cid, NodeError::NotShard)),
        },
        Want::Part { size, bytes } => match unixfs::decode(cid, block)? {
            Node::File(parts) if total(&parts) == *size => overlapping(parts, bytes),
            Node::Leaf(content) if content.len() as u64 == *size => Vec::new(),
            _ => return Err(BlockError::node(cid, NodeError::NotPart)),
        },
    })
}

/// The wanted links of what is no dag-pb.
fn other(cid: &Cid, want: &Want, block: &[u8]) -> Result<Vec<(Cid, Want)>, BlockError> {
    match (want, cid.codec()) {
        // What is not UnixFS is its block alone (specification of `entity`).
        (Want::One | Want::Entity(_), _) => Ok(Vec::new()),
        (Want::All, cid::DAG_CBOR) => {
            let links = cbor::links(block).map_err(|source| BlockError::node(cid, source))?;
            Ok(links.into_iter().map(|link| (link, Want::All)).collect())
        }
        (Want::All, code) => Err(cid::unsupported_codec(cid, code)),
        (Want::Shards | Want::Part { .. }, code) => Err(BlockError::node(cid, NodeError::PartCodec { code })),
    }
}

/// The shards below one.
fn shards(shard: Shard) -> Vec<(Cid, Want)> {
    let below = shard.children.into_iter().filter(|child| child.name.is_none());
    below.map(|child| (child.cid, Want::Shards)).collect()
}

/// A file's size. `decode` has checked that it fits.
pub(super) fn total(parts: &[(Cid, u64)]) -> u64 {
    parts.iter().map(|(_, size)| size).sum()
}

/// The parts that a range of a file touches.
fn overlapping(parts: Vec<(Cid, u64)>, range: &Range<u64>) -> Vec<(Cid, Want)> {
    let mut start = 0;
    let mut touched = Vec::new();
    for (cid, size) in parts {
        let end = start + size;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from == start && to == end && from < to {
            touched.push((cid, Want::All));
        } else if from < to {
            touched.push((cid, Want::Part { size, bytes: from - start..to - start }));
        }
        start = end;
    }
    touched
}
