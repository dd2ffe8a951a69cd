//! What a caller may choose.

use pelago_dag::Profile;

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Bytes that its extents may have; no bound, if none. It binds what this process adds.
    pub quota: Option<u64>,
    /// Bytes of blocks that are kept in memory; 0 keeps none.
    pub memory: u64,
}

impl Default for StoreOptions {
    /// No quota, 32 MiB of memory.
    fn default() -> Self {
        Self { quota: None, memory: 32 << 20 }
    }
}

/// How content is added.
#[derive(Clone, Copy, Debug, Default)]
pub struct AddOptions {
    /// What decides its CID.
    pub profile: Profile,
    /// Whether it may be evicted when the quota wants room: for what can be made again. What is
    /// fetched always may.
    pub evictable: bool,
}
