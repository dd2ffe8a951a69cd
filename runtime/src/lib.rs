//! Pelago.

pub mod graph;
