//! The session and all under it: content by CID, models, graphs and results.
//!
//! It returns values and DataFrames. The terminal, Jupyter's messages and the
//! environment are not known here; front ends pass values in.

pub mod cells;
pub mod commands;
pub mod interpreter;
pub mod models;
pub mod network;
pub mod parity;
pub mod plots;
pub mod reports;
pub mod results;
pub mod session;

pub use pelago_content as content;
pub use pelago_onnx as onnx;
pub use pelago_onnx::graph;
pub use pelago_statistics as statistics;
