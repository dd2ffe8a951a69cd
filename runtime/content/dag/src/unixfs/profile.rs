//! The choices that decide which CID a folder gets (IPIP-499).

use crate::Cid;

/// A named set of import parameters. It is kept with each root, because the
/// same bytes have another CID under another profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `unixfs-v1-2025`: CIDv1, sha2-256, raw leaves, 1 MiB chunks, balanced
    /// trees of width 1024, folders sharded above a block of 256 KiB.
    #[default]
    UnixfsV1_2025,
    /// `unixfs-v0-2015`: CIDv0, sha2-256, dag-pb leaves, 256 KiB chunks, balanced
    /// trees of width 174, folders sharded where names and CIDs have more than 256 KiB.
    /// What `ipfs add` makes by default.
    UnixfsV0_2015,
}

impl Profile {
    /// All profiles, the default first.
    pub const ALL: [Self; 2] = [Self::UnixfsV1_2025, Self::UnixfsV0_2015];

    /// The name in IPIP-499.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnixfsV1_2025 => "unixfs-v1-2025",
            Self::UnixfsV0_2015 => "unixfs-v0-2015",
        }
    }

    /// The profile of a name, if there is one.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }

    /// Bytes of content in a leaf.
    pub fn chunk(self) -> usize {
        match self {
            Self::UnixfsV1_2025 => 1 << 20,
            Self::UnixfsV0_2015 => 256 << 10,
        }
    }

    /// Links of a file node.
    pub fn width(self) -> usize {
        match self {
            Self::UnixfsV1_2025 => 1024,
            Self::UnixfsV0_2015 => 174,
        }
    }

    /// Whether a leaf is the content itself, without a node around it.
    pub fn raw_leaves(self) -> bool {
        self == Self::UnixfsV1_2025
    }

    /// Whether a folder becomes a HAMT. `block` is the length of its plain node, bytes.
    pub fn shards<'a>(self, block: usize, entries: impl Iterator<Item = (&'a str, &'a Cid)>) -> bool {
        let estimate = match self {
            Self::UnixfsV1_2025 => block,
            Self::UnixfsV0_2015 => entries.map(|(name, cid)| name.len() + cid.encoded_len()).sum(),
        };
        estimate > 256 << 10
    }

    /// The CID of a node.
    pub fn node_cid(self, bytes: &[u8]) -> Cid {
        match self {
            Self::UnixfsV1_2025 => crate::cid::of(crate::cid::DAG_PB, bytes),
            Self::UnixfsV0_2015 => crate::cid::of_v0(bytes),
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
