//! BART (Lewis et al. 2020) and Marian (Junczys-Dowmunt et al. 2018): norms after sums, learned positions or sines.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention,
    builder::{Attribute, Builder, Value},
    encoder::{self, Names, Sizes},
    generation::{
        Generation, GenerationOptions,
        attention::{Attention, cached_size},
        head::Head,
        tokens::Tokens,
    },
    onnx::DataType,
};

use super::{EncoderDecoder, Seen, cross::Cross};

pub(super) struct Bart;

/// Added to the variance in every layer norm: transformers leaves PyTorch's default.
const EPSILON: f32 = 1e-5;
/// BART's table of positions begins with two rows that are not used.
const OFFSET: usize = 2;

/// Positions of a table of sines in the graph: eight times what published models have.
const SINES_MAX: usize = 4096;

/// The modules of an encoder's layer.
const NAMES: Names = Names {
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    attention_output: "self_attn.out_proj",
    attention_norm: "self_attn_layer_norm",
    intermediate: "fc1",
    output: "fc2",
    output_norm: "final_layer_norm",
};

/// Encoder or decoder.
#[derive(Clone, Copy)]
struct Side {
    name: &'static str,
    layers: &'static str,
    heads: &'static str,
    wide: &'static str,
}

const ENCODER: Side =
    Side { name: "encoder", layers: "encoder_layers", heads: "encoder_attention_heads", wide: "encoder_ffn_dim" };
const DECODER: Side =
    Side { name: "decoder", layers: "decoder_layers", heads: "decoder_attention_heads", wide: "decoder_ffn_dim" };

impl Side {
    fn sizes(self, config: &Config) -> Result<Sizes, Error> {
        let (hidden, heads) = config.heads("d_model", self.heads)?;
        Ok(Sizes {
            layers: config.layers(self.layers)?,
            heads,
            hidden,
            intermediate: config.count(self.wide)?,
            epsilon: EPSILON,
            activation: Activation::read_or(config, "activation_function", Activation::Gelu)?,
        })
    }

    /// Rows of tokens and of their positions, `[batch, sequence]` in single precision, summed.
    fn embed(
        self,
        graph: &mut Builder,
        config: &Config,
        ids: &Value,
        positions: &Value,
        places: usize,
    ) -> Result<Value, Error> {
        let (hidden, words) = (config.count("d_model")?, config.count("vocab_size")?);
        let mut state = encoder::embedding(graph, "model.shared", ids, words, hidden)?;
        if config.flag("scale_embedding", false)? {
            let scale = graph.float((hidden as f32).sqrt());
            state = graph.node("model.shared/scaled", "Mul", &[&state, &scale], &[]);
        }
        let name = format!("model.{}.embed_positions", self.name);
        let trained = config.count("max_position_embeddings")?;
        let marian = is_marian(config);
        if marian && places > SINES_MAX {
            return Err(config.wrong("max_position_embeddings", format_args!("up to {SINES_MAX}")));
        }
        let rows = match marian {
            true => {
                let index = graph.cast(&format!("{name}/index"), positions, DataType::Int32);
                // Three axes: a table of two is taken for weights, which may lose bits.
                let table = graph.floats(&format!("{name}/sines"), &[places, 1, hidden], &sines(places, hidden));
                let rows = graph.node(&name, "Gather", &[&table, &index], &[("axis", Attribute::Int(0))]);
                let axis = graph.int64s(&[2]);
                graph.node(&name, "Squeeze", &[&rows, &axis], &[])
            }
            false => {
                let offset = graph.float(OFFSET as f32);
                let index = graph.node(&format!("{name}/index"), "Add", &[positions, &offset], &[]);
                let index = graph.cast(&format!("{name}/index"), &index, DataType::Int32);
                encoder::embedding(graph, &name, &index, trained + OFFSET, hidden)?
            }
        };
        let state = graph.node(&format!("{name}/sum"), "Add", &[&state, &rows], &[]);
        if marian {
            return Ok(state);
        }
        encoder::layer_norm(graph, &format!("model.{}.layernorm_embedding", self.name), &state, hidden, EPSILON)
    }
}

fn is_marian(config: &Config) -> bool {
    config.model_type() == "marian"
}

/// Sines of each position, then cosines: transformers' `MarianSinusoidalPositionalEmbedding`.
fn sines(places: usize, hidden: usize) -> Vec<f32> {
    let angle = |place: usize, pair: usize| place as f64 / 10_000f64.powf(2.0 * pair as f64 / hidden as f64);
    let row = |place: usize| {
        let sines = (0..hidden.div_ceil(2)).map(move |pair| angle(place, pair).sin() as f32);
        sines.chain((0..hidden / 2).map(move |pair| angle(place, pair).cos() as f32))
    };
    (0..places).flat_map(row).collect()
}

