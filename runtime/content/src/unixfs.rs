//! UnixFS over dag-pb: nodes encoded as the profile says, and decoded with
//! every claim checked. Only bytes and CIDs; nothing here reads or writes.

use std::collections::HashSet;

use bytes::Bytes;
use prost::Message as _;

use crate::dagpb::{self, Link};
use crate::hamt::{self, Fanout, Shard, Slot, Trie};
use crate::{Cid, Profile, StoreError, cids, names};

const RAW: i32 = 0;
const DIRECTORY: i32 = 1;
const FILE: i32 = 2;
const SYMLINK: i32 = 4;
const HAMT: i32 = 5;

/// The `Data` message of the UnixFS specification.
#[derive(Clone, PartialEq, prost::Message)]
struct Data {
    #[prost(int32, optional, tag = "1")]
    kind: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    data: Option<Bytes>,
    #[prost(uint64, optional, tag = "3")]
    filesize: Option<u64>,
    #[prost(uint64, repeated, packed = "false", tag = "4")]
    blocksizes: Vec<u64>,
    #[prost(uint64, optional, tag = "5")]
    hash_type: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    fanout: Option<u64>,
}

/// A block and its CID.
pub(crate) struct Block {
    pub(crate) cid: Cid,
    pub(crate) bytes: Bytes,
}

/// A part of a file or an entry of a folder, as a parent links to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child {
    pub(crate) cid: Cid,
    /// Bytes of content under it.
    pub(crate) size: u64,
    /// Bytes of all blocks under it and its own (`Tsize`).
    pub(crate) dag_size: u64,
}

/// What stands before and after a chunk in its leaf: nothing, or a node around it.
pub(crate) fn leaf_frame(profile: Profile, length: usize) -> (Vec<u8>, Vec<u8>) {
    if profile.raw_leaves() {
        return (Vec::new(), Vec::new());
    }
    let (mut head, mut tail) = (vec![1 << 3, FILE as u8], vec![3 << 3]);
    // An empty file has no data field.
    if length > 0 {
        dagpb::put_head(&mut head, 2, length);
    }
    dagpb::put_varint(&mut tail, length as u64);
    let mut framed = Vec::new();
    dagpb::put_head(&mut framed, 1, head.len() + length + tail.len());
    framed.extend(head);
    (framed, tail)
}

/// Builds the balanced tree over a file's leaves, of which there is at least one. Gives the root
/// and the nodes, root last.
pub(crate) fn file_tree(profile: Profile, mut level: Vec<Child>) -> (Child, Vec<Block>) {
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
    let root = level.pop().unwrap_or_else(|| Child { cid: cids::of(cids::RAW, b""), size: 0, dag_size: 0 });
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
    let bytes = Bytes::from(dagpb::encode(links, &data.encode_to_vec()));
    let cid = profile.node_cid(&bytes);
    (Child { cid, size, dag_size: below.saturating_add(bytes.len() as u64) }, Block { cid, bytes })
}

/// Builds a folder node, or the nodes of a HAMT where the profile wants one; root last.
pub(crate) fn folder(
    profile: Profile,
    path: &std::path::Path,
    entries: &[(String, Child)],
) -> Result<(Child, Vec<Block>), StoreError> {
    let size = entries.iter().map(|(_, c)| c.size).fold(0, u64::saturating_add);
    let data = Data { kind: Some(DIRECTORY), ..Data::default() };
    let links = entries.iter().map(|(name, c)| Link { cid: c.cid, name: Some(name.clone()), size: Some(c.dag_size) });
    let (child, block) = node(profile, links.collect(), &data, size);
    if !profile.shards(block.bytes.len(), entries.iter().map(|(name, c)| (name.as_str(), &c.cid))) {
        return Ok((child, vec![block]));
    }
    let refused = || StoreError::Name { path: path.to_owned(), reason: "its entries cannot be sharded" };
    let fanout = Fanout::new(u64::from(hamt::FANOUT)).ok_or_else(refused)?;
    let trie = hamt::arrange(entries.to_vec(), fanout).ok_or_else(refused)?;
    let mut blocks = Vec::new();
    let root = shard(profile, trie, &mut blocks);
    Ok((Child { size, ..root }, blocks))
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
        hash_type: Some(hamt::MURMUR3),
        fanout: Some(u64::from(hamt::FANOUT)),
        ..Data::default()
    };
    let (child, block) = node(profile, links, &data, 0);
    blocks.push(block);
    child
}

/// What a block says it is.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A file whose content is in the block itself.
    Leaf(Bytes),
    /// A file of parts: CID and bytes of content of each.
    File(Vec<(Cid, u64)>),
    /// A folder's entries, by name.
    Folder(Vec<(String, Cid)>),
    /// A shard of a folder. Whether its entries belong there is for who knows its place to check.
    Shard(Shard),
    /// A symbolic link. It is never followed.
    Symlink(String),
}

