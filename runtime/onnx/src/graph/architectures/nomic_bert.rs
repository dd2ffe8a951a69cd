//! NomicBERT (Nussbaum et al. 2024), with the config of its own code (`n_embd`) or
//! of transformers' (`hidden_size`): rotary positions and gated feed-forward parts.

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

pub(super) struct NomicBert;

/// The settings, from either kind of config.
struct Settings {
    layers: usize,
    hidden: usize,
    heads: usize,
    intermediate: usize,
    places: usize,
    epsilon: f32,
    activation: Activation,
    gated: bool,
    attention_bias: bool,
    up_bias: bool,
    down_bias: bool,
    frequencies: Frequencies,
}

impl Architecture for NomicBert {
    fn model_types(&self) -> &'static [&'static str] {
        &["nomic_bert"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "bert.", "nomic_bert."], "embeddings.word_embeddings.weight")
    }

    fn knows_own_code(&self, _: &Config) -> bool {
        true
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let settings =
            if config.get("n_embd").is_some() { Settings::own(config)? } else { Settings::transformers(config)? };
        let Settings { hidden, heads, intermediate, epsilon, activation, .. } = settings;
        // Those of the published checkpoints, or of one that transformers has renamed.
        let renamed = graph.has_weight("layers.0.self_attn.q_proj.weight");
        let gated =
            |gate, up, plain| if settings.gated { FeedForward::Gated { gate, up } } else { FeedForward::Plain(plain) };
        let (norm, prefix, projections, modules, feed_forward) = if renamed {
            (
                "embeddings.LayerNorm",
                "layers",
                Projections::Apart(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
                ["self_attn.o_proj", "post_attention_layernorm", "mlp.down_proj", "post_mlp_layernorm"],
                gated("mlp.gate_proj", "mlp.up_proj", "mlp.up_proj"),
            )
        } else {
            (
                "emb_ln",
                "encoder.layers",
                Projections::Packed("attn.Wqkv"),
                ["attn.out_proj", "norm1", "mlp.fc2", "norm2"],
                gated("mlp.fc12", "mlp.fc11", "mlp.fc1"),
            )
        };
        let [attention_output, attention_norm, down, output_norm] = modules;

        let inputs = Inputs::new(graph, config)?;
        let sum = inputs.embed(graph, config.count("vocab_size")?, hidden)?;
        let state = encoder::layer_norm(graph, norm, &sum, hidden, epsilon)?;
        let positions = encoder::range(graph, "position_ids", &inputs.input_ids);
        let rotary = Rotary::new(graph, "rotary_emb", &positions, &settings.frequencies, settings.places);
        let bias = attention::mask_bias(graph, &inputs.attention_mask);
        let size = hidden / heads;
        let divisor = Some((size as f32).sqrt());
        let heads = Heads { count: heads, keys: heads, size, divisor, rotary: Some(&rotary), bias: &bias };
        let layers = Layers {
            prefix,
            projections,
            attention_output,
            attention_norm,
            feed_forward,
            down,
            output_norm,
            hidden,
            intermediate,
            epsilon,
            activation,
            attention_bias: settings.attention_bias,
            up_bias: settings.up_bias,
            down_bias: settings.down_bias,
        };
        Ok((layers.add_to(graph, &heads, settings.layers, state)?, hidden))
    }
}

impl Settings {
    /// Of Nomic's code, which names them as GPT-2's.
    fn own(config: &Config) -> Result<Self, Error> {
        for field in ["prenorm", "parallel_block", "use_rms_norm", "causal", "rotary_emb_interleaved"] {
            config.refuse(field)?;
        }
        for field in ["rotary_emb_scale_base", "num_experts", "moe_every_n_layers", "num_shared_experts"] {
            if config.get(field).is_some_and(|value| value.as_f64() != Some(0.0)) {
                return Err(config.wrong(field, "absent"));
            }
        }
        if config.real("rotary_emb_fraction", 1.0).ok() != Some(1.0) {
            return Err(config.wrong("rotary_emb_fraction", "1"));
        }
        let (hidden, heads) = config.heads("n_embd", "n_head")?;
        let gate = match config.text("activation_function")? {
            Some("swiglu") => Some(Activation::Silu),
            Some("geglu") => Some(Activation::Gelu),
            Some("glu") => Some(Activation::Sigmoid),
            _ => None,
        };
        let activation = match gate {
            Some(activation) => activation,
            None => Activation::read(config, "activation_function")?,
        };
        // Frequencies depend on the length beyond what the model was trained for, where they are scaled.
        let mut places = config.count("n_positions")?;
        if config.get("rotary_scaling_factor").is_some() {
            places = places.min(config.length("max_trained_positions", Some(2048))?);
        }
        Ok(Self {
            layers: config.layers("n_layer")?,
            hidden,
            heads,
            intermediate: config.count("n_inner")?,
            places,
            epsilon: config.number("layer_norm_epsilon", 1e-5)?,
            activation,
            gated: gate.is_some(),
            attention_bias: config.flag("qkv_proj_bias", true)?,
            up_bias: config.flag("mlp_fc1_bias", true)?,
            down_bias: config.flag("mlp_fc2_bias", true)?,
            frequencies: Frequencies::unscaled(
                config,
                "n_embd",
                hidden / heads,
                config.real("rotary_emb_base", 10_000.0)?,
            )?,
        })
    }

    fn transformers(config: &Config) -> Result<Self, Error> {
        let (hidden, heads) = config.heads("hidden_size", "num_attention_heads")?;
        if config.length("head_dim", Some(hidden / heads))? != hidden / heads {
            return Err(config.wrong("head_dim", "hidden_size / num_attention_heads"));
        }
        Ok(Self {
            layers: config.layers("num_hidden_layers")?,
            hidden,
            heads,
            intermediate: config.count("intermediate_size")?,
            places: config.count("max_position_embeddings")?,
            epsilon: config.number("layer_norm_eps", 1e-12)?,
            activation: Activation::read_or(config, "hidden_act", Activation::Silu)?,
            gated: true,
            attention_bias: false,
            up_bias: false,
            down_bias: false,
            frequencies: Frequencies::read(config, hidden / heads, 1000.0)?,
        })
    }
}
