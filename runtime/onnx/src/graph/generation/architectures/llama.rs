//! Llama (Touvron et al. 2023), Mistral (Jiang et al. 2023), Qwen2 and Qwen3 (Yang et al. 2024, 2025), as decoders.

use crate::graph::{
    Config, Error,
    activation::Activation,
    architectures::{self, key_heads},
    builder::Builder,
    encoder,
    generation::{Generation, GenerationOptions, attention::Turn, head::Head, tokens::Tokens},
    rotary::{Frequencies, Pairs},
};

use super::{
    Causal, Sizes,
    layers::{Layer, Layers, Projections},
    prefix,
};

pub(super) struct Llama;

/// More numbers than any head has.
const SIZE_MAX: usize = 1 << 10;

impl Causal for Llama {
    fn model_types(&self) -> &'static [&'static str] {
        &["llama", "mistral", "qwen2", "qwen3"]
    }

    fn add_to(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error> {
        if !config.flag("is_causal", true)? {
            return Err(config.wrong("is_causal", "true, for a model that generates text"));
        }
        let family = config.model_type();
        let (qwen2, llama) = (family == "qwen2", family == "llama");
        let attention_bias = family != "mistral" && !qwen2 && config.flag("attention_bias", false)?;
        let sizes = sizes(config, options)?;
        let prefix = prefix(graph, "model.", "embed_tokens.weight");
        let layers = Layers {
            sizes: &sizes,
            prefix,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("rms_norm_eps", 1e-6)?,
            activation: Activation::read_or(config, "hidden_act", Activation::Silu)?,
            projections: Projections::Apart,
            input_bias: attention_bias || qwen2,
            output_bias: attention_bias,
            mlp_bias: llama && config.flag("mlp_bias", false)?,
            head_norms: family == "qwen3",
            gemma: false,
            shifted: false,
            scale: 1.0 / (sizes.size as f32).sqrt(),
            softcap: None,
        };
        let windows = windows(config, sizes.layers)?;
        let frequencies = Frequencies::read(config, sizes.size, 10_000.0)?;

        let tokens = Tokens::new(graph, options);
        let table = format!("{prefix}embed_tokens");
        let embedded = encoder::embedding(graph, &table, &tokens.input_ids, sizes.vocabulary, sizes.hidden)?;
        let pairs = pairs(config)?;
        let turn = Turn::new(graph, "rotary_emb", &tokens, &frequencies, sizes.size, pairs, sizes.context);
        let each = windows.iter().map(|window| Layer { turn: &turn, window: *window }).collect::<Vec<_>>();
        let module = if config.flag("tie_word_embeddings", false)? { &table } else { "lm_head" };
        let head = Head { module, hidden: sizes.hidden, vocabulary: sizes.vocabulary, bias: None, softcap: None };
        layers.add_to(graph, &tokens, &each, embedded, &head, options)?;
        Ok(sizes.generation(windows))
    }
}

/// Which numbers of a head are turned together. transformers knows halves alone; a file of llama.cpp has its rows in the
/// other order, and the config that is made of it says so.
fn pairs(config: &Config) -> Result<Pairs, Error> {
    Ok(if config.flag("rope_interleaved", false)? { Pairs::Neighbours } else { Pairs::Halves })
}

/// Sizes by the names that transformers' configs have since Llama.
pub(super) fn sizes(config: &Config, options: &GenerationOptions) -> Result<Sizes, Error> {
    let (hidden, heads) = (config.count("hidden_size")?, config.count("num_attention_heads")?);
    let size = match config.length("head_dim", Some(0))? {
        // What transformers takes where a config does not say.
        0 if config.model_type() == "qwen3" && !config.contains("head_dim") => 128,
        0 if config.model_type().starts_with("gemma") => 256,
        0 => config.heads("hidden_size", "num_attention_heads")?.0 / heads,
        size => size,
    };
    if !(1..=SIZE_MAX).contains(&size) {
        return Err(config.wrong("head_dim", format_args!("an integer from 1 to {SIZE_MAX}")));
    }
    let trained = config.count("max_position_embeddings")?;
    Ok(Sizes {
        hidden,
        layers: config.layers("num_hidden_layers")?,
        heads,
        keys: key_heads(config, heads)?,
        size,
        vocabulary: config.count("vocab_size")?,
        trained,
        context: options.room(trained),
    })
}

/// How many tokens each layer's tokens see.
fn windows(config: &Config, layers: usize) -> Result<Vec<Option<usize>>, Error> {
    let slides = match config.model_type() {
        // All or none; null is none.
        "mistral" => {
            let slides = config.get("sliding_window").is_some() || !config.contains("sliding_window");
            vec![slides; layers]
        }
        "llama" => vec![false; layers],
        _ if !config.flag("use_sliding_window", false)? => vec![false; layers],
        _ => architectures::layer_types(config, layers, "max_window_layers", 28, |layer, first| layer >= first)?,
    };
    let window = config.length("sliding_window", Some(4096))?;
    if slides.contains(&true) && window == 0 {
        return Err(config.wrong("sliding_window", "a positive integer"));
    }
    Ok(slides.into_iter().map(|slides| slides.then_some(window)).collect())
}
