//! The Jupyter kernel.

pub mod render;
