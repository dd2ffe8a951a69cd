//! T5 (Raffel et al. 2020), FLAN-T5 and mT5: no positions but a learned bias for distances, scores that are not scaled.

use crate::graph::{
    Architecture, Config, Error,
    activation::Activation,
    architectures::{T5 as Encoder, t5_feed_forward},
    builder::{Builder, Value},
    encoder,
    generation::{
        Generation, GenerationOptions,
        attention::{Attention, cached_size},
        head::Head,
        norm::Norm,
        tokens::Tokens,
    },
    onnx::DataType,
};

use super::{EncoderDecoder, Seen, cross::Cross, positions::distance_bias};

pub(super) struct T5;

struct Sizes {
    hidden: usize,
    wide: usize,
    layers: usize,
    heads: usize,
    size: usize,
    norm: Norm,
    activation: Activation,
    gated: bool,
}

impl Sizes {
    fn read(config: &Config) -> Result<Self, Error> {
        let (heads, size) = (config.count("num_heads")?, config.count("d_kv")?);
        let possible = heads.checked_mul(size).is_some_and(|width| width <= i32::MAX as usize);
        if !possible {
            return Err(config.wrong("d_kv", "the numbers of one head"));
        }
        let layers = match config.get("num_decoder_layers") {
            None => config.layers("num_layers")?,
            Some(_) => config.layers("num_decoder_layers")?,
        };
        let (activation, gated) = t5_feed_forward(config)?;
        let epsilon = config.number("layer_norm_epsilon", 1e-6)?;
        let norm = Norm::Rms { epsilon, shifted: false };
        let (hidden, wide) = (config.count("d_model")?, config.count("d_ff")?);
        Ok(Self { hidden, wide, layers, heads, size, norm, activation, gated })
    }

    fn cross(&self) -> Cross {
        Cross { heads: self.heads, size: self.size, divisor: None }
    }

    /// The norm of this name of a sum, and the sum.
    fn next(&self, graph: &mut Builder, name: &str, state: &Value, added: &Value) -> Result<(Value, Value), Error> {
        self.norm.of_sum(graph, name, [state, added], self.hidden)
    }

    fn feed_forward(&self, graph: &mut Builder, module: &str, normal: &Value) -> Result<Value, Error> {
        let name = |part: &str| format!("{module}.{part}");
        let first = name(if self.gated { "wi_0" } else { "wi" });
        let inner = encoder::linear_with(graph, &first, normal, self.hidden, self.wide, false)?;
        let mut inner = self.activation.add_to(graph, &first, &inner);
        if self.gated {
            let linear = encoder::linear_with(graph, &name("wi_1"), normal, self.hidden, self.wide, false)?;
            inner = graph.node(&format!("{first}/gated"), "Mul", &[&inner, &linear], &[]);
        }
        encoder::linear_with(graph, &name("wo"), &inner, self.wide, self.hidden, false)
    }
}

impl EncoderDecoder for T5 {
    fn model_types(&self) -> &'static [&'static str] {
        &["t5", "mt5"]
    }

    fn encoder(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        Encoder.add_to(graph, config)
    }

    fn cross(&self, graph: &mut Builder<'_>, config: &Config, states: &Value) -> Result<Seen, Error> {
        let sizes = Sizes::read(config)?;
        let width = sizes.heads * sizes.size;
        for layer in 0..sizes.layers {
            let mut part = |part: &str| {
                let name = format!("decoder.block.{layer}.layer.1.EncDecAttention.{part}");
                encoder::linear_with(graph, &name, states, sizes.hidden, width, false)
            };
            let projected = [part("k")?, part("v")?];
            sizes.cross().give(graph, layer, projected);
        }
        let (hidden, heads, size) = (sizes.hidden, sizes.heads, sizes.size);
        Ok(Seen { hidden, heads, size, encoder_context: None, key_positions: true })
    }

    fn decoder(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error> {
        let sizes = Sizes::read(config)?;
        let Sizes { hidden, heads, size, .. } = sizes;
        let (width, vocabulary) = (heads * size, config.count("vocab_size")?);
        let tokens = Tokens::new(graph, options);
        let table = if graph.has_weight("shared.weight") { "shared" } else { "decoder.embed_tokens" };
        let mut state = encoder::embedding(graph, table, &tokens.input_ids, vocabulary, hidden)?;
        let mask = Cross::mask(graph);
        let bias = distance_bias(graph, config, &tokens, heads)?;
        let attention = Attention {
            heads,
            keys: heads,
            size,
            scale: 1.0,
            softcap: None,
            window: None,
            turn: None,
            bias: Some(&bias),
        };
        let name = "decoder.block.0.layer.0.layer_norm";
        let mut normal = sizes.norm.of(graph, name, &state, hidden)?;
        for layer in 0..sizes.layers {
            let module = |name: &str| format!("decoder.block.{layer}.layer.{name}");
            let mut part = |part: &str| {
                let name = module(&format!("0.SelfAttention.{part}"));
                encoder::linear_with(graph, &name, &normal, hidden, width, false)
            };
            let projected = [part("q")?, part("k")?, part("v")?];
            let context = attention.apart(graph, &module("0.SelfAttention"), &tokens, layer, projected, None)?;
            let output = encoder::linear_with(graph, &module("0.SelfAttention.o"), &context, width, hidden, false)?;
            (normal, state) = sizes.next(graph, &module("1.layer_norm"), &state, &output)?;

            let name = module("1.EncDecAttention");
            let query = encoder::linear_with(graph, &format!("{name}.q"), &normal, hidden, width, false)?;
            let context = sizes.cross().attend(graph, &name, layer, &query, &mask);
            let output = encoder::linear_with(graph, &format!("{name}.o"), &context, width, hidden, false)?;
            (normal, state) = sizes.next(graph, &module("2.layer_norm"), &state, &output)?;

            let output = sizes.feed_forward(graph, &module("2.DenseReluDense"), &normal)?;
            let next = match layer + 1 < sizes.layers {
                true => format!("decoder.block.{}.layer.0.layer_norm", layer + 1),
                false => "decoder.final_layer_norm".to_owned(),
            };
            (normal, state) = sizes.next(graph, &next, &state, &output)?;
        }
        let tied = config.flag("tie_word_embeddings", true)?;
        if tied {
            let scale = graph.float((hidden as f32).powf(-0.5));
            normal = graph.node("logits/scaled", "Mul", &[&normal, &scale], &[]);
        }
        let module = if tied { table } else { "lm_head" };
        let head = Head { module, hidden, vocabulary, bias: None, softcap: None };
        head.add_to(graph, &tokens, options.logits, &normal)?;
        Ok(Generation {
            layers: sizes.layers,
            key_heads: heads,
            head_size: cached_size(size),
            cache_dtype: DataType::Float,
            // Distances have no bound; memory does.
            context: options.room(usize::MAX),
            trained_context: options.room(usize::MAX),
            vocabulary,
            windows: vec![None; sizes.layers],
        })
    }
}
