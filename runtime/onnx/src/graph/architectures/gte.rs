//! Alibaba's GTE v1.5 and multilingual (Zhang et al. 2024), published as `new` with
//! code of its own, `gte` in transformers: rotary positions, gated feed-forward.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention::{self, Heads},
    builder::{Builder, Value},
    encoder,
    rotary::{Frequencies, Rotary},
    rotary_encoder::{FeedForward, Layers, Projections},
};

use super::{Architecture, bert::Inputs};

pub(super) struct Gte;

impl Architecture for Gte {
    fn model_types(&self) -> &'static [&'static str] {
        &["new", "gte"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "new.", "gte."], "embeddings.word_embeddings.weight")
    }

    fn knows_own_code(&self, _: &Config) -> bool {
        true
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        config.word("position_embedding_type", &["rope"])?;
        config.word("layer_norm_type", &["layer_norm"])?;
        config.refuse("logn_attention_scale")?;
        config.refuse("logn_attention_clip1")?;
        let (hidden, heads) = config.heads("hidden_size", "num_attention_heads")?;
        let size = hidden / heads;
        let layers = config.layers("num_hidden_layers")?;
        // Those of the published checkpoints, or of one that transformers has renamed.
        let renamed = graph.has_weight("layers.0.self_attn.q_proj.weight");
        let packed = graph.has_weight("encoder.layer.0.attention.qkv_proj.weight");
        let (prefix, projections, modules, feed_forward) = if renamed {
            (
                "layers",
                Projections::Apart(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
                ["self_attn.o_proj", "post_attention_layernorm", "post_mlp_layernorm"],
                FeedForward::Gated { gate: "mlp.gate_proj", up: "mlp.up_proj" },
            )
        } else {
            let apart = ["attention.q_proj", "attention.k_proj", "attention.v_proj"];
            (
                "encoder.layer",
                if packed || config.flag("pack_qkv", true)? {
                    Projections::Packed("attention.qkv_proj")
                } else {
                    Projections::Apart(apart)
                },
                ["attention.o_proj", "attn_ln", "mlp_ln"],
                FeedForward::Packed("mlp.up_gate_proj"),
            )
        };
        let [attention_output, attention_norm, output_norm] = modules;
        let layer = Layers {
            prefix,
            projections,
            attention_output,
            attention_norm,
            feed_forward,
            down: "mlp.down_proj",
            output_norm,
            hidden,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("layer_norm_eps", 1e-12)?,
            activation: Activation::read(config, "hidden_act")?,
            attention_bias: true,
            up_bias: false,
            down_bias: true,
        };
        let inputs = Inputs::with_types(graph, config.length("type_vocab_size", Some(1))?)?;
        let sum = inputs.embed(graph, config.count("vocab_size")?, hidden)?;
        let state = encoder::layer_norm(graph, "embeddings.LayerNorm", &sum, hidden, layer.epsilon)?;
        let positions = encoder::range(graph, "position_ids", &inputs.input_ids);
        // Alibaba's code has another default than transformers'.
        let theta = if config.model_type() == "gte" { 160_000.0 } else { 10_000.0 };
        let frequencies = Frequencies::read(config, size, theta)?;
        let places = config.count("max_position_embeddings")?;
        let rotary = Rotary::new(graph, "rotary_emb", &positions, &frequencies, places);
        let bias = attention::mask_bias(graph, &inputs.attention_mask);
        let divisor = Some((size as f32).sqrt());
        let heads = Heads { count: heads, keys: heads, size, divisor, rotary: Some(&rotary), bias: &bias };
        Ok((layer.add_to(graph, &heads, layers, state)?, hidden))
    }
}
