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
//! `remove`, or by eviction when the quota has no room (`keep/quota.rs` says which);
//! a pin or a lease forbids both. The transaction that takes away is the one
//! that looks for what keeps, so nothing can be pinned and collected at once.
//!
//! # Modules
//!
//! | module | what you find |
//! | --- | --- |
//! | `layout` | what lies in the store's folder: extents, owners' folders, locks of fetches |
//! | `index` | the database: where each block lies, which roots there are; and how it is built anew |
//! | `write` | import of folders, and blocks that a fetch brings |
//! | `read` | verified reads, folders, what is remembered of blocks |
//! | `keep` | pins and leases, the quota, gc |
//!
//! This crate knows no network: blocks come and go through [`Store`], [`Ingest`] and the trait
//! [`pelago_dag::Blocks`]. It knows nothing of models, browsers or front ends.

mod error;
mod index;
mod inner;
mod keep;
mod layout;
mod options;
mod read;
mod store;
mod write;

pub use error::StoreError;
pub use index::rows::column_cid;
pub use keep::gc::Collected;
pub use keep::pins::{Lease, Pin};
pub use layout::disk::Stamp;
pub use options::{AddOptions, StoreOptions};
pub use read::blocks::Verified;
pub use read::collisions::{case_collisions, check_export};
pub use read::folders::{Entry, Kind};
pub use read::stats::DagStat;
pub use read::tier_counter::{TierBytes, TierCounter};
pub use store::{ByteStream, Root, Store};
pub use write::import::{AddProgress, Added};
pub use write::ingest::Ingest;
