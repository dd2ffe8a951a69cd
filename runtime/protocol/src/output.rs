//! What a model gave, and the run that it came of.

use crate::{Report, Tensor};

/// What a model gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// One vector a text.
    Embeddings {
        /// `[batch, hidden]`
        shape: [usize; 2],
        /// Row-major.
        values: Vec<f32>,
    },
    /// The graph's own outputs.
    Tensors(Vec<Tensor>),
}

/// A run that ended well: its report is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What was asked, what ran, and how long each part took.
    pub report: Report,
    /// What the model gave.
    pub output: Output,
}
