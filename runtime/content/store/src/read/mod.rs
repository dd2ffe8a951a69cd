//! How content is read: no byte before its block was hashed, and what is remembered of blocks that were.

pub(crate) mod blocks;
pub(crate) mod cache;
pub(crate) mod collisions;
pub(crate) mod folders;
pub(crate) mod memory;
pub(crate) mod stats;
mod stream;
pub(crate) mod tier_counter;
