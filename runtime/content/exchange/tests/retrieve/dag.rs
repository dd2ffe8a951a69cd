//! DAGs made by hand, valid and not, as others may send them.

use std::collections::HashMap;

use bytes::Bytes;
use cid::multihash::Multihash;
use pelago_dag::Cid;
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
    /// A block of any codec.
    pub(crate) fn put(&mut self, codec: u64, bytes: Bytes) -> Cid {
        let cid = Cid::new_v1(codec, Multihash::wrap(0x12, &Sha256::digest(&bytes)).unwrap());
        self.blocks.insert(cid, bytes);
        cid
    }

    pub(crate) fn raw(&mut self, bytes: impl Into<Bytes>) -> Child {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Child { cid: self.put(RAW, bytes), size, dag_size: size }
    }

    /// A dag-pb node: each link with hash, name and size, then the data.
    fn node(&mut self, data: &[u8], links: &[(&str, Child)], size: u64) -> Child {
        let mut bytes = Vec::new();
        for (name, child) in links {
            let mut link = Vec::new();
            field(&mut link, 0x0a, &child.cid.to_bytes());
            field(&mut link, 0x12, name.as_bytes());
            link.push(0x18);
            varint(&mut link, child.dag_size);
            field(&mut bytes, 0x12, &link);
        }
        field(&mut bytes, 0x0a, data);
        let below: u64 = links.iter().map(|(_, child)| child.dag_size).fold(0, u64::saturating_add);
        let dag_size = below.saturating_add(bytes.len() as u64);
        Child { cid: self.put(DAG_PB, bytes.into()), size, dag_size }
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
        let links: Vec<_> = parts.iter().map(|part| ("", *part)).collect();
        self.node(&data, &links, size)
    }

    pub(crate) fn folder(&mut self, entries: &[(&str, Child)]) -> Child {
        self.node(&[0x08, 0x01], entries, 0)
    }

    /// A shard of a folder with fan-out 256, with the buckets that it has; names stand with their bucket before them.
    pub(crate) fn shard(&mut self, buckets: &[u8], links: &[(&str, Child)]) -> Child {
        // The bitfield has bucket 255 first, and no zeros at its start.
        let mut bits = [0u8; 32];
        for bucket in buckets {
            bits[31 - usize::from(bucket / 8)] |= 1 << (bucket % 8);
        }
        let first = bits.iter().position(|byte| *byte != 0).unwrap_or(bits.len());
        let mut data = vec![0x08, 0x05];
        field(&mut data, 0x12, &bits[first..]);
        // Hash murmur3-x64-64 (0x22), fan-out 256.
        data.extend([0x28, 0x22, 0x30, 0x80, 0x02]);
        self.node(&data, links, 0)
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

fn field(to: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    to.push(tag);
    varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
