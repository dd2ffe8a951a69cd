//! From a root along a path of names, through folders and their shards, with
//! just the blocks that prove each step.

use std::io::Cursor;

use bytes::Bytes;
use cid::Cid;
use ipld_dagpb::PbNode;

use crate::unixfs::{self, Node};
use crate::{Blocks, StoreError};

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

pub(super) async fn resolve(blocks: &dyn Blocks, root: Cid, path: &str) -> Result<Resolved, StoreError> {
    let mut found = Resolved { way: Vec::new(), roots: vec![root], end: root };
    for (depth, name) in path.split('/').filter(|name| !name.is_empty()).enumerate() {
        let missing = || StoreError::NoEntry { cid: Box::new(root), path: path.to_owned() };
        if depth == NAMES_MAX {
            return Err(missing());
        }
        found.end = step(blocks, found.end, name, &mut found.way).await?.ok_or_else(missing)?;
        found.roots.push(found.end);
    }
    Ok(found)
}

/// What a folder's entry is; the blocks that were read go to `way`.
async fn step(blocks: &dyn Blocks, folder: Cid, name: &str, way: &mut Vec<Cid>) -> Result<Option<Cid>, StoreError> {
    let mut cid = folder;
    // Each shard takes a byte of the hash, so the way down has as many steps as bytes, and one for the folder.
    for byte in hash(name).into_iter().map(Some).chain([None]) {
        let block = blocks.get(&cid).await?;
        way.push(cid);
        match (unixfs::decode(&cid, block.clone())?, byte) {
            (Node::Folder(entries), _) if cid == folder => {
                return Ok(entries.into_iter().find(|(entry, _)| entry == name).map(|(_, cid)| cid));
            }
            (Node::Shard { .. }, Some(byte)) => match in_shard(&cid, block, name, byte)? {
                None => return Ok(None),
                Some(Found::Entry(entry)) => return Ok(Some(entry)),
                Some(Found::Shard(next)) => cid = next,
            },
            (Node::Leaf(_) | Node::File(_), _) if cid == folder => return Ok(None),
            _ => break,
        }
    }
    Err(StoreError::Node { cid: Box::new(cid), reason: "a shard of a folder was expected".to_owned() })
}

enum Found {
    Entry(Cid),
    Shard(Cid),
}

/// Links of a shard are named by their bucket in two hex digits, an entry's with its name behind it.
fn in_shard(cid: &Cid, block: Bytes, name: &str, byte: u8) -> Result<Option<Found>, StoreError> {
    let node =
        PbNode::from_bytes(block).map_err(|e| StoreError::Node { cid: Box::new(*cid), reason: e.to_string() })?;
    let bucket = format!("{byte:02X}");
    Ok(node.links.into_iter().find_map(|link| {
        let rest = link.name.as_deref()?.strip_prefix(&bucket)?;
        match rest {
            "" => Some(Found::Shard(link.cid)),
            rest if rest == name => Some(Found::Entry(link.cid)),
            _ => None,
        }
    }))
}

/// The hash that spreads names over shards: the first half of MurmurHash3 x64 128 (UnixFS specification, 0x22).
fn hash(name: &str) -> [u8; 8] {
    match murmur3::murmur3_x64_128(&mut Cursor::new(name), 0) {
        // The crate puts the first half into the low bits.
        Ok(both) => (both as u64).to_be_bytes(),
        Err(_) => unreachable!("reading from memory cannot fail"),
    }
}
