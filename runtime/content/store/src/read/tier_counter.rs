//! Where the bytes of a read came from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A tier of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Memory,
    Disk,
}

/// Bytes that were handed out, by the tier they came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierBytes {
    /// From blocks kept in memory, and from identity CIDs.
    pub memory: u64,
    /// From extents (which the system may have had in its page cache).
    pub disk: u64,
}

/// A running count, to look at while and after a read is under way.
#[derive(Clone, Debug, Default)]
pub struct TierCounter(Arc<[AtomicU64; 2]>);

impl TierCounter {
    /// What was counted so far.
    #[must_use]
    pub fn bytes(&self) -> TierBytes {
        TierBytes { memory: self.0[0].load(Ordering::Relaxed), disk: self.0[1].load(Ordering::Relaxed) }
    }

    pub(crate) fn count(&self, tier: Tier, bytes: u64) {
        let slot = match tier {
            Tier::Memory => 0,
            Tier::Disk => 1,
        };
        self.0[slot].fetch_add(bytes, Ordering::Relaxed);
    }
}
