//! The hash array mapped trie of large UnixFS folders: which bucket of which
//! shard a name belongs into, and shards built of entries.
//!
//! A name's murmur3 hash (x64, the first 64 bits, seed 0) is read from its most
//! significant bit on, as many bits a level as the fan-out has buckets for
//! (UnixFS specification, "HAMT-sharded directories").

use std::io::Cursor;

use crate::{Cid, NodeError};

/// The fan-out that is written.
pub(crate) const FANOUT: u32 = 256;
/// The largest fan-out that is read.
const FANOUT_MAX: u64 = 1024;

/// A legal number of buckets: a power of two from 8 to 1024, as they stand in whole bytes of the bitfield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fanout(u32);

impl Fanout {
    /// The number of buckets, where it is legal.
    pub fn new(buckets: u64) -> Option<Self> {
        (buckets.is_power_of_two() && (8..=FANOUT_MAX).contains(&buckets)).then_some(Self(buckets as u32))
    }

    /// Hexadecimal digits of a bucket's number in a link's name.
    pub fn digits(self) -> usize {
        self.bits().div_ceil(4) as usize
    }

    fn bits(self) -> u32 {
        self.0.ilog2()
    }
}

/// A shard's place in its trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The trie's fan-out.
    pub fanout: Fanout,
    /// Bits of the hash that led here, and how many.
    prefix: u64,
    used: u32,
}

impl Place {
    /// The place of the first shard.
    pub fn root(fanout: Fanout) -> Self {
        Self { fanout, prefix: 0, used: 0 }
    }

    /// The place of the shard in a bucket. `None` where the hash has no bits left.
    pub fn below(self, bucket: u32) -> Option<Self> {
        let used = self.used + self.fanout.bits();
        (used + self.fanout.bits() <= 64).then_some(Self {
            prefix: self.prefix << self.fanout.bits() | u64::from(bucket),
            used,
            ..self
        })
    }

    /// The bucket of a name here. `None` if the name does not belong under this shard at all.
    pub fn bucket(self, name: &str) -> Option<u32> {
        let hash = hash(name);
        let before = if self.used == 0 { 0 } else { hash >> (64 - self.used) };
        let bucket = hash >> (64 - self.used - self.fanout.bits()) & u64::from(self.fanout.0 - 1);
        (before == self.prefix).then_some(bucket as u32)
    }
}

fn hash(name: &str) -> u64 {
    match murmur3::murmur3_x64_128(&mut Cursor::new(name), 0) {
        Ok(hash) => hash as u64,
        Err(_) => unreachable!("bytes in memory can be read"),
    }
}

/// What a bucket of a shard that is being built holds.
pub(crate) enum Slot<T> {
    Entry(String, T),
    Shard(Trie<T>),
}

/// A trie that is being built: buckets by number.
pub(crate) struct Trie<T>(pub(crate) Vec<(u32, Slot<T>)>);

/// Arranges entries of different names. `None` if more than the whole hash of two names is equal.
pub(crate) fn arrange<T>(entries: Vec<(String, T)>, fanout: Fanout) -> Option<Trie<T>> {
    let hashed = entries.into_iter().map(|(name, value)| (hash(&name), name, value)).collect();
    level(hashed, Place::root(fanout))
}

fn level<T>(mut entries: Vec<(u64, String, T)>, place: Place) -> Option<Trie<T>> {
    let bucket = |hash: u64| (hash >> (64 - place.used - place.fanout.bits())) as u32 & (place.fanout.0 - 1);
    entries.sort_by_key(|(hash, ..)| std::cmp::Reverse(bucket(*hash)));
    let mut slots = Vec::new();
    while let Some((hash, name, value)) = entries.pop() {
        let number = bucket(hash);
        let same = entries.iter().rev().take_while(|(hash, ..)| bucket(*hash) == number).count();
        let slot = if same == 0 {
            Slot::Entry(name, value)
        } else {
            let mut inside = entries.split_off(entries.len() - same);
            inside.push((hash, name, value));
            Slot::Shard(level(inside, place.below(number)?)?)
        };
        slots.push((number, slot));
    }
    Some(Trie(slots))
}

/// The bitfield of a shard: a bit a bucket, the highest bucket in the first byte, leading zeros cut.
pub(crate) fn bitfield(buckets: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut bits = [0u8; FANOUT_MAX as usize / 8];
    let last = bits.len() - 1;
    for bucket in buckets {
        bits[last - bucket as usize / 8] |= 1 << (bucket % 8);
    }
    let start = bits.iter().position(|byte| *byte != 0).unwrap_or(last);
    bits[start..].to_vec()
}

/// A child of a shard as a link tells it.
#[derive(Clone, Debug)]
pub struct Child {
    /// The bucket that it is in.
    pub bucket: u32,
    /// The entry's name; `None` for a shard below.
    pub name: Option<String>,
    /// What it links to.
    pub cid: Cid,
}

/// A decoded shard.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Its fan-out.
    pub fanout: Fanout,
    /// Its links, by bucket.
    pub children: Vec<Child>,
}

impl Shard {
    /// Checks that each entry is where its name's hash belongs, so that who lists and who looks up
    /// see the same folder.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn check(&self, place: Place) -> Result<(), NodeError> {
        if self.fanout != place.fanout {
            return Err(NodeError::FanoutBelow { expected: place.fanout.0, found: self.fanout.0 });
        }
        if self.children.is_empty() && place.used > 0 {
            return Err(NodeError::EmptyShard);
        }
        match self.children.iter().find(|c| c.name.as_deref().is_some_and(|n| place.bucket(n) != Some(c.bucket))) {
            Some(child) => Err(NodeError::WrongBucket { name: child.name.clone() }),
            None => Ok(()),
        }
    }
}
