//! What a cell imports.
pub use polars;
