//! What a model is measured on where the user gives nothing: the same for every
//! model of a family, and the same each time.

mod tensors;

use pelago_models::Prepared;
use pelago_protocol::{Family, Input};

use crate::{Engine, RunError};

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

/// Texts for a model that takes these; for any other, tensors by what its graph declares.
pub(super) async fn usual_input(engine: &Engine, fp32: &Prepared) -> Result<Input, RunError> {
    if fp32.source.family == Family::TextEmbedding && fp32.wanted.graph.is_none() {
        return Ok(Input::from(SENTENCES));
    }
    let declared = engine.preparer.declared(fp32).await?;
    let made = declared.inputs.iter().map(|input| tensors::tensor(input, &declared));
    let made = made.collect::<Result<Vec<_>, _>>().map_err(|what| RunError::Unsupported {
        what: format!("a set of inputs for {}: {what}", fp32.source.name),
        advice: "give the graph's own tensors: bench(…).input(tensors) in a cell".into(),
    })?;
    Ok(Input::Tensors(made))
}
