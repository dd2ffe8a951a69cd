//! The text part of Gemma 3 (Gemma Team 2025), and EmbeddingGemma, whose tokens see
//! those after them too (`use_bidirectional_attention`).

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention::{self, Heads, Span},
    builder::{Builder, Value},
    decoder::Decoder,
    encoder,
    rotary::{Frequencies, Rotary},
};

use super::{Architecture, layer_types, llama::key_heads};

pub(super) struct Gemma3;

impl Architecture for Gemma3 {
    fn model_types(&self) -> &'static [&'static str] {
        &["gemma3_text"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "model."], "embed_tokens.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let (hidden, count) = (config.count("hidden_size")?, config.count("num_attention_heads")?);
        let (keys, size) = (key_heads(config, count)?, config.length("head_dim", Some(256))?);
        if config.get("attn_logit_softcapping").is_some() {
            return Err(config.wrong("attn_logit_softcapping", "null"));
        }
        let bias = config.flag("attention_bias", false)?;
        let decoder = Decoder {
            hidden,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("rms_norm_eps", 1e-6)?,
            activation: Activation::read_or(config, "hidden_activation", Activation::GeluTanh)?,
            input_bias: bias,
            output_bias: bias,
            mlp_bias: false,
            head_norms: true,
            gemma: true,
        };
        let layers = config.layers("num_hidden_layers")?;
        let slides = layer_types(config, layers, "sliding_window_pattern", 6, |layer, every| (layer + 1) % every != 0)?;
        let window = config.length("sliding_window", Some(4096))?;
        if window == 0 {
            return Err(config.wrong("sliding_window", "a positive integer"));
        }
        let places = config.count("max_position_embeddings")?;
        let divisor = Some(config.number("query_pre_attn_scalar", 256.0)?.sqrt());
        let spans = match config.flag("use_bidirectional_attention", false)? {
            // A window of so many tokens, of which half are on either side.
            true => [Span::Full, Span::Within(window / 2)],
            false => [Span::Causal, Span::CausalWithin(window - 1)],
        };
        let frequencies = [frequencies(config, false, size)?, frequencies(config, true, size)?];

        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let rows = encoder::embedding(graph, "embed_tokens", &input_ids, config.count("vocab_size")?, hidden)?;
        let scale = graph.float((hidden as f32).sqrt());
        let mut state = graph.node("embed_tokens", "Mul", &[&rows, &scale], &[]);
        let positions = encoder::range(graph, "position_ids", &input_ids);
        let distances = attention::distances(graph, &positions);
        let mask = attention::mask_bias(graph, &attention_mask);
        let mut kinds = [None, None];
        for (kind, name) in ["full_attention", "sliding_attention"].into_iter().enumerate() {
            if slides.contains(&(kind == 1)) {
                let scope = format!("rotary_emb/{name}");
                let rotary = Rotary::new(graph, &scope, &positions, &frequencies[kind], places);
                kinds[kind] = Some((rotary, spans[kind].bias(graph, &mask, &distances)));
            }
        }
        for (layer, slides) in slides.into_iter().enumerate() {
            let Some((rotary, bias)) = &kinds[usize::from(slides)] else { continue };
            let heads = Heads { count, keys, size, divisor, rotary: Some(rotary), bias };
            state = decoder.layer(graph, &heads, layer, state)?;
        }
        Ok((decoder.norm(graph, "norm", &state)?, hidden))
    }
}

/// Those of one kind of layer. `rope_scaling` of older configs is that of layers
/// that see all.
pub(in crate::graph) fn frequencies(config: &Config, slides: bool, size: usize) -> Result<Frequencies, Error> {
    let (kind, field, theta) = match slides {
        true => ("sliding_attention", "rope_local_base_freq", 10_000.0),
        false => ("full_attention", "rope_theta", 1_000_000.0),
    };
    let theta = config.real(field, theta)?;
    let inner = match config.object("rope_parameters")? {
        Some(outer) => outer.object(kind)?,
        None if slides => None,
        None => config.object("rope_scaling")?,
    };
    Frequencies::scaled(config, "rope_parameters", &inner.unwrap_or_default(), size, theta)
}
