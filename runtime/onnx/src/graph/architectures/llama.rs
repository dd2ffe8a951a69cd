//! Llama (Touvron et al. 2023), Mistral (Jiang et al. 2023), Qwen2 and Qwen3 (Yang
//! et al. 2024, 2025), as encoders: the last hidden state of every token, without a
//! cache. A token sees those before it, unless the config says `is_causal: false`,
//! as Alibaba's embeddings of Qwen2 do.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention::{self, Heads, Span},
    builder::{Builder, Value},
    decoder::Decoder,
    encoder,
    rotary::{Frequencies, Rotary},
};

use super::{Architecture, layer_types};

pub(super) struct Llama;

impl Architecture for Llama {
    fn model_types(&self) -> &'static [&'static str] {
        &["llama", "mistral", "qwen2", "qwen3"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "model."], "embed_tokens.weight")
    }

    // Own code is there to let tokens see those after them; then the config says so.
    fn knows_own_code(&self, config: &Config) -> bool {
        config.contains("is_causal")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let family = config.model_type();
        let (hidden, count) = (config.count("hidden_size")?, config.count("num_attention_heads")?);
        let keys = key_heads(config, count)?;
        let size = match config.length("head_dim", Some(0))? {
            0 if family == "qwen3" && !config.contains("head_dim") => 128,
            0 => config.heads("hidden_size", "num_attention_heads")?.0 / count,
            size => size,
        };
        let (qwen2, llama) = (family == "qwen2", family == "llama");
        let attention_bias = family != "mistral" && !qwen2 && config.flag("attention_bias", false)?;
        let decoder = Decoder {
            hidden,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("rms_norm_eps", 1e-6)?,
            activation: Activation::read_or(config, "hidden_act", Activation::Silu)?,
            input_bias: attention_bias || qwen2,
            output_bias: attention_bias,
            mlp_bias: llama && config.flag("mlp_bias", false)?,
            head_norms: family == "qwen3",
            gemma: false,
        };
        let layers = config.layers("num_hidden_layers")?;
        let spans = spans(config, layers)?;
        let frequencies = Frequencies::read(config, size, 10_000.0)?;
        let places = config.count("max_position_embeddings")?;

        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let mut state = encoder::embedding(graph, "embed_tokens", &input_ids, config.count("vocab_size")?, hidden)?;
        let positions = encoder::range(graph, "position_ids", &input_ids);
        let rotary = Rotary::new(graph, "rotary_emb", &positions, &frequencies, places);
        let distances = attention::distances(graph, &positions);
        let mask = attention::mask_bias(graph, &attention_mask);
        let mut biases = Vec::<(Span, Value)>::new();
        for (layer, span) in spans.into_iter().enumerate() {
            if !biases.iter().any(|(known, _)| *known == span) {
                biases.push((span, span.bias(graph, &mask, &distances)));
            }
            let Some((_, bias)) = biases.iter().find(|(known, _)| *known == span) else { continue };
            let divisor = Some((size as f32).sqrt());
            let heads = Heads { count, keys, size, divisor, rotary: Some(&rotary), bias };
            state = decoder.layer(graph, &heads, layer, state)?;
        }
        Ok((decoder.norm(graph, "norm", &state)?, hidden))
    }
}

/// How many keys and values there are for so many heads.
pub(in crate::graph) fn key_heads(config: &Config, heads: usize) -> Result<usize, Error> {
    let keys = config.length("num_key_value_heads", Some(heads))?;
    if keys == 0 || !heads.is_multiple_of(keys) {
        return Err(config.wrong("num_key_value_heads", format_args!("a divisor of num_attention_heads ({heads})")));
    }
    Ok(keys)
}

/// What the tokens of each layer see.
fn spans(config: &Config, layers: usize) -> Result<Vec<Span>, Error> {
    let causal = config.flag("is_causal", true)?;
    let slides = match config.model_type() {
        // All or none; null is none.
        "mistral" => {
            let slides = config.get("sliding_window").is_some() || !config.contains("sliding_window");
            vec![slides; layers]
        }
        "llama" => vec![false; layers],
        _ if !config.flag("use_sliding_window", false)? => vec![false; layers],
        _ => layer_types(config, layers, "max_window_layers", 28, |layer, first| layer >= first)?,
    };
    let window = config.length("sliding_window", Some(4096))?;
    if slides.contains(&true) && (window == 0 || !causal) {
        return Err(config.wrong("sliding_window", "a positive integer, and is_causal not false"));
    }
    let span = |slides: bool| match (causal, slides) {
        (false, _) => Span::Full,
        (true, false) => Span::Causal,
        (true, true) => Span::CausalWithin(window - 1),
    };
    Ok(slides.into_iter().map(span).collect())
}
