//! UnixFS over dag-pb: nodes encoded as the profile says, and decoded with
//! every claim checked. Only bytes and CIDs; nothing here reads or writes.

use bytes::Bytes;
use cid::Cid;
use ipld_dagpb::{PbLink, PbNode};
use prost::Message as _;
use rust_unixfs::dir::builder::{BufferingTreeBuilder, TreeOptions};

use crate::{Profile, StoreError, cids};

const RAW: i32 = 0;
const DIRECTORY: i32 = 1;
const FILE: i32 = 2;
const HAMT: i32 = 5;

/// The `Data` message of the UnixFS specification.
#[derive(Clone, PartialEq, prost::Message)]
struct Data {
    #[prost(int32, required, tag = "1")]
    kind: i32,
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

/// Builds the balanced tree over a file's leaves. Gives the root and the nodes, root last.
pub(crate) fn file_tree(mut level: Vec<Child>) -> (Child, Vec<Block>) {
    let mut nodes = Vec::new();
    while level.len() > 1 {
        level = level
            .chunks(Profile::WIDTH)
            .map(|children| {
                let (child, block) = file_node(children);
                nodes.push(block);
                child
            })
            .collect();
    }
    let root = level.pop().unwrap_or_else(|| Child { cid: cids::of(cids::RAW, b""), size: 0, dag_size: 0 });
    (root, nodes)
}

fn file_node(children: &[Child]) -> (Child, Block) {
    let size = children.iter().map(|c| c.size).sum();
    let data = Data {
        kind: FILE,
        filesize: Some(size),
        blocksizes: children.iter().map(|c| c.size).collect(),
        ..Data::default()
    };
    let links =
        children.iter().map(|c| PbLink { cid: c.cid, name: Some(String::new()), size: Some(c.dag_size) }).collect();
    let bytes = Bytes::from(PbNode { links, data: Some(data.encode_to_vec().into()) }.into_bytes());
    let cid = cids::of(cids::DAG_PB, &bytes);
    let dag_size = bytes.len() as u64 + children.iter().map(|c| c.dag_size).sum::<u64>();
    (Child { cid, size, dag_size }, Block { cid, bytes })
}

/// Builds a folder node, or the nodes of a HAMT where the profile wants one; root last.
pub(crate) fn folder(path: &std::path::Path, entries: &[(String, Child)]) -> Result<(Child, Vec<Block>), StoreError> {
    let size = entries.iter().map(|(_, c)| c.size).sum();
    let data = Data { kind: DIRECTORY, ..Data::default() };
    let links = entries
        .iter()
        .map(|(name, c)| PbLink { cid: c.cid, name: Some(name.clone()), size: Some(c.dag_size) })
        .collect();
    let bytes = Bytes::from(PbNode { links, data: Some(data.encode_to_vec().into()) }.into_bytes());
    if bytes.len() <= Profile::FOLDER_BLOCK {
        let cid = cids::of(cids::DAG_PB, &bytes);
        let dag_size = bytes.len() as u64 + entries.iter().map(|(_, c)| c.dag_size).sum::<u64>();
        return Ok((Child { cid, size, dag_size }, vec![Block { cid, bytes }]));
    }
    let refused = || StoreError::Name { path: path.to_owned(), reason: "its entries cannot be sharded" };
    let mut options = TreeOptions::default();
    options.wrap_with_directory();
    options.block_size_limit(None);
    // The builder's own estimate is the older profile's; ours above has decided already.
    options.shard_threshold(Some(0));
    let mut builder = BufferingTreeBuilder::new(options);
    for (name, child) in entries {
        builder.put_link(name, child.cid, child.dag_size).map_err(|_| refused())?;
    }
    let mut blocks = Vec::new();
    let mut root = None;
    for node in builder.build() {
        let node = node.map_err(|_| refused())?;
        root = Some(Child { cid: node.cid, size, dag_size: node.total_size });
        blocks.push(Block { cid: node.cid, bytes: Bytes::from(node.block) });
    }
    Ok((root.ok_or_else(refused)?, blocks))
}

/// What a block says it is.
pub(crate) enum Node {
    /// A file whose content is in the block itself.
    Leaf(Bytes),
    /// A file of parts: CID and bytes of content of each.
    File(Vec<(Cid, u64)>),
    /// A folder's entries, by name.
    Folder(Vec<(String, Cid)>),
    /// A shard of a folder: entries, and further shards.
    Shard { entries: Vec<(String, Cid)>, shards: Vec<Cid> },
}

/// Decodes a verified block.
pub(crate) fn decode(cid: &Cid, block: Bytes) -> Result<Node, StoreError> {
    let bad = |reason: String| StoreError::Node { cid: Box::new(*cid), reason };
    if cid.codec() == cids::RAW {
        return Ok(Node::Leaf(block));
    }
    let node = PbNode::from_bytes(block).map_err(|e| bad(e.to_string()))?;
    let data = node.data.ok_or_else(|| bad("it has no data field".to_owned()))?;
    let data = Data::decode(data).map_err(|e| bad(e.to_string()))?;
    let named =
        |link: PbLink| link.name.map(|name| (name, link.cid)).ok_or_else(|| bad("a link has no name".to_owned()));
    match data.kind {
        FILE | RAW if node.links.is_empty() => {
            let bytes = data.data.unwrap_or_default();
            if data.filesize.is_some_and(|size| size != bytes.len() as u64) {
                return Err(bad(format!("filesize {:?}, but {} bytes of data", data.filesize, bytes.len())));
            }
            Ok(Node::Leaf(bytes))
        }
        FILE => {
            let total = data.blocksizes.iter().try_fold(0u64, |sum, size| sum.checked_add(*size));
            if data.blocksizes.len() != node.links.len()
                || total != data.filesize
                || data.data.is_some_and(|d| !d.is_empty())
            {
                return Err(bad(format!(
                    "{} links, {} block sizes, filesize {:?}: they must agree",
                    node.links.len(),
                    data.blocksizes.len(),
                    data.filesize
                )));
            }
            Ok(Node::File(node.links.iter().map(|l| l.cid).zip(data.blocksizes).collect()))
        }
        DIRECTORY => Ok(Node::Folder(node.links.into_iter().map(named).collect::<Result<_, _>>()?)),
        HAMT => {
            if data.fanout != Some(256) {
                return Err(bad(format!("fan-out 256 expected, {:?} found", data.fanout)));
            }
            let (mut entries, mut shards) = (Vec::new(), Vec::new());
            for link in node.links {
                let (name, cid) = named(link)?;
                // Two hex digits of the bucket, then the name; a shard has no name.
                match name.split_at_checked(2) {
                    Some((_, "")) => shards.push(cid),
                    Some((_, rest)) => entries.push((rest.to_owned(), cid)),
                    None => return Err(bad(format!("link {name:?} has no bucket"))),
                }
            }
            Ok(Node::Shard { entries, shards })
        }
        other => Err(bad(format!("type {other} is neither a file nor a folder"))),
    }
}
