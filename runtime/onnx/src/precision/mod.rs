//! Makes every precision of an fp32 model.
//!
//! [`convert`] reads a model through [`Files`](crate::files::Files) (weights in
//! the file, beside it, or in the safetensors that its external data points to)
//! and writes another one as a [`Recipe`] says. [`auto`] finds a recipe that
//! keeps within an error, [`predict`] says what a model will need.
//!
//! What runs a model and where its files are kept is not known here.

mod auto;
mod blocks;
mod check;
mod constant;
mod convert;
mod graphs;
mod half;
mod infer;
mod inline;
mod integer;
mod jobs;
mod layers;
mod layout;
mod memory;
mod output;
mod prune;
mod recipe;
mod rewrite;
mod shapes;
pub mod speed;
mod summary;
mod table;
mod widen;

pub use auto::{Failure, Found, Search, Sensitivity, auto};
pub use blocks::{Blocks, NotFinite};
pub use convert::{Destination, convert, layers};
pub use integer::Integers;
pub use layers::{Kind, Layer, Reason, Role};
pub use layout::Layout;
pub use memory::{Limits, Memory, Shapes, kv_cache, largest_that_fits, predict, predict_precisions};
pub use recipe::{Form, Mixed, Override, Recipe};
pub use summary::{Kept, Summary, Tensor};
pub use table::Table;
