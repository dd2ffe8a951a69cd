//! MPNet (Song et al. 2020): RoBERTa's positions without token types, and a
//! learned bias a head for the distance between two tokens, in buckets.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention,
    builder::{Attribute, Builder, Value},
    encoder::{self, Names, Sizes},
    onnx::DataType,
};

use super::{Architecture, buckets::bucket};

pub(super) struct MpNet;

/// The position of padding: MPNet's code fixes it, whatever the config says.
const PADDING: usize = 1;
/// From this distance on all share one bucket.
const MAX_DISTANCE: f32 = 128.0;

const NAMES: Names = Names {
    query: "attention.attn.q",
    key: "attention.attn.k",
    value: "attention.attn.v",
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

impl Architecture for MpNet {
    fn model_types(&self) -> &'static [&'static str] {
        &["mpnet"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "mpnet."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = Sizes::read(config, 1e-12, Activation::Gelu)?;
        let Sizes { hidden, heads, .. } = sizes;
        let (words, places) = (config.count("vocab_size")?, config.count("max_position_embeddings")?);
        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let positions = encoder::positions_after_padding(graph, "embeddings.position_ids", &input_ids, PADDING);
        let rows = encoder::embedding(graph, "embeddings.word_embeddings", &input_ids, words, hidden)?;
        let row_places = encoder::embedding(graph, "embeddings.position_embeddings", &positions, places, hidden)?;
        let sum = graph.node("embeddings/positions", "Add", &[&rows, &row_places], &[]);
        let state = encoder::layer_norm(graph, "embeddings.LayerNorm", &sum, hidden, sizes.epsilon)?;
        let mask = attention::mask_bias(graph, &attention_mask);
        let distances = distance_bias(graph, config, &input_ids, places, heads)?;
        let bias = graph.node("attention_bias", "Add", &[&distances, &mask], &[]);
        Ok((encoder::layers(graph, &sizes, &NAMES, "encoder.layer", state, &bias)?, hidden))
    }
}

/// `[1, heads, sequence, sequence]`. The bucket of every possible distance is a
/// constant, so the graph only looks up the distance itself.
fn distance_bias(
    graph: &mut Builder<'_>,
    config: &Config,
    input_ids: &Value,
    places: usize,
    heads: usize,
) -> Result<Value, Error> {
    let scope = "encoder.relative_attention_bias";
    let buckets = config.length("relative_attention_num_buckets", Some(32))?;
    if buckets < 4 {
        return Err(config.wrong("relative_attention_num_buckets", "an integer from 4 on"));
    }
    let farthest = places as i32 - 1;
    let table =
        (-farthest..=farthest).map(|distance| bucket(distance, buckets as i32, MAX_DISTANCE)).collect::<Vec<_>>();
    let table = graph.int32s(&format!("{scope}/buckets"), &table);
    let by_distance = encoder::embedding(graph, scope, &table, buckets, heads)?;

    let (rows, columns, farthest) = (graph.int64s(&[2]), graph.int64s(&[1]), graph.float(farthest as f32));
    let range = encoder::range(graph, scope, input_ids);
    let from = graph.node(&format!("{scope}/from"), "Unsqueeze", &[&range, &rows], &[]);
    let to = graph.node(&format!("{scope}/to"), "Unsqueeze", &[&range, &columns], &[]);
    let distance = graph.node(scope, "Sub", &[&to, &from], &[]);
    let index = graph.node(&format!("{scope}/index"), "Add", &[&distance, &farthest], &[]);
    let index = graph.cast(&format!("{scope}/index"), &index, DataType::Int32);
    let axis = [("axis", Attribute::Int(0))];
    let bias = graph.node(&format!("{scope}/distance"), "Gather", &[&by_distance, &index], &axis);
    Ok(graph.node(scope, "Transpose", &[&bias], &[("perm", Attribute::Ints(&[0, 3, 1, 2]))]))
}
