//! The choices that decide which CID a folder gets (IPIP-499).

/// A named set of import parameters. It is kept with each root, because the
/// same bytes have another CID under another profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `unixfs-v1-2025`: CIDv1, sha2-256, raw leaves, 1 MiB chunks, balanced
    /// trees of width 1024, folders sharded above a block of 256 KiB.
    UnixfsV1_2025,
}

impl Profile {
    /// The name in IPIP-499.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnixfsV1_2025 => "unixfs-v1-2025",
        }
    }

    /// Bytes of a leaf.
    pub(crate) const CHUNK: usize = 1 << 20;
    /// Links of a file node.
    pub(crate) const WIDTH: usize = 1024;
    /// The largest folder node, bytes; above it the folder becomes a HAMT.
    pub(crate) const FOLDER_BLOCK: usize = 256 << 10;
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
