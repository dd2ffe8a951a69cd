//! Bytes of each root that were served to pages.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use pelago_content::TierCounter;
use pelago_protocol::TierBytes;

/// Bytes that each root gave to pages, since this process began.
#[derive(Clone, Debug, Default)]
pub struct Served(Arc<RwLock<HashMap<String, TierCounter>>>);

impl Served {
    /// The counter of one root.
    pub fn of(&self, root: &str) -> TierCounter {
        let read = self.0.read().unwrap_or_else(PoisonError::into_inner).get(root).cloned();
        read.unwrap_or_else(|| {
            self.0.write().unwrap_or_else(PoisonError::into_inner).entry(root.to_owned()).or_default().clone()
        })
    }
}

/// The counters of the roots that one model is made of.
#[derive(Clone, Debug)]
pub struct Counters(pub Vec<TierCounter>);

impl Counters {
    /// Bytes so far, from memory and from the disk.
    pub fn total(&self) -> TierBytes {
        let mut total = TierBytes::default();
        for counted in self.0.iter().map(TierCounter::bytes) {
            total.memory += counted.memory;
            total.disk += counted.disk;
        }
        total
    }

    /// Bytes since an earlier total.
    pub fn since(&self, before: &TierBytes) -> TierBytes {
        let now = self.total();
        TierBytes {
            memory: now.memory.saturating_sub(before.memory),
            disk: now.disk.saturating_sub(before.disk),
            ..TierBytes::default()
        }
    }
}
