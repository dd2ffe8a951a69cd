//! DistilBERT (Sanh et al. 2019): BERT without token types, its own names.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention,
    builder::{Builder, Value},
    encoder::{self, Names, Sizes},
    onnx::DataType,
};

use super::Architecture;

pub(super) struct DistilBert;

/// DistilBERT's code fixes it; its config has no setting for it.
const EPSILON: f32 = 1e-12;

const NAMES: Names = Names {
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    intermediate: "ffn.lin1",
    output: "ffn.lin2",
    output_norm: "output_layer_norm",
};

impl Architecture for DistilBert {
    fn model_types(&self) -> &'static [&'static str] {
        &["distilbert"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "distilbert."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let (hidden, heads) = config.heads("dim", "n_heads")?;
        let sizes = Sizes {
            layers: config.layers("n_layers")?,
            heads,
            hidden,
            intermediate: config.count("hidden_dim")?,
            epsilon: EPSILON,
            activation: Activation::read(config, "activation")?,
        };
        let (words, places) = (config.count("vocab_size")?, config.count("max_position_embeddings")?);
        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let positions = encoder::range(graph, "embeddings.position_ids", &input_ids);
        let positions = graph.cast("embeddings.position_ids/int32", &positions, DataType::Int32);
        let rows = encoder::embedding(graph, "embeddings.word_embeddings", &input_ids, words, hidden)?;
        let places = encoder::embedding(graph, "embeddings.position_embeddings", &positions, places, hidden)?;
        let sum = graph.node("embeddings/positions", "Add", &[&rows, &places], &[]);
        let state = encoder::layer_norm(graph, "embeddings.LayerNorm", &sum, hidden, EPSILON)?;
        let bias = attention::mask_bias(graph, &attention_mask);
        Ok((encoder::layers(graph, &sizes, &NAMES, "transformer.layer", state, &bias)?, hidden))
    }
}
