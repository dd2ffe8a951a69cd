//! Pelago.
