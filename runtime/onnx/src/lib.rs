//! Pelago's knowledge of the ONNX format.
mod error;
pub mod files;
pub mod graph;
pub mod precision;
pub mod proto;
pub mod read;
pub use error::Error;
