//! Pelago.

pub mod driver;
pub mod guard;
