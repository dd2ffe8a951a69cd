//! BERT (Devlin et al. 2018): learned positions, token types, norms after sums.

use crate::graph::{
    Config, Error,
    builder::{Builder, Value},
    encoder::{self, Activation, Names, Sizes},
    onnx::DataType,
};

use super::Architecture;

pub(super) struct Bert;

/// The modules of a layer, also RoBERTa's.
pub(super) const NAMES: Names = Names {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

impl Architecture for Bert {
    fn model_types(&self) -> &'static [&'static str] {
        &["bert"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "bert."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = sizes(config)?;
        let inputs = Inputs::new(graph, config)?;
        let positions = encoder::range(graph, "embeddings.position_ids", &inputs.input_ids);
        let positions = graph.cast("embeddings.position_ids/int32", &positions, DataType::Int32);
        encode(graph, config, &sizes, &inputs, &positions)
    }
}

/// The graph's inputs, each `[batch, sequence]`.
pub(super) struct Inputs {
    pub(super) input_ids: Value,
    attention_mask: Value,
    /// `None` where there are no types.
    token_type_ids: Option<Value>,
    types: usize,
}

impl Inputs {
    pub(super) fn new(graph: &mut Builder<'_>, config: &Config) -> Result<Self, Error> {
        let types = config.length("type_vocab_size", Some(2))?;
        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let token_type_ids = (types > 0).then(|| graph.index_input("token_type_ids"));
        Ok(Self { input_ids, attention_mask, token_type_ids, types })
    }
}

/// The settings that BERT and RoBERTa share.
pub(super) fn sizes(config: &Config) -> Result<Sizes, Error> {
    config.word("position_embedding_type", &["absolute"])?;
    config.refuse("is_decoder")?;
    let (hidden, heads) = config.heads("hidden_size", "num_attention_heads")?;
    Ok(Sizes {
        layers: config.count("num_hidden_layers")?,
        heads,
        hidden,
        intermediate: config.count("intermediate_size")?,
        epsilon: config.number("layer_norm_eps", 1e-12)?,
        activation: Activation::read(config, "hidden_act")?,
    })
}

/// Embeddings and layers, with these `[…, sequence]` positions.
pub(super) fn encode(
    graph: &mut Builder<'_>,
    config: &Config,
    sizes: &Sizes,
    inputs: &Inputs,
    positions: &Value,
) -> Result<(Value, usize), Error> {
    let hidden = sizes.hidden;
    let (words, places) = (config.count("vocab_size")?, config.count("max_position_embeddings")?);
    let mut sum = encoder::embedding(graph, "embeddings.word_embeddings", &inputs.input_ids, words, hidden)?;
    if let Some(types) = &inputs.token_type_ids {
        let rows = encoder::embedding(graph, "embeddings.token_type_embeddings", types, inputs.types, hidden)?;
        sum = graph.node("embeddings/types", "Add", &[&sum, &rows], &[]);
    }
    let rows = encoder::embedding(graph, "embeddings.position_embeddings", positions, places, hidden)?;
    let sum = graph.node("embeddings/positions", "Add", &[&sum, &rows], &[]);
    let state = encoder::layer_norm(graph, "embeddings.LayerNorm", &sum, hidden, sizes.epsilon)?;
    let bias = encoder::mask_bias(graph, &inputs.attention_mask);
    Ok((encoder::layers(graph, sizes, &NAMES, "encoder.layer", state, &bias)?, hidden))
}
