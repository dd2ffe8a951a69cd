//! UnixFS nodes: the dag-pb blocks that say how a file's chunks or a folder's
//! entries hang together. Where blocks are kept is not known here.
//!
//! Profile `unixfs-v1-2025` of IPIP-499: CIDv1, SHA-256, raw leaves of 1 MiB,
//! balanced trees of 1024 links a node, folders as one plain node.

use cid::Cid;
use ipld_dagpb::{PbLink, PbNode};
use multihash_codetable::{Code, MultihashDigest};
use prost::Message;

use super::ContentError;

/// The profile's name, recorded with every import.
pub const PROFILE: &str = "unixfs-v1-2025";
/// Bytes of a leaf.
pub(super) const CHUNK: usize = 1 << 20;
/// Links of a node that joins leaves or other nodes.
const WIDTH: usize = 1024;
/// Bytes of a folder's links beyond which the profile wants a HAMT.
const FOLDER_LIMIT: usize = 256 * 1024;
/// Nodes between a file's root and its leaves: 1024 to the fourth chunks are a petabyte.
const MAX_DEPTH: usize = 4;

/// Multicodec of raw leaves.
const RAW: u64 = 0x55;
/// Multicodec of dag-pb nodes.
const DAG_PB: u64 = 0x70;

/// UnixFS's own message, the `Data` of a dag-pb node; the public field numbers.
#[derive(Clone, PartialEq, Message)]
struct Data {
    #[prost(enumeration = "Kind", required, tag = "1")]
    kind: i32,
    #[prost(bytes = "vec", optional, tag = "2")]
    data: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "3")]
    file_size: Option<u64>,
    #[prost(uint64, repeated, packed = "false", tag = "4")]
    block_sizes: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum Kind {
    Raw = 0,
    Directory = 1,
    File = 2,
    Metadata = 3,
    Symlink = 4,
    HamtShard = 5,
}

/// A block that was made: its CID and its bytes.
pub(super) type Block = (Cid, Vec<u8>);

/// A part of a file's tree, or an entry of a folder.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) cid: Cid,
    /// Bytes of the file below.
    pub(super) size: u64,
    /// Bytes of all blocks below: what dag-pb calls `Tsize`.
    pub(super) total: u64,
}

/// What a node says.
#[derive(Debug)]
pub(super) enum Node {
    /// Parts of a file, in order; `size` is what each holds.
    File(Vec<Link>),
    /// Entries of a folder, by name.
    Folder(Vec<Link>),
}

/// The CID of a leaf.
pub(super) fn leaf(bytes: &[u8]) -> Cid {
    Cid::new_v1(RAW, Code::Sha2_256.digest(bytes))
}

/// Whether a CID names a leaf: bytes with no node around them.
pub(super) fn is_leaf(cid: &Cid) -> bool {
    cid.codec() == RAW
}

/// Whether bytes are what a CID says.
pub(super) fn matches(cid: &Cid, bytes: &[u8]) -> bool {
    Code::try_from(cid.hash().code()).is_ok_and(|code| code.digest(bytes).digest() == cid.hash().digest())
}

/// Joins the leaves of a file into its tree. Gives the root, and the nodes that were made.
pub(super) fn file(leaves: Vec<Link>) -> Result<(Link, Vec<Block>), ContentError> {
    let mut nodes = Vec::new();
    let mut level = leaves;
    while level.len() > 1 {
        let mut above = Vec::with_capacity(level.len().div_ceil(WIDTH));
        for links in level.chunks(WIDTH) {
            let size = links.iter().map(|link| link.size).sum();
            let data = Data {
                kind: Kind::File.into(),
                data: None,
                file_size: Some(size),
                block_sizes: links.iter().map(|link| link.size).collect(),
            };
            let block = node(links, &data)?;
            let total = block.1.len() as u64 + links.iter().map(|link| link.total).sum::<u64>();
            above.push(Link { name: String::new(), cid: block.0, size, total });
            nodes.push(block);
        }
        level = above;
    }
    // A file has at least one leaf, be it an empty one.
    let root = level.pop().unwrap_or_else(|| Link { name: String::new(), cid: leaf(&[]), size: 0, total: 0 });
    Ok((root, nodes))
}

