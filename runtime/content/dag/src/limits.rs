//! Bounds on what comes from others. Each is far above what real content needs,
//! and keeps the work and the memory for a hostile DAG small.

/// The largest block that is accepted from others, bytes (the limit of bitswap and of trustless gateways).
pub const BLOCK_MAX: u64 = 2 << 20;
/// How deep a file's tree may go. Width 174 and 256 KiB make 2^62 bytes at 6.
pub const FILE_DEPTH: usize = 16;
/// How deep folders may lie in each other.
pub const FOLDER_DEPTH: usize = 64;
/// Nodes of any kind on the way from the root to a block: folders, their shards, and a file's tree.
pub const NODE_DEPTH: usize = 512;
/// Files and folders that a listing may give.
pub const ENTRIES: u64 = 1 << 20;
/// Bytes of a path in a listing.
pub const PATH: usize = 4096;
/// Blocks of a DAG, each counted once: 4 TiB in leaves of 1 MiB.
pub const BLOCKS: usize = 1 << 22;
/// Links that a walk holds at a time, some 200 bytes each.
pub const OPEN_LINKS: usize = 1 << 19;

/// The longest digest of an identity CID that is accepted (UnixFS specification).
pub const IDENTITY_MAX: usize = 128;

/// A content identifier, with room for the longest digest that is accepted: `cid::Cid` has 64 bytes of it,
/// and an identity CID may carry 128.
pub type Cid = ::cid::CidGeneric<IDENTITY_MAX>;

/// The multicodec of the hash, as nodes name it.
pub(crate) const MURMUR3: u64 = 0x22;
