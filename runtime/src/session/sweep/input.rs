//! What a model is measured on where the user gives nothing: the same for every
//! model of a family.

use pelago_protocol::{Family, Input};

use super::super::{Observer, Session, SessionError};

/// Sentences of different lengths, languages and kinds, so that tokens of all sorts are looked up. Even by
/// letters none is longer than the 128 tokens that small models take.
const SENTENCES: [&str; 8] = [
    "The quick brown fox jumps over the lazy dog",
    "Attention is all you need.",
    "In 1969, 3.14 million people saw it; 42 % of them twice.",
    "La souveraineté réside dans le peuple, et elle est inaliénable.",
    "素早い茶色の狐がのろまな犬を飛び越える",
    "fn main() { println!(\"{}\", (1..=10).map(|n| n * n).sum::<u32>()); }",
    "Der Strom wird in der Mitte des Flusses am tiefsten, sagte sie, und ging.",
    "A sentence that goes on wears its reader out, who wonders whether it will ever end, or run on for good.",
];

impl Session {
    /// The set that is made for a model's family.
    pub(super) async fn usual_input(&self, model: &str, observer: Option<&Observer>) -> Result<Input, SessionError> {
        let (described, _) = self.sources.describe(model, observer).await?;
        match described.family {
            Family::TextEmbedding => Ok(Input::from(SENTENCES)),
            other => Err(SessionError::Unsupported {
                what: format!("a set of inputs for models of the family {other}"),
                help: "give the graph's own tensors: bench(…).input(tensors) in a cell".to_owned(),
            }),
        }
    }
}
