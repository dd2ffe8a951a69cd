//! How blocks come into the store: folders that are imported, and blocks that a fetch brings.

pub(crate) mod add;
mod announced;
pub(crate) mod batch;
mod chunks;
mod folder;
pub(crate) mod import;
pub(crate) mod ingest;
pub(crate) mod transfers;
mod unindexed;
