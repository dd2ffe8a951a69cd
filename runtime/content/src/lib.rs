//! Content under one name: everything of the four crates below, where callers find it.
//!
//! | crate | holds | never knows |
//! | --- | --- | --- |
//! | [`pelago_dag`] | CIDs, dag-pb, dag-cbor, UnixFS, HAMT, CAR files, walks | disk, clock, network |
//! | [`pelago_store`] | blocks on disk: layout, index, write, verified read, pins, quota, gc | network |
//! | [`pelago_exchange`] | retrieval and its scheduler, IPNS, gateway, replication | models |
//! | [`pelago_hub`] | model hubs and plain URLs | models, browsers |
//!
//! This crate is a facade: it has no code but two doors at which an error of a
//! block becomes one of the store, since its callers know that error alone.

mod doors;
#[cfg(fuzzing)]
pub mod fuzzing;

pub use doors::{Walk, parse_address};
pub use pelago_dag::{
    BLOCK_MAX, BlockError, Blocks, CarError, CarLimits, CarReader, CarWriter, Cid, Coming, EntityBytes,
    EntityBytesError, MemoryBlocks, Profile, Scope, Span, WalkOptions, car, check_node, of_gateway, verify,
};
pub use pelago_exchange::gateway::{Cors, Gateway, GatewayError, GatewayOptions};
pub use pelago_exchange::{ipns, replicate, retrieve};
pub use pelago_hub as origin;
pub use pelago_store::{
    AddOptions, AddProgress, Added, ByteStream, Collected, DagStat, Entry, Ingest, Kind, Lease, Pin, Root, Stamp,
    Store, StoreError, StoreOptions, TierBytes, TierCounter, Verified, case_collisions, check_export,
};
