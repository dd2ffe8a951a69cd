//! stub
pub mod files;
pub mod graph;
pub mod proto;
