//! How blocks come into the store: folders that are imported, and blocks that a fetch brings.

pub(crate) mod add;
pub(crate) mod announced;
pub(crate) mod batch;
mod chunks;
mod folder;
mod import;
pub(crate) mod ingest;
pub(crate) mod unindexed;
