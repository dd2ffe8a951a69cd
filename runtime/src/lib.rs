//! Pelago.

pub mod results;
