//! Models: from what a user calls a model to what a page loads.
//!
//! - [`library`] checks folders, says of which family a model is, and keeps names with their history.
//! - [`network`] brings models from elsewhere and gives them to others: peers, gateways, hubs, CAR files.
//! - [`prepare`] makes a model ready: which graph runs, in which precision, with which files.
//!
//! The crate runs nothing. It knows neither browsers nor results.

mod gguf;
pub mod library;
pub mod network;
pub mod prepare;

pub use gguf::GgufTokenizerError;
pub use library::{AddedModel, Described, Model, ModelError, Models};
pub use network::{Network, NetworkError, NetworkOptions};
pub use prepare::{PrepareError, Prepared, Preparer};