/// Settings that would change what is computed.
fn refuse(config: &Config) -> Result<(), Error> {
    for field in ["normalize_before", "add_final_layer_norm", "normalize_embedding"] {
        let usual = field == "normalize_embedding" && !is_marian(config);
        if config.flag(field, usual)? != usual {
            return Err(config.wrong(field, usual));
        }
    }
    let words = config.count("vocab_size")?;
    let own = config.length("decoder_vocab_size", Some(words))? != words;
    if own || !config.flag("share_encoder_decoder_embeddings", true)? {
        return Err(config.wrong("share_encoder_decoder_embeddings", "true, and one vocabulary"));
    }
    if !config.flag("tie_word_embeddings", true)? {
        return Err(config.wrong("tie_word_embeddings", "true"));
    }
    Ok(())
}

impl EncoderDecoder for Bart {
    fn model_types(&self) -> &'static [&'static str] {
        &["bart", "marian"]
    }

    fn encoder(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        refuse(config)?;
        let sizes = ENCODER.sizes(config)?;
        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let positions = encoder::range(graph, "position_ids", &input_ids);
        let places = config.count("max_position_embeddings")?;
        let state = ENCODER.embed(graph, config, &input_ids, &positions, places)?;
        let mask = attention::mask_bias(graph, &attention_mask);
        Ok((encoder::layers(graph, &sizes, &NAMES, "model.encoder.layers", state, &mask)?, sizes.hidden))
    }

    fn cross(&self, graph: &mut Builder<'_>, config: &Config, states: &Value) -> Result<Seen, Error> {
        let sizes = DECODER.sizes(config)?;
        let (hidden, heads, size) = (sizes.hidden, sizes.heads, sizes.hidden / sizes.heads);
        let cross = Cross { heads, size, divisor: None };
        for layer in 0..sizes.layers {
            let mut part = |part: &str| {
                let name = format!("model.decoder.layers.{layer}.encoder_attn.{part}");
                encoder::linear(graph, &name, states, hidden, hidden)
            };
            let projected = [part("k_proj")?, part("v_proj")?];
            cross.give(graph, layer, projected);
        }
        let encoder_context = Some(config.count("max_position_embeddings")?);
        Ok(Seen { hidden, heads, size, encoder_context, key_positions: false })
    }

    fn decoder(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error> {
        let sizes = DECODER.sizes(config)?;
        let (hidden, heads, size) = (sizes.hidden, sizes.heads, sizes.hidden / sizes.heads);
        let (vocabulary, trained) = (config.count("vocab_size")?, config.count("max_position_embeddings")?);
        let context = options.room(trained);
        let tokens = Tokens::new(graph, options);
        let positions = tokens.positions(graph);
        let mut state = DECODER.embed(graph, config, &tokens.input_ids, &positions, context)?;
        let mask = Cross::mask(graph);
        let root = (size as f32).sqrt();
        let cross = Cross { heads, size, divisor: Some(root) };
        let attention = Attention {
            heads,
            keys: heads,
            size,
            scale: 1.0 / root,
            softcap: None,
            window: None,
            turn: None,
            bias: None,
        };
        for layer in 0..sizes.layers {
            let name = format!("model.decoder.layers.{layer}");
            let module = |part: &str| format!("{name}.{part}");
            let mut part =
                |part: &str| encoder::linear(graph, &module(&format!("self_attn.{part}")), &state, hidden, hidden);
            let projected = [part("q_proj")?, part("k_proj")?, part("v_proj")?];
            let context = attention.apart(graph, &module("self_attn"), &tokens, layer, projected, None)?;
            state = encoder::after_attention(graph, &sizes, &NAMES, &name, state, &context)?;

            let scope = module("encoder_attn");
            let query = encoder::linear(graph, &module("encoder_attn.q_proj"), &state, hidden, hidden)?;
            let context = cross.attend(graph, &scope, layer, &query, &mask);
            let output = encoder::linear(graph, &module("encoder_attn.out_proj"), &context, hidden, hidden)?;
            let sum = graph.node(&format!("{scope}/residual"), "Add", &[&output, &state], &[]);
            state = encoder::layer_norm(graph, &module("encoder_attn_layer_norm"), &sum, hidden, EPSILON)?;

            state = encoder::feed_forward(graph, &sizes, &NAMES, &name, state)?;
        }
        // A row of its own, `[1, vocabulary]`; the first checkpoints have none.
        let bias = graph.has_weight("final_logits_bias").then_some("final_logits_bias");
        let head = Head { module: "model.shared", hidden, vocabulary, bias, softcap: None };
        head.add_to(graph, &tokens, options.logits, &state)?;
        Ok(Generation {
            layers: sizes.layers,
            key_heads: heads,
            head_size: cached_size(size),
            cache_dtype: DataType::Float,
            context,
            trained_context: trained,
            vocabulary,
            windows: vec![None; sizes.layers],
        })
    }
}
