//! Cells: Rust that users write, and `:commands`. One [`interpreter`] holds a session and runs both.
//!
//! What a cell shows is a value ([`pelago_render::Shown`]), and front ends draw it. The terminal, Jupyter's messages and
//! the environment are not known here.

pub mod commands;
pub mod interpreter;
pub mod rust;
