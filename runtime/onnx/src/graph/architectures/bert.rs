//! BERT (Devlin et al. 2018): learned positions, token types, norms after sums.
//! Positions may also be learned distances (Shaw et al. 2018), or those of ALiBi
//! ([`jina`]).

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention::{self, Places},
    builder::{Builder, Value},
    encoder::{self, Sizes},
    onnx::DataType,
};

pub(super) use super::inputs::{Inputs, NAMES};
use super::{Architecture, jina};

pub(super) struct Bert;

impl Architecture for Bert {
    fn model_types(&self) -> &'static [&'static str] {
        &["bert"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "bert."], "embeddings.word_embeddings.weight")
    }

    fn knows_own_code(&self, config: &Config) -> bool {
        config.get("position_embedding_type").is_some_and(|kind| kind == "alibi")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = sizes(config)?;
        if config.text("position_embedding_type")? == Some("alibi") {
            return jina::add_to(graph, config, &sizes);
        }
        let kind = Positions::read(config)?;
        let inputs = Inputs::new(graph, config)?;
        let positions = encoder::range(graph, "embeddings.position_ids", &inputs.input_ids);
        let rows = graph.cast("embeddings.position_ids/int32", &positions, DataType::Int32);
        let state = embed(graph, config, sizes.hidden, sizes.epsilon, &inputs, kind.absolute(&rows))?;
        Ok((encode(graph, config, &sizes, &inputs, kind, state, &positions)?, sizes.hidden))
    }
}

/// How the model tells positions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Positions {
    /// A row a position, added to the words'.
    Absolute,
    /// A row a distance, multiplied with queries.
    Key,
    /// The same, and multiplied with keys too.
    KeyQuery,
}

impl Positions {
    pub(super) fn read(config: &Config) -> Result<Self, Error> {
        let words = ["absolute", "relative_key", "relative_key_query"];
        Ok(match config.word("position_embedding_type", &words)? {
            "relative_key" => Self::Key,
            "relative_key_query" => Self::KeyQuery,
            _ => Self::Absolute,
        })
    }

    /// The rows of positions, where they are added to those of words.
    pub(super) fn absolute(self, rows: &Value) -> Option<&Value> {
        (self == Self::Absolute).then_some(rows)
    }
}

/// The settings that BERT and RoBERTa share.
pub(super) fn sizes(config: &Config) -> Result<Sizes, Error> {
    config.refuse("is_decoder")?;
    Sizes::read(config, 1e-12, Activation::Gelu)
}

/// The norm of the embeddings' sum.
pub(super) const EMBEDDINGS_NORM: &str = "embeddings.LayerNorm";

/// Words, types and, where they have rows, `[…, sequence]` positions, of so many
/// numbers each, summed and normed.
pub(super) fn embed(
    graph: &mut Builder<'_>,
    config: &Config,
    size: usize,
    epsilon: f32,
    inputs: &Inputs,
    positions: Option<&Value>,
) -> Result<Value, Error> {
    let sum = rows(graph, config, size, inputs, positions)?;
    encoder::layer_norm(graph, EMBEDDINGS_NORM, &sum, size, epsilon)
}

/// The same without the norm.
pub(super) fn rows(
    graph: &mut Builder<'_>,
    config: &Config,
    size: usize,
    inputs: &Inputs,
    positions: Option<&Value>,
) -> Result<Value, Error> {
    let (words, places) = (config.count("vocab_size")?, config.count("max_position_embeddings")?);
    let sum = inputs.embed(graph, words, size)?;
    let Some(positions) = positions else { return Ok(sum) };
    let rows = encoder::embedding(graph, "embeddings.position_embeddings", positions, places, size)?;
    Ok(graph.node("embeddings/positions", "Add", &[&sum, &rows], &[]))
}

/// The layers. `range` counts from 0 in every row, in single precision.
pub(super) fn encode(
    graph: &mut Builder<'_>,
    config: &Config,
    sizes: &Sizes,
    inputs: &Inputs,
    kind: Positions,
    state: Value,
    range: &Value,
) -> Result<Value, Error> {
    let bias = attention::mask_bias(graph, &inputs.attention_mask);
    if kind == Positions::Absolute {
        return encoder::layers(graph, sizes, &NAMES, "encoder.layer", state, &bias);
    }
    let places = config.count("max_position_embeddings")?;
    let distances = attention::distances(graph, range);
    let farthest = graph.float((places - 1) as f32);
    let index = graph.node("attention_distance/index", "Add", &[&distances, &farthest], &[]);
    let index = graph.cast("attention_distance/index", &index, DataType::Int32);
    let at = Places::new(graph, range, &index, sizes.heads, 2 * places - 1);
    let mut state = state;
    for layer in 0..sizes.layers {
        let layer = format!("encoder.layer.{layer}");
        let context = relative(graph, sizes, &layer, &state, kind, (&at, places), &bias)?;
        state = encoder::after_attention(graph, sizes, &NAMES, &layer, state, &context)?;
        state = encoder::feed_forward(graph, sizes, &NAMES, &layer, state)?;
    }
    Ok(state)
}

/// Attention with a row a distance: `softmax((QKᵀ + Q Dᵀ [+ K Dᵀ]) / √size + bias) V`.
fn relative(
    graph: &mut Builder<'_>,
    sizes: &Sizes,
    layer: &str,
    state: &Value,
    kind: Positions,
    (at, places): (&Places, usize),
    bias: &Value,
) -> Result<Value, Error> {
    let size = sizes.hidden / sizes.heads;
    let [query, key, value] = encoder::heads(graph, sizes, &NAMES, layer, state)?;
    let name = format!("{layer}.attention.self.distance_embedding");
    let table = graph.weight(&format!("{name}.weight"), &[2 * places - 1, size])?;
    let table = graph.transposed(&name, &table);
    let scope = format!("{layer}.attention");
    let scores = graph.node(&format!("{scope}/scores"), "MatMul", &[&query, &key], &[]);
    let of_queries = at.of_queries(graph, &format!("{scope}/query/distance"), &query, &table);
    let mut scores = graph.node(&format!("{scope}/query/distance"), "Add", &[&scores, &of_queries], &[]);
    if kind == Positions::KeyQuery {
        let key = attention::transpose(graph, &format!("{scope}/key"), &key, &[0, 1, 3, 2]);
        let of_keys = at.of_keys(graph, &format!("{scope}/key/distance"), &key, &table);
        scores = graph.node(&format!("{scope}/key/distance"), "Add", &[&scores, &of_keys], &[]);
    }
    let divisor = Some((size as f32).sqrt());
    Ok(attention::context(graph, &scope, scores, divisor, bias, &value, sizes.hidden))
}
