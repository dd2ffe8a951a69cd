//! Phi-3 (Abdin et al. 2024): as Llama, with queries, keys and values in one weight and gate and up in another, and
//! rotary positions that may turn a part of each head.

use crate::graph::{
    Config, Error,
    activation::Activation,
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

pub(super) struct Phi3;

impl Causal for Phi3 {
    fn model_types(&self) -> &'static [&'static str] {
        &["phi3"]
    }

    fn add_to(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error> {
        let sizes = llama::sizes(config, options)?;
        let prefix = prefix(graph, "model.", "embed_tokens.weight");
        let layers = Layers {
            sizes: &sizes,
            prefix,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("rms_norm_eps", 1e-5)?,
            activation: Activation::read_or(config, "hidden_act", Activation::Silu)?,
            projections: Projections::Packed,
            input_bias: false,
            output_bias: false,
            mlp_bias: false,
            head_norms: false,
            gemma: false,
            shifted: false,
            scale: 1.0 / (sizes.size as f32).sqrt(),
            softcap: None,
        };
        // Its other scaling, longrope, has other frequencies for texts longer than the first models were trained for.
        for field in ["rope_scaling", "rope_parameters"] {
            let kind = config.object(field)?.and_then(|it| it.get("rope_type").or(it.get("type")).cloned());
            if kind.as_ref().and_then(|kind| kind.as_str()).is_some_and(|kind| kind != "default") {
                return Err(config.wrong(field, "null (longrope has no builder)"));
            }
        }
        let share = config.real("partial_rotary_factor", 1.0)?;
        let turned = (sizes.size as f64 * share) as usize;
        if turned == 0 || turned > sizes.size {
            return Err(config.wrong("partial_rotary_factor", "a share of a head's numbers, up to 1"));
        }
        let theta = config.real("rope_theta", 10_000.0)?;
        let frequencies = Frequencies::unscaled(config, "partial_rotary_factor", turned, theta)?;
        let window = match config.length("sliding_window", Some(0))? {
            0 => None,
            window => Some(window),
        };

        let tokens = Tokens::new(graph, options);
        let table = format!("{prefix}embed_tokens");
        let embedded = encoder::embedding(graph, &table, &tokens.input_ids, sizes.vocabulary, sizes.hidden)?;
        let turn = Turn::new(graph, "rotary_emb", &tokens, &frequencies, sizes.size, Pairs::Halves, sizes.context);
        let each = (0..sizes.layers).map(|_| Layer { turn: &turn, window }).collect::<Vec<_>>();
        let module = if config.flag("tie_word_embeddings", false)? { &table } else { "lm_head" };
        let head = Head { module, hidden: sizes.hidden, vocabulary: sizes.vocabulary, bias: None, softcap: None };
        layers.add_to(graph, &tokens, &each, embedded, &head, options)?;
        Ok(sizes.generation(vec![window; sizes.layers]))
    }
}
