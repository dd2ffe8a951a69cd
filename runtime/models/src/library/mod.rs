//! Models: folders that were checked, content by CID, and names for them.
//!
//! A model is a folder in the content store. This area checks a folder before
//! it is added, says which family a model is of, and keeps names with their
//! history and the links from content to what was derived from it (a graph, a
//! precision). It runs nothing and knows no browser.

mod check;
mod derived;
mod describe;
mod error;
mod family;
mod name;
mod names;
mod rows;
mod safetensors;
mod staged;
mod suffix;

pub use check::{Checked, check_folder};
pub use derived::Recipe;
pub use describe::Described;
pub(crate) use describe::Located;
pub use error::ModelError;
pub use family::{Clues, Detected, detect};
pub use names::{AddedModel, Models, Resolved};
pub use rows::Model;
