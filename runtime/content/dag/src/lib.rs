//! The codec of content: CIDs, blocks, nodes, files and folders, CAR files, and
//! the ways through a DAG.
//!
//! Everything here is computed from bytes. Blocks are read and kept through the
//! trait [`Blocks`], whose one implementation here is in memory.
//!
//! This crate knows no disk, no clock and no network: where blocks lie, when
//! they were used and who sends them is the business of the crates above it.
//!
//! # Modules
//!
//! | module | what you find |
//! | --- | --- |
//! | [`cid`] | CIDs: made, verified, and read from addresses |
//! | [`pb`], [`cbor`] | the two encodings of nodes |
//! | [`unixfs`], [`hamt`] | files and folders, and the shards of large folders |
//! | [`walk`] | which blocks a reader needs, in which order; whether a whole DAG is well-formed |
//! | [`car`] | CAR files |
//! | [`blocks`], [`buffer`] | the trait of block stores, and memory for blocks |
//! | [`limits`] | bounds on what comes from others |

pub mod blocks;
pub mod buffer;
pub mod car;
pub mod cbor;
pub mod cid;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod hamt;
pub mod limits;
mod node_error;
pub mod pb;
pub mod unixfs;
pub mod walk;

pub use blocks::{Blocks, Coming, MemoryBlocks};
pub use car::{CarError, CarLimits, CarReader, CarWriter};
pub use cid::{Cid, of_gateway, parse_address, verify};
pub use error::BlockError;
pub use limits::BLOCK_MAX;
pub use node_error::NodeError;
pub use unixfs::{Profile, check_node};
pub use walk::{EntityBytes, EntityBytesError, Scope, Span, Walk, WalkOptions};
