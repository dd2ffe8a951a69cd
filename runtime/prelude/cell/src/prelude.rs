//! What a cell that needs neither Polars nor the session has in scope.

pub use crate::host::interrupted;
