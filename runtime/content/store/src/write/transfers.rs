//! What the fetches of this process have brought and are to bring, beside the index.

use bytes::Bytes;
use pelago_dag::Cid;

use super::announced::Announced;
use super::unindexed::Unindexed;
use crate::layout::extent::Room;

/// Blocks of fetches that the index does not name yet.
#[derive(Default)]
pub(crate) struct Transfers {
    /// Those that came.
    pub(crate) unindexed: Unindexed,
    /// Those that are to come.
    pub(crate) announced: Announced,
}

impl Transfers {
    /// A verified block has come, and is about to be written into its room.
    pub(crate) fn came(&self, cid: &Cid, bytes: &Bytes, room: &Room) {
        self.unindexed.add(cid, bytes, room);
        self.announced.forget(cid);
    }
}
