//! Gemma 2 and the text part of Gemma 3 (Gemma Team 2024, 2025): scaled embeddings, norms around each part, windows in
//! some layers, and soft bounds of scores and logits.

use crate::graph::{
    Config, Error,
    activation::Activation,
    architectures::{gemma3_frequencies, layer_types},
    builder::Builder,
    encoder,
    generation::{Generation, GenerationOptions, attention::Turn, head::Head, tokens::Tokens},
    rotary::{Frequencies, Pairs},
};

use super::{
    Causal,
    layers::{Layer, Layers, Projections},
    llama, prefix,
};

pub(super) struct Gemma;

impl Causal for Gemma {
    fn model_types(&self) -> &'static [&'static str] {
        &["gemma2", "gemma3_text"]
    }

    fn add_to(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error> {
        let third = config.model_type() == "gemma3_text";
        if config.flag("use_bidirectional_attention", false)? {
            return Err(config.wrong("use_bidirectional_attention", "false, for a model that generates text"));
        }
        let sizes = llama::sizes(config, options)?;
        let softcap = |field: &'static str, default: Option<f32>| match (config.get(field), default) {
            (None, Some(default)) if !config.contains(field) => Ok(Some(default)),
            (None, _) => Ok(None),
            (Some(_), _) => config.number(field, 1.0).map(Some),
        };
        let scores = softcap("attn_logit_softcapping", (!third).then_some(50.0))?;
        let logits = softcap("final_logit_softcapping", (!third).then_some(30.0))?;
        let prefix = prefix(graph, "model.", "embed_tokens.weight");
        let bias = config.flag("attention_bias", false)?;
        let layers = Layers {
            sizes: &sizes,
            prefix,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("rms_norm_eps", 1e-6)?,
            activation: Activation::read_or(config, "hidden_activation", Activation::GeluTanh)?,
            projections: Projections::Apart,
            input_bias: bias,
            output_bias: bias,
            mlp_bias: false,
            head_norms: third,
            gemma: true,
            // A file of llama.cpp has them whole, and the config that is made of it says so.
            shifted: !config.flag("norm_weights_whole", false)?,
            scale: 1.0 / config.number("query_pre_attn_scalar", 256.0)?.sqrt(),
            softcap: scores,
        };
        let (field, every) = ("sliding_window_pattern", if third { 6 } else { 2 });
        let slides = layer_types(config, sizes.layers, field, every, |layer, every| (layer + 1) % every != 0)?;
        let window = config.length("sliding_window", Some(4096))?;
        if window == 0 {
            return Err(config.wrong("sliding_window", "a positive integer"));
        }

        let tokens = Tokens::new(graph, options);
        let table = format!("{prefix}embed_tokens");
        let rows = encoder::embedding(graph, &table, &tokens.input_ids, sizes.vocabulary, sizes.hidden)?;
        let scale = graph.float((sizes.hidden as f32).sqrt());
        let embedded = graph.node(&table, "Mul", &[&rows, &scale], &[]);
        let mut turn = |scope: &str, frequencies: &Frequencies| {
            Turn::new(graph, scope, &tokens, frequencies, sizes.size, Pairs::Halves, sizes.context)
        };
        let mut turns = Vec::new();
        match third {
            true => {
                for kind in ["full_attention", "sliding_attention"] {
                    let frequencies = gemma3_frequencies(config, kind == "sliding_attention", sizes.size)?;
                    turns.push(turn(&format!("rotary_emb/{kind}"), &frequencies));
                }
            }
            // One for both kinds of layers.
            false => turns.push(turn("rotary_emb", &Frequencies::read(config, sizes.size, 10_000.0)?)),
        }
        let windows = slides.iter().map(|slides| slides.then_some(window)).collect::<Vec<_>>();
        let each = slides.iter().zip(&windows);
        let each = each.map(|(slides, window)| Layer { turn: &turns[usize::from(third && *slides)], window: *window });
        let module = if config.flag("tie_word_embeddings", true)? { &table } else { "lm_head" };
        let head = Head { module, hidden: sizes.hidden, vocabulary: sizes.vocabulary, bias: None, softcap: logits };
        layers.add_to(graph, &tokens, &each.collect::<Vec<_>>(), embedded, &head, options)?;
        Ok(sizes.generation(windows))
    }
}
