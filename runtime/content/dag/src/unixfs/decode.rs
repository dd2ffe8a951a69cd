//! Blocks to files and folders.

use std::collections::HashSet;

use bytes::Bytes;
use prost::Message as _;

use super::{DIRECTORY, Data, FILE, HAMT, RAW, SYMLINK, names};
use crate::hamt::{self, Fanout, Shard};
use crate::pb::{self, Link};
use crate::{BlockError, Cid, NodeError, cid};

/// What a block says it is.
#[derive(Clone, Debug)]
pub enum Node {
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
pub fn check_node(cid: &Cid, block: Bytes) -> Result<(), BlockError> {
    decode(cid, block).map(|_| ())
}

/// Decodes a verified block.
pub fn decode(cid: &Cid, block: Bytes) -> Result<Node, BlockError> {
    if cid.codec() == cid::RAW {
        return Ok(Node::Leaf(block));
    }
    match cid.codec() {
        cid::DAG_PB => decode_node(&block).map_err(|source| BlockError::node(cid, source)),
        code => Err(BlockError::node(cid, NodeError::Codec { code })),
    }
}

fn decode_node(block: &Bytes) -> Result<Node, NodeError> {
    let node = pb::decode(block)?;
    let data = node.data.ok_or(NodeError::NoData)?;
    let data = Data::decode(data)?;
    let links = node.links;
    match data.kind.ok_or(NodeError::NoType)? {
        FILE | RAW if links.is_empty() => {
            let bytes = data.data.unwrap_or_default();
            if data.filesize.is_some_and(|size| size != bytes.len() as u64) || !data.blocksizes.is_empty() {
                let (filesize, sizes) = (data.filesize, data.blocksizes.len());
                return Err(NodeError::LeafSize { filesize, bytes: bytes.len(), sizes });
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
                let (links, sizes, filesize) = (links.len(), data.blocksizes.len(), data.filesize);
                return Err(NodeError::FileSizes { links, sizes, filesize });
            }
            Ok(Node::File(links.iter().map(|l| l.cid).zip(data.blocksizes).collect()))
        }
        DIRECTORY => folder_entries(links).map(Node::Folder),
        HAMT => shard_children(links, &data).map(Node::Shard),
        SYMLINK if links.is_empty() => {
            let target = String::from_utf8(data.data.unwrap_or_default().to_vec());
            target.map(Node::Symlink).map_err(|_| NodeError::Target)
        }
        kind => Err(NodeError::Type { kind, links: links.len() }),
    }
}

fn folder_entries(links: Vec<Link>) -> Result<Vec<(String, Cid)>, NodeError> {
    let entries: Vec<_> = links
        .into_iter()
        .map(|link| {
            let name = link.name.ok_or(NodeError::NoName)?;
            check_name(&name)?;
            Ok((name, link.cid))
        })
        .collect::<Result<_, NodeError>>()?;
    let mut seen = HashSet::with_capacity(entries.len());
    match entries.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        Some((name, _)) => Err(NodeError::Twice { name: name.clone() }),
        None => Ok(entries),
    }
}

fn check_name(name: &str) -> Result<(), NodeError> {
    names::check(name).map_err(|reason| NodeError::Name { name: name.to_owned(), reason })
}

fn shard_children(links: Vec<Link>, data: &Data) -> Result<Shard, NodeError> {
    if data.hash_type != Some(crate::limits::MURMUR3) {
        return Err(NodeError::HashType { found: data.hash_type });
    }
    let fanout = data.fanout.and_then(Fanout::new);
    let fanout = fanout.ok_or(NodeError::Fanout { found: data.fanout })?;
    let mut children: Vec<hamt::Child> = Vec::with_capacity(links.len());
    for link in links {
        let text = link.name.ok_or(NodeError::NoName)?;
        let cut = text.split_at_checked(fanout.digits());
        let upper = |digits: &&str| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
        let bucket = cut.filter(|(digits, _)| upper(digits)).and_then(|(d, _)| u32::from_str_radix(d, 16).ok());
        let (Some(bucket), Some((_, name))) = (bucket, cut) else {
            return Err(NodeError::NoBucket { name: text });
        };
        if children.last().is_some_and(|before| before.bucket >= bucket) {
            return Err(NodeError::BucketOrder { name: text });
        }
        if !name.is_empty() {
            check_name(name)?;
        }
        children.push(hamt::Child { bucket, name: (!name.is_empty()).then(|| name.to_owned()), cid: link.cid });
    }
    let written = data.data.as_deref().unwrap_or_default();
    let written = &written[written.iter().take_while(|b| **b == 0).count()..];
    let expected = hamt::bitfield(children.iter().map(|c| c.bucket));
    if written != &expected[expected.iter().take_while(|b| **b == 0).count()..] {
        return Err(NodeError::Bitfield);
    }
    Ok(Shard { fanout, children })
}
