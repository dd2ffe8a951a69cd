//! What a page answered.

use pelago_protocol::Tensor;
use serde_json::Value;

/// What a page answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The answer itself, by the `kind` of the request.
    pub data: Value,
    /// Tensors that came with it.
    pub tensors: Vec<Tensor>,
}