/// A folder of entries. `None` where it is so large that the profile wants a HAMT.
pub(super) fn folder(mut entries: Vec<Link>) -> Result<Option<(Link, Block)>, ContentError> {
    let estimate = entries.iter().map(|entry| entry.name.len() + entry.cid.to_bytes().len()).sum::<usize>();
    if estimate > FOLDER_LIMIT {
        return Ok(None);
    }
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let data = Data { kind: Kind::Directory.into(), data: None, file_size: None, block_sizes: Vec::new() };
    let block = node(&entries, &data)?;
    let total = block.1.len() as u64 + entries.iter().map(|entry| entry.total).sum::<u64>();
    let size = entries.iter().map(|entry| entry.size).sum();
    Ok(Some((Link { name: String::new(), cid: block.0, size, total }, block)))
}

fn node(links: &[Link], data: &Data) -> Result<Block, ContentError> {
    let links =
        links.iter().map(|link| PbLink { cid: link.cid, name: Some(link.name.clone()), size: Some(link.total) });
    let node = PbNode { links: links.collect(), data: Some(data.encode_to_vec().into()) };
    let bytes = node.into_bytes();
    Ok((Cid::new_v1(DAG_PB, Code::Sha2_256.digest(&bytes)), bytes))
}

/// Reads a node whose bytes were verified.
pub(super) fn read(cid: &Cid, bytes: &[u8]) -> Result<Node, ContentError> {
    let wrong = |reason: String| ContentError::Node { cid: *cid, reason };
    let node = PbNode::from_bytes(bytes.to_vec().into()).map_err(|error| wrong(error.to_string()))?;
    let data = node.data.as_deref().ok_or_else(|| wrong("it has no UnixFS data".to_owned()))?;
    let data = Data::decode(data).map_err(|error| wrong(error.to_string()))?;
    let link = |link: PbLink, size| Link {
        name: link.name.unwrap_or_default(),
        cid: link.cid,
        size,
        total: link.size.unwrap_or_default(),
    };
    match Kind::try_from(data.kind) {
        Ok(Kind::File) => {
            if data.block_sizes.len() != node.links.len() {
                return Err(wrong(format!("{} sizes for {} links", data.block_sizes.len(), node.links.len())));
            }
            let sum = data.block_sizes.iter().try_fold(0_u64, |sum, size| sum.checked_add(*size));
            if sum != data.file_size {
                return Err(wrong(format!("its parts have {sum:?} bytes, it says {:?}", data.file_size)));
            }
            Ok(Node::File(
                node.links.into_iter().zip(data.block_sizes).map(|(found, size)| link(found, size)).collect(),
            ))
        }
        Ok(Kind::Directory) => Ok(Node::Folder(node.links.into_iter().map(|found| link(found, 0)).collect())),
        Ok(kind) => Err(wrong(format!("nodes of the kind {kind:?} are not kept here"))),
        Err(_) => Err(wrong(format!("its kind is {}", data.kind))),
    }
}

/// How deep a file's tree may be.
pub(super) const fn max_depth() -> usize {
    MAX_DEPTH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(bytes: &[u8]) -> Link {
        Link { name: String::new(), cid: leaf(bytes), size: bytes.len() as u64, total: bytes.len() as u64 }
    }

    #[test]
    fn well_known_cids() {
        assert_eq!(leaf(b"").to_string(), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
        let (_, (empty, bytes)) = {
            let (link, block) = folder(Vec::new()).unwrap().unwrap();
            (link, block)
        };
        assert_eq!(empty.to_string(), "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
        assert!(matches!(read(&empty, &bytes).unwrap(), Node::Folder(entries) if entries.is_empty()));
    }

    #[test]
    fn a_file_of_two_chunks_is_a_node_over_two_leaves() {
        let (a, b) = (vec![1; CHUNK], vec![2; 10]);
        let (root, nodes) = file(vec![link(&a), link(&b)]).unwrap();
        assert_eq!((root.size, nodes.len()), (CHUNK as u64 + 10, 1));
        let Node::File(parts) = read(&root.cid, &nodes[0].1).unwrap() else { panic!("a file was made") };
        assert_eq!(parts.iter().map(|part| part.size).collect::<Vec<_>>(), [CHUNK as u64, 10]);
    }

    #[test]
    fn lying_sizes_are_refused() {
        let data = Data { kind: Kind::File.into(), data: None, file_size: Some(3), block_sizes: vec![1] };
        let (cid, bytes) = node(&[link(b"x")], &data).unwrap();
        assert!(read(&cid, &bytes).unwrap_err().to_string().contains("its parts have Some(1) bytes"));
    }
}
