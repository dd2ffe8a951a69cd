//! Bounds on what comes from others. Each is far above what real content needs,
//! and keeps the work and the memory for a hostile DAG small.

/// How deep a file's tree may go. Width 174 and 256 KiB make 2^62 bytes at 6.
pub(crate) const FILE_DEPTH: usize = 16;
/// How deep folders may lie in each other.
pub(crate) const FOLDER_DEPTH: usize = 64;
/// Nodes of any kind on the way from the root to a block: folders, their shards, and a file's tree.
pub(crate) const NODE_DEPTH: usize = 512;
/// Files and folders that a listing may give.
pub(crate) const ENTRIES: u64 = 1 << 20;
/// Bytes of a path in a listing.
pub(crate) const PATH: usize = 4096;
/// Blocks of a DAG, each counted once: 4 TiB in leaves of 1 MiB.
pub(crate) const BLOCKS: usize = 1 << 22;
/// Links that a walk holds at a time, some 200 bytes each.
pub(crate) const OPEN_LINKS: usize = 1 << 19;
