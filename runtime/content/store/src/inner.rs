//! What the handles on a store share.

use crate::index::Index;
use crate::layout::disk::Disk;
use crate::read::cache::Cache;
use crate::write::transfers::Transfers;

/// What the handles share.
pub(crate) struct Inner {
    /// Where files lie.
    pub(crate) disk: Disk,
    /// Which blocks and roots there are.
    pub(crate) index: Index,
    /// What this process remembers of its reads.
    pub(crate) cache: Cache,
    /// What the fetches of this process bring.
    pub(crate) transfers: Transfers,
    /// The most that extents may have, bytes.
    pub(crate) quota: Option<u64>,
}
