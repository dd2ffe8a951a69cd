//! ALBERT (Lan et al. 2020): BERT whose layers share weights, by groups, and whose
//! rows of words are narrower than its layers.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention,
    builder::{Builder, Value},
    config::LAYERS_MAX,
    encoder::{self, Names, Sizes},
    onnx::DataType,
};

use super::{Architecture, bert};

pub(super) struct Albert;

const NAMES: Names = Names {
    query: "attention.query",
    key: "attention.key",
    value: "attention.value",
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    intermediate: "ffn",
    output: "ffn_output",
    output_norm: "full_layer_layer_norm",
};

impl Architecture for Albert {
    fn model_types(&self) -> &'static [&'static str] {
        &["albert"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "albert."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = Sizes::read(config, 1e-12, Activation::GeluTanh)?;
        let Sizes { hidden, .. } = sizes;
        config.word("position_embedding_type", &["absolute"])?;
        let narrow = config.length("embedding_size", Some(128))?;
        let groups = config.length("num_hidden_groups", Some(1))?;
        let inner = config.length("inner_group_num", Some(1))?;
        if !(1..=sizes.layers).contains(&groups) {
            return Err(config.wrong("num_hidden_groups", "a number from 1 to num_hidden_layers"));
        }
        if !(1..=LAYERS_MAX / sizes.layers).contains(&inner) {
            return Err(config.wrong("inner_group_num", format_args!("1 or more, for {LAYERS_MAX} layers in all")));
        }
        let inputs = bert::Inputs::new(graph, config)?;
        let positions = encoder::range(graph, "embeddings.position_ids", &inputs.input_ids);
        let rows = graph.cast("embeddings.position_ids/int32", &positions, DataType::Int32);
        let state = bert::embed(graph, config, narrow, sizes.epsilon, &inputs, Some(&rows))?;
        let mut state = encoder::linear(graph, "encoder.embedding_hidden_mapping_in", &state, narrow, hidden)?;
        let bias = attention::mask_bias(graph, &inputs.attention_mask);
        for layer in 0..sizes.layers {
            // As transformers has it, also where groups do not divide layers.
            let group = (layer as f64 / (sizes.layers as f64 / groups as f64)) as usize;
            for number in 0..inner {
                graph.begin_pass(format!("encoder.layer.{layer}.{number}/"));
                let module = format!("encoder.albert_layer_groups.{group}.albert_layers.{number}");
                state = encoder::layer(graph, &sizes, &NAMES, &module, state, &bias)?;
            }
        }
        graph.begin_pass(String::new());
        Ok((state, hidden))
    }
}