/// Whether a block is well-formed UnixFS: what a survey asks of each node by itself.
///
/// # Errors
///
/// `Node`, with what was expected and found.
pub fn check_node(cid: &Cid, block: Bytes) -> Result<(), StoreError> {
    decode(cid, block).map(|_| ())
}

/// Decodes a verified block.
pub(crate) fn decode(cid: &Cid, block: Bytes) -> Result<Node, StoreError> {
    if cid.codec() == cids::RAW {
        return Ok(Node::Leaf(block));
    }
    let bad = |reason| StoreError::Node { cid: Box::new(*cid), reason };
    match cid.codec() {
        cids::DAG_PB => decode_node(&block).map_err(bad),
        code => Err(bad(format!("its codec is 0x{code:x}"))),
    }
}

fn decode_node(block: &Bytes) -> Result<Node, String> {
    let node = dagpb::decode(block)?;
    let data = node.data.ok_or("it has no data field")?;
    let data = Data::decode(data).map_err(|e| e.to_string())?;
    let links = node.links;
    match data.kind.ok_or("its data have no type")? {
        FILE | RAW if links.is_empty() => {
            let bytes = data.data.unwrap_or_default();
            if data.filesize.is_some_and(|size| size != bytes.len() as u64) || !data.blocksizes.is_empty() {
                let sizes = data.blocksizes.len();
                return Err(format!("filesize {:?}, but {} bytes and {sizes} block sizes", data.filesize, bytes.len()));
            }
            Ok(Node::Leaf(bytes))
        }
        FILE => {
            let total = data.blocksizes.iter().try_fold(0u64, |sum, size| sum.checked_add(*size));
            if data.blocksizes.len() != links.len()
                || total.is_none()
                || total != data.filesize
                || data.data.is_some_and(|d| !d.is_empty())
            {
                return Err(format!(
                    "{} links, {} block sizes, filesize {:?}: they must agree",
                    links.len(),
                    data.blocksizes.len(),
                    data.filesize
                ));
            }
            Ok(Node::File(links.iter().map(|l| l.cid).zip(data.blocksizes).collect()))
        }
        DIRECTORY => folder_entries(links).map(Node::Folder),
        HAMT => shard_children(links, &data).map(Node::Shard),
        SYMLINK if links.is_empty() => {
            let target = String::from_utf8(data.data.unwrap_or_default().to_vec());
            target.map(Node::Symlink).map_err(|_| "a symbolic link's target is not UTF-8".to_owned())
        }
        other => Err(format!("type {other} with {} links is no file, folder or symbolic link", links.len())),
    }
}

fn folder_entries(links: Vec<Link>) -> Result<Vec<(String, Cid)>, String> {
    let entries: Vec<_> = links
        .into_iter()
        .map(|link| {
            let name = link.name.ok_or("a link has no name")?;
            names::check(&name).map_err(|reason| format!("entry {name:?}: {reason}"))?;
            Ok::<_, String>((name, link.cid))
        })
        .collect::<Result<_, _>>()?;
    let mut seen = HashSet::with_capacity(entries.len());
    match entries.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        Some((name, _)) => Err(format!("two entries are called {name:?}")),
        None => Ok(entries),
    }
}

fn shard_children(links: Vec<Link>, data: &Data) -> Result<Shard, String> {
    if data.hash_type != Some(hamt::MURMUR3) {
        return Err(format!("hash 0x{:x} (murmur3) expected for shards, {:?} found", hamt::MURMUR3, data.hash_type));
    }
    let fanout = data.fanout.and_then(Fanout::new);
    let fanout = fanout.ok_or_else(|| format!("a fan-out of 8 to 1024 expected, {:?} found", data.fanout))?;
    let mut children: Vec<hamt::Child> = Vec::with_capacity(links.len());
    for link in links {
        let text = link.name.ok_or("a link has no name")?;
        let cut = text.split_at_checked(fanout.digits());
        let upper = |digits: &&str| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        let bucket = cut.filter(|(digits, _)| upper(digits)).and_then(|(d, _)| u32::from_str_radix(d, 16).ok());
        let (Some(bucket), Some((_, name))) = (bucket, cut) else {
            return Err(format!("link {text:?} has no bucket"));
        };
        if children.last().is_some_and(|before| before.bucket >= bucket) {
            return Err(format!("link {text:?} is out of order, or its bucket is taken"));
        }
        if !name.is_empty() {
            names::check(name).map_err(|reason| format!("entry {name:?}: {reason}"))?;
        }
        children.push(hamt::Child { bucket, name: (!name.is_empty()).then(|| name.to_owned()), cid: link.cid });
    }
    let written = data.data.as_deref().unwrap_or_default();
    let written = &written[written.iter().take_while(|b| **b == 0).count()..];
    let expected = hamt::bitfield(children.iter().map(|c| c.bucket));
    if written != &expected[expected.iter().take_while(|b| **b == 0).count()..] {
        return Err("its bitfield and its links name different buckets".to_owned());
    }
    Ok(Shard { fanout, children })
}
