//! The local store of content: verified, addressed by CID, shared by processes.
//!
//! # On disk
//!
//! ```text
//! store.sqlite            block CID -> (extent, offset, length); roots, fetches, pins; names
//! extents/<owner>-<n>     immutable files: block bytes back to back, then a table of contents
//! owners/<owner>/lock     one folder a process, locked while it lives; its temporary files are beside the lock
//! fetches/<root>          locked by the one process that fetches a root
//! pins/<root>             an empty file a pinned root, for a rebuilt index
//! ```
//!
//! A file larger than one chunk has an extent of its own, so its bytes lie in
//! order as in the source; small files and dag-pb nodes of one import share an
//! extent. What is fetched lies in the order in which it came, in extents of
//! some 32 MiB. A block that the store has already is not written again,
//! whichever file it came from.
//!
//! # What survives a crash
//!
//! An extent is written in its owner's folder, hashed on the way, flushed,
//! renamed into `extents/`, the folder flushed, and only then does one
//! transaction make its blocks visible, with the root that they complete or the
//! fetch that they belong to. Whatever is not in the index does not exist to
//! other processes. When a store is opened, folders whose lock is free belong to
//! dead processes: they, and extents of theirs that no transaction named, are
//! deleted. Nothing of a living process is touched. What a dead fetch has sealed
//! stays, until the root is fetched again or a gc.
//!
//! Import and fetch write blocks of one extent beside each other, each into the
//! room that it was given; an extent is sealed when all of them are written.
//!
//! A reader hashes a block before it hands out a byte of it; a block that does
//! not match its CID is taken out of the index, so that adding the content
//! again mends the store.
//!
//! # What is kept
//!
//! A block is kept as long as a root or a living fetch has it. A root goes by
//! `remove`, or by eviction when the quota has no room (`quota.rs` says which);
//! a pin or a lease forbids both. The transaction that takes away is the one
//! that looks for what keeps, so nothing can be pinned and collected at once.
//!
//! # The rooms
//!
//! The files beside this one are the store. [`dag`](Walk) walks what is in it, [`car`] streams it, the
//! [gateway](Gateway) serves it; [`retrieve`] fetches into it from many sources at once, [`origin`] brings models
//! that are not content yet, [`replicate`] has others keep copies, and [`ipns`] finds what names stand for.
//!
//! This crate knows nothing of models, browsers or front ends.

mod add;
mod batch;
mod blocks;
mod buffer;
pub mod car;
mod cids;
mod claim;
mod dag;
mod dagcbor;
mod dagpb;
mod error;
mod expected;
mod extent;
mod folder;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gateway;
mod gc;
mod hamt;
mod import;
mod index;
mod ingest;
pub mod ipns;
mod leaves;
mod limits;
mod memory;
mod names;
mod options;
pub mod origin;
mod owner;
mod pending;
mod pins;
mod profile;
mod quota;
mod read;
mod refill;
pub mod replicate;
pub mod retrieve;
mod rows;
mod schema;
mod stats;
mod store;
mod stream;
mod survey;
mod tiers;
mod tree;
mod unixfs;
mod used;

pub use add::{AddProgress, Added};
pub use blocks::{BLOCK_MAX, Blocks, Coming, MemoryBlocks};
pub use car::{CarError, CarLimits, CarReader, CarWriter};
pub use cids::{Cid, of_gateway, parse_address, verify};
pub use dag::{EntityBytes, EntityBytesError, Scope, Span, Walk, WalkOptions};
pub use error::StoreError;
pub use gateway::{Cors, Gateway, GatewayError, GatewayOptions};
pub use gc::Collected;
pub use ingest::Ingest;
pub use names::{case_collisions, check_export};
pub use options::{AddOptions, StoreOptions};
pub use pins::{Lease, Pin};
pub use profile::Profile;
pub use read::Verified;
pub use stats::DagStat;
pub use store::{ByteStream, Root, Stamp, Store};
pub use tiers::{TierBytes, TierCounter};
pub use tree::{Entry, Kind};
pub use unixfs::check_node;
