//! What this process remembers of its reads. Forgetting costs time only.

use super::memory::Memory;
use super::tier_counter::TierCounter;
use crate::keep::last_used::LastUsed;

/// Extents and blocks, bytes that were handed out, and when roots were used.
pub(crate) struct Cache {
    /// Extents that are open, blocks that were hashed, and blocks that are kept.
    pub(crate) memory: Memory,
    /// Bytes that were handed out, by tier.
    pub(crate) tiers: TierCounter,
    /// Uses of roots that are not written yet.
    pub(crate) used: LastUsed,
}

impl Cache {
    /// One that keeps blocks of at most `bytes` in all.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { memory: Memory::new(bytes), tiers: TierCounter::default(), used: LastUsed::default() }
    }
}
