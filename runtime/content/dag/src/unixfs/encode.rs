//! Files and folders to blocks.

use bytes::Bytes;
use prost::Message as _;

use super::{DIRECTORY, Data, FILE, HAMT, Profile};
use crate::hamt::{self, Fanout, Slot, Trie};
use crate::pb::{self, Link};
use crate::{Cid, cid};

/// A block and its CID.
pub struct Block {
    /// Its CID.
    pub cid: Cid,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A part of a file or an entry of a folder, as a parent links to it.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// Its CID.
    pub cid: Cid,
    /// Bytes of content under it.
    pub size: u64,
    /// Bytes of all blocks under it and its own (`Tsize`).
    pub dag_size: u64,
}

/// What stands before and after a chunk in its leaf: nothing, or a node around it.
pub fn leaf_frame(profile: Profile, length: usize) -> (Vec<u8>, Vec<u8>) {
    if profile.raw_leaves() {
        return (Vec::new(), Vec::new());
    }
    let (mut head, mut tail) = (vec![1 << 3, FILE as u8], vec![3 << 3]);
    // An empty file has no data field.
    if length > 0 {
        pb::put_head(&mut head, 2, length);
    }
    prost::encoding::encode_varint(length as u64, &mut tail);
    let mut framed = Vec::new();
    pb::put_head(&mut framed, 1, head.len() + length + tail.len());
    framed.extend(head);
    (framed, tail)
}

/// Builds the balanced tree over a file's leaves, of which there is at least one. Gives the root
/// and the nodes, root last.
pub fn file_tree(profile: Profile, mut level: Vec<Child>) -> (Child, Vec<Block>) {
    let mut nodes = Vec::new();
    while level.len() > 1 {
        level = level
            .chunks(profile.width())
            .map(|children| {
                let (child, block) = file_node(profile, children);
                nodes.push(block);
                child
            })
            .collect();
    }
    let root = level.pop().unwrap_or_else(|| Child { cid: cid::of(cid::RAW, b""), size: 0, dag_size: 0 });
    (root, nodes)
}

fn file_node(profile: Profile, children: &[Child]) -> (Child, Block) {
    let size = children.iter().map(|c| c.size).sum();
    let data = Data {
        kind: Some(FILE),
        filesize: Some(size),
        blocksizes: children.iter().map(|c| c.size).collect(),
        ..Data::default()
    };
    let links = children.iter().map(|c| Link { cid: c.cid, name: Some(String::new()), size: Some(c.dag_size) });
    node(profile, links.collect(), &data, size)
}

fn node(profile: Profile, links: Vec<Link>, data: &Data, size: u64) -> (Child, Block) {
    let below: u64 = links.iter().filter_map(|l| l.size).fold(0, u64::saturating_add);
    let bytes = Bytes::from(pb::encode(links, &data.encode_to_vec()));
    let cid = profile.node_cid(&bytes);
    (Child { cid, size, dag_size: below.saturating_add(bytes.len() as u64) }, Block { cid, bytes })
}

/// Builds a folder node, or the nodes of a HAMT where the profile wants one; root last. `None` where
/// the entries cannot be sharded: the names of two have the same hash.
pub fn folder(profile: Profile, entries: &[(String, Child)]) -> Option<(Child, Vec<Block>)> {
    let size = entries.iter().map(|(_, c)| c.size).fold(0, u64::saturating_add);
    let data = Data { kind: Some(DIRECTORY), ..Data::default() };
    let links = entries.iter().map(|(name, c)| Link { cid: c.cid, name: Some(name.clone()), size: Some(c.dag_size) });
    let (child, block) = node(profile, links.collect(), &data, size);
    if !profile.shards(block.bytes.len(), entries.iter().map(|(name, c)| (name.as_str(), &c.cid))) {
        return Some((child, vec![block]));
    }
    let fanout = Fanout::new(u64::from(hamt::FANOUT))?;
    let trie = hamt::arrange(entries.to_vec(), fanout)?;
    let mut blocks = Vec::new();
    let root = shard(profile, trie, &mut blocks);
    Some((Child { size, ..root }, blocks))
}

fn shard(profile: Profile, trie: Trie<Child>, blocks: &mut Vec<Block>) -> Child {
    let field = hamt::bitfield(trie.0.iter().map(|(bucket, _)| *bucket));
    let links = trie.0.into_iter().map(|(bucket, slot)| {
        let (name, child) = match slot {
            Slot::Entry(name, child) => (name, child),
            Slot::Shard(below) => (String::new(), shard(profile, below, blocks)),
        };
        Link { cid: child.cid, name: Some(format!("{bucket:02X}{name}")), size: Some(child.dag_size) }
    });
    let links = links.collect();
    let data = Data {
        kind: Some(HAMT),
        data: Some(field.into()),
        hash_type: Some(crate::limits::MURMUR3),
        fanout: Some(u64::from(hamt::FANOUT)),
        ..Data::default()
    };
    let (child, block) = node(profile, links, &data, 0);
    blocks.push(block);
    child
}
