//! The messages of `onnx.proto` (proto2, so scalars keep presence), every field
//! of them as of ONNX 1.23 (IR version 13), so that a model that is read and
//! written again loses nothing. Fields of later versions are not dropped in
//! silence: [`crate::read`] refuses them by number.
//!
//! Messages and constants only: what an operator means is not known here.
//! Members of a oneof are plain optional fields, of which one is set.

#![allow(missing_docs, reason = "the fields are those of onnx.proto, which documents them")]

mod graph;
mod model;
mod tensor;
mod types;

pub use graph::*;
pub use model::*;
pub use tensor::*;
pub use types::*;
