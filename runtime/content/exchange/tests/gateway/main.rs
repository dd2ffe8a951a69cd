//! The gateway over real sockets: blocks, CARs, headers and refusals, as the
//! trustless gateway specification and its conformance tests have them.

mod blocks;
mod cars;
mod codecs;
#[path = "../../../dag/tests/fixtures/mod.rs"]
mod fixtures;
mod refusals;
mod served;
