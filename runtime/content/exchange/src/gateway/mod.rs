//! A trustless gateway: blocks and CARs over HTTP, to whoever checks them.
//!
//! It answers `GET` and `HEAD` for `/ipfs/{cid}` as a raw block and for
//! `/ipfs/{cid}/{path}` as a CAR (`dag-scope`, `entity-bytes`, `order=dfs`,
//! `dups`), as the trustless gateway specification says. It deserialises
//! nothing, resolves no names (`/ipns`), and asks nobody else: what is not here
//! is 404, with `only-if-cached` 412.
//!
//! An error in the middle of an answer cuts the connection, so that no answer
//! is shorter than it should be and yet well-formed.
//!
//! It speaks HTTP/1.1 without TLS. It listens on loopback unless it is told
//! otherwise; before the world, put a proxy with TLS in front of it.
//!
//! This area knows HTTP and its limits. It knows nothing of the store but [`Blocks`](pelago_dag::Blocks).

mod accept;
mod answer;
mod body;
mod coming;
mod error;
mod headers;
mod options;
mod request;
mod server;
mod stall;
#[cfg(any(test, fuzzing))]
mod survive;
#[cfg(test)]
mod tests;

pub(crate) use coming::{COMING, NODE};
pub use error::GatewayError;
pub use options::{Cors, GatewayOptions};
pub use server::Gateway;
#[cfg(any(test, fuzzing))]
pub(crate) use survive::survive;
