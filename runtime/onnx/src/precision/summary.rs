//! What was done to a model.

use serde::Serialize;

use super::{Reason, Recipe};

/// What became of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How it was made.
    pub recipe: Recipe,
    /// Every initializer of the new model.
    pub tensors: Vec<Tensor>,
    /// Nodes that have a weight, or might, and keep their precision.
    pub kept: Vec<Kept>,
    /// Bytes of the weights before.
    pub bytes_before: u64,
    /// Bytes of the weights now.
    pub bytes_after: u64,
    /// Bytes of the ONNX file, with small weights in it.
    pub graph_bytes: u64,
    /// The files that were written, relative to the folder; the model is the last.
    pub files: Vec<String>,
}

/// An initializer of the new model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its element type, as ONNX calls it.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// Bytes of its values.
    pub bytes: u64,
    /// The weight that it was made of; none where it was copied.
    pub of: Option<String>,
}

/// A node that keeps its precision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its name, or its output's.
    pub node: String,
    /// Why.
    pub reason: Reason,
}
