//! The local store of content: verified, addressed by CID, shared by processes.
//!
//! # On disk
//!
//! ```text
//! store.sqlite            block CID -> (extent, offset, length); roots; names
//! extents/<owner>-<n>     immutable files: block bytes back to back, then a table of contents
//! owners/<owner>/lock     one folder a process, locked while it lives; its temporary files are beside the lock
//! ```
//!
//! A file larger than one chunk has an extent of its own, so its bytes lie in
//! order as in the source; small files and dag-pb nodes of one import share an
//! extent. A block that the store has already is not written again, whichever
//! file it came from.
//!
//! # What survives a crash
//!
//! An extent is written in its owner's folder, hashed on the way, flushed,
//! renamed into `extents/`, the folder flushed, and only then does one
//! transaction make its blocks and the root visible. Whatever is not in the
//! index does not exist to readers. When a store is opened, folders whose lock
//! is free belong to dead processes: they, and extents of theirs that no
//! transaction named, are deleted. Nothing of a living process is touched.
//!
//! A reader hashes a block before it hands out a byte of it; a block that does
//! not match its CID is taken out of the index, so that adding the content
//! again mends the store.
//!
//! This area knows nothing of models, browsers or the network.

mod blocks;
pub mod car;
mod cids;
mod dag;
mod error;
mod extent;
mod folder;
mod gateway;
mod import;
mod index;
mod memory;
pub mod origin;
mod owner;
mod profile;
mod read;
mod refill;
pub mod replicate;
pub mod retrieve;
mod store;
mod unixfs;

pub use blocks::{BLOCK_MAX, Blocks, MemoryBlocks};
pub use car::{CarError, CarLimits, CarReader, CarWriter};
pub use cids::{parse_address, verify};
pub use dag::{EntityBytes, EntityBytesError, Scope, Span, Walk, WalkOptions};
pub use error::StoreError;
pub use gateway::{Cors, Gateway, GatewayError, GatewayOptions};
pub use profile::Profile;
pub use read::{Entry, Kind, Verified};
pub use store::{AddProgress, Added, ByteStream, Root, Stamp, Store};
