//! DAGs made by hand, valid and not, as others may send them.

use std::collections::HashMap;

use bytes::Bytes;
use cid::Cid;
use cid::multihash::Multihash;
use ipld_dagpb::{PbLink, PbNode};
use sha2::{Digest, Sha256};

const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;

/// Blocks by CID, and the node that was made last.
#[derive(Clone, Default)]
pub(crate) struct Dag {
    pub(crate) blocks: HashMap<Cid, Bytes>,
}

/// What a parent says of a child.
#[derive(Clone, Copy)]
pub(crate) struct Child {
    pub(crate) cid: Cid,
    pub(crate) size: u64,
    pub(crate) dag_size: u64,
}

impl Dag {
    fn put(&mut self, codec: u64, bytes: Bytes) -> Cid {
        let cid = Cid::new_v1(codec, Multihash::wrap(0x12, &Sha256::digest(&bytes)).unwrap());
        self.blocks.insert(cid, bytes);
        cid
    }

    pub(crate) fn raw(&mut self, bytes: impl Into<Bytes>) -> Child {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Child { cid: self.put(RAW, bytes), size, dag_size: size }
    }

    fn node(&mut self, data: Vec<u8>, links: Vec<PbLink>, size: u64) -> Child {
        let below: u64 = links.iter().filter_map(|link| link.size).fold(0, u64::saturating_add);
        let bytes = Bytes::from(PbNode { links, data: Some(data.into()) }.into_bytes());
        let dag_size = below.saturating_add(bytes.len() as u64);
        Child { cid: self.put(DAG_PB, bytes), size, dag_size }
    }

    /// A file of parts, whose sizes are as they say.
    pub(crate) fn file(&mut self, parts: &[Child]) -> Child {
        let size: u64 = parts.iter().map(|part| part.size).fold(0, u64::wrapping_add);
        let mut data = vec![0x08, 0x02, 0x18];
        varint(&mut data, size);
        for part in parts {
            data.push(0x20);
            varint(&mut data, part.size);
        }
        let link = |part: &Child| PbLink { cid: part.cid, name: Some(String::new()), size: Some(part.dag_size) };
        self.node(data, parts.iter().map(link).collect(), size)
    }

    pub(crate) fn folder(&mut self, entries: &[(&str, Child)]) -> Child {
        let link = |(name, child): &(&str, Child)| PbLink {
            cid: child.cid,
            name: Some((*name).to_owned()),
            size: Some(child.dag_size),
        };
        self.node(vec![0x08, 0x01], entries.iter().map(link).collect(), 0)
    }

    /// A shard of a folder with fan-out 256; names stand with their bucket before them.
    pub(crate) fn shard(&mut self, links: &[(&str, Child)]) -> Child {
        let link = |(name, child): &(&str, Child)| PbLink {
            cid: child.cid,
            name: Some((*name).to_owned()),
            size: Some(child.dag_size),
        };
        // Type, hash murmur3-x64-64 (0x22), fan-out 256.
        let data = vec![0x08, 0x05, 0x28, 0x22, 0x30, 0x80, 0x02];
        self.node(data, links.iter().map(link).collect(), 0)
    }

    /// A file of `count` leaves of `size` bytes that differ.
    pub(crate) fn file_of(&mut self, seed: u64, count: usize, size: usize) -> Child {
        let leaves: Vec<Child> = (0..count).map(|n| self.raw(noise(seed * 1_000_003 + n as u64, size))).collect();
        self.file(&leaves)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.values().map(|block| block.len() as u64).sum()
    }
}

/// Bytes that look random and are the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
