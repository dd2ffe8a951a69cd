//! What a cell imports. All of it is `pelago-prelude`'s.

pub use pelago_prelude::*;
