//! What a fetch has done: what every run's report says of where its bytes came from.

use std::collections::BTreeMap;
use std::time::Duration;

use pelago_dag::Cid;

use crate::retrieve::{Dropped, Kind};

/// A fetch that has ended well: all that was asked for is here and verified.
#[derive(Debug)]
pub struct Fetched {
    /// The root.
    pub root: Cid,
    /// Verified bytes of blocks that came over the network. 0 is a cache hit.
    pub bytes: u64,
    /// Such blocks.
    pub blocks: u64,
    /// Bytes of blocks that were here before.
    pub bytes_before: u64,
    /// What each source gave, the most first; those that gave nothing last.
    pub sources: Vec<SourceReport>,
    /// From the request to the last block verified and kept.
    pub elapsed: Duration,
    /// Whether the choice was among at least two peers that had been measured.
    pub p2p_optimized: bool,
    /// Bytes that came and were of no use: of transfers that broke, lost against another, or were wrong.
    pub refetched_bytes: u64,
    /// Bytes of `bytes` that came in a CAR.
    pub car_bytes: u64,
    /// Sources that were dropped, and why.
    pub dropped: Vec<Dropped>,
}

/// What one source gave.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Verified bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Its goodput, bytes a second, where it was measured.
    pub goodput: Option<f64>,
    /// From question to answer, where it was measured.
    pub latency: Option<Duration>,
    /// Of its transfers of late, how many failed: 0 to 1.
    pub errors: f64,
}

impl Fetched {
    /// Verified bytes by kind of source, of those that gave any.
    #[must_use]
    pub fn bytes_by_kind(&self) -> BTreeMap<Kind, u64> {
        let mut by_kind = BTreeMap::new();
        for source in self.sources.iter().filter(|source| source.bytes > 0) {
            *by_kind.entry(source.kind).or_insert(0) += source.bytes;
        }
        by_kind
    }

    /// The kind that gave most bytes; `None` where all was here before.
    #[must_use]
    pub fn main_kind(&self) -> Option<Kind> {
        self.bytes_by_kind().into_iter().max_by_key(|(_, bytes)| *bytes).map(|(kind, _)| kind)
    }

    /// `elapsed` in milliseconds.
    #[must_use]
    pub fn load_time_ms(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e3
    }
}
