//! From a root along a path of names, through folders and their shards and
//! through maps and lists of DAG-CBOR, with just the blocks that prove each step.

use crate::hamt::Place;
use crate::unixfs::{self, Node};
use crate::{BlockError, Blocks, Cid, NodeError, cbor, cid};

/// Names in a path that is followed.
const NAMES_MAX: usize = 256;

/// Where a path leads.
pub(super) struct Resolved {
    /// The blocks on the way, from the root, without the one that the path leads to.
    pub(super) way: Vec<Cid>,
    /// What each name leads to, the root first and the path's end last.
    pub(super) roots: Vec<Cid>,
    /// What the path leads to.
    pub(super) end: Cid,
}

pub(super) async fn resolve(blocks: &dyn Blocks, root: Cid, path: &str) -> Result<Resolved, BlockError> {
    let mut found = Resolved { way: Vec::new(), roots: vec![root], end: root };
    let missing = || BlockError::NoEntry { cid: Box::new(root), path: path.to_owned() };
    let names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
    if names.len() > NAMES_MAX {
        return Err(missing());
    }
    let mut rest = &names[..];
    while let Some((name, after)) = rest.split_first() {
        if found.end.codec() == cid::DAG_CBOR {
            let (end, left) = link(blocks, found.end, rest).await?.ok_or_else(missing)?;
            found.way.push(found.end);
            (found.end, rest) = (end, left);
        } else {
            found.end = step(blocks, found.end, name, &mut found.way).await?.ok_or_else(missing)?;
            rest = after;
        }
        found.roots.push(found.end);
    }
    Ok(found)
}

/// The link that names lead to in a block of DAG-CBOR, and the names behind it. `None` where they end
/// before a link: what lies within a block has no CID of its own.
async fn link<'a>(
    blocks: &dyn Blocks,
    document: Cid,
    names: &'a [&'a str],
) -> Result<Option<(Cid, &'a [&'a str])>, BlockError> {
    let block = blocks.get(&document).await?;
    let bad = |source| BlockError::node(&document, source);
    Ok(match cbor::follow(&block, names).map_err(bad)? {
        // A block that is a link and nothing else has no name that leads on; so each turn takes one.
        cbor::Place::Link(cid, taken) if taken > 0 => Some((cid, &names[taken..])),
        cbor::Place::Link(..) | cbor::Place::Value | cbor::Place::Nothing => None,
    })
}

/// What a folder's entry is; the blocks that were read go to `way`.
async fn step(blocks: &dyn Blocks, folder: Cid, name: &str, way: &mut Vec<Cid>) -> Result<Option<Cid>, BlockError> {
    let mut cid = folder;
    let mut place = None;
    loop {
        let node = unixfs::decode(&cid, blocks.get(&cid).await?)?;
        way.push(cid);
        let shard = match (node, place) {
            (Node::Folder(entries), None) => {
                return Ok(entries.into_iter().find(|(entry, _)| entry == name).map(|(_, cid)| cid));
            }
            // A symbolic link is never followed.
            (Node::Leaf(_) | Node::File(_) | Node::Symlink(_), None) => return Ok(None),
            (Node::Shard(shard), _) => shard,
            (_, Some(_)) => return Err(BlockError::node(&cid, NodeError::NotShard)),
        };
        let here = place.unwrap_or(Place::root(shard.fanout));
        shard.check(here).map_err(|source| BlockError::node(&cid, source))?;
        let Some(bucket) = here.bucket(name) else { return Ok(None) };
        match shard.children.into_iter().find(|child| child.bucket == bucket) {
            Some(child) if child.name.is_none() => {
                // Each shard takes bits of the hash, so this ends.
                let below = here.below(bucket);
                place = Some(below.ok_or_else(|| BlockError::node(&cid, NodeError::ShardDepth))?);
                cid = child.cid;
            }
            Some(child) if child.name.as_deref() == Some(name) => return Ok(Some(child.cid)),
            _ => return Ok(None),
        }
    }
}
