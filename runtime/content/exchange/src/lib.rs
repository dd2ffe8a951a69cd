//! Content among machines: blocks fetched from many sources at once, names that
//! stand for content, a gateway that serves the store, and copies kept elsewhere.
//!
//! | module | what you find |
//! | --- | --- |
//! | [`retrieve`] | sources of blocks, and the scheduler that asks several of them at once |
//! | [`ipns`] | IPNS names, their records, and who is asked for them |
//! | [`gateway`] | the trustless gateway: blocks and CAR files over HTTP |
//! | [`replicate`] | engines that have others keep copies, and a host that keeps copies for others |
//!
//! Only sources that the caller names are asked. Bytes of a source are verified
//! before they are kept.
//!
//! This crate knows no models, no hubs and no browsers: content is a CID to it.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gateway;
pub mod ipns;
pub mod replicate;
pub mod retrieve;
