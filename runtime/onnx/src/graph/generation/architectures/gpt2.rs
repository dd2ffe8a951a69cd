//! GPT-2 (Radford et al. 2019): learned positions, layer norms with biases, and weights that are kept as `[in, out]`.

use crate::graph::{
    Config, Error,
    activation::Activation,
    builder::{Builder, Value},
    encoder,
    generation::{Generation, GenerationOptions, attention::Attention, head::Head, norm::Norm, tokens::Tokens},
    onnx::DataType,
};

use super::{Causal, Sizes, prefix};

pub(super) struct Gpt2;

impl Causal for Gpt2 {
    fn model_types(&self) -> &'static [&'static str] {
        &["gpt2"]
    }

    fn add_to(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error> {
        config.refuse("add_cross_attention")?;
        let (hidden, heads) = config.heads("n_embd", "n_head")?;
        let trained = match config.get("n_positions") {
            None => config.length("n_ctx", Some(1024))?,
            Some(_) => config.count("n_positions")?,
        };
        let sizes = Sizes {
            hidden,
            layers: config.layers("n_layer")?,
            heads,
            keys: heads,
            size: hidden / heads,
            vocabulary: config.count("vocab_size")?,
            trained,
            context: options.room(trained),
        };
        let wide = match config.length("n_inner", Some(0))? {
            0 => 4 * hidden,
            wide => wide,
        };
        let norm = Norm::Layer { epsilon: config.number("layer_norm_epsilon", 1e-5)? };
        let activation = Activation::read_or(config, "activation_function", Activation::GeluTanh)?;
        let scaled = config.flag("scale_attn_weights", true)?;
        let by_layer = config.flag("scale_attn_by_inverse_layer_idx", false)?;
        // A file of llama.cpp has weights as [out, in], and the config that is made of it says so.
        let linear = match config.flag("weights_transposed", false)? {
            true => encoder::linear,
            false => linear,
        };
        let prefix = prefix(graph, "transformer.", "wte.weight");

        let tokens = Tokens::new(graph, options);
        let table = format!("{prefix}wte");
        let rows = encoder::embedding(graph, &table, &tokens.input_ids, sizes.vocabulary, hidden)?;
        let positions = tokens.positions(graph);
        let positions = graph.cast("position_ids/int32", &positions, DataType::Int32);
        let places = encoder::embedding(graph, &format!("{prefix}wpe"), &positions, trained, hidden)?;
        let mut state = graph.node("embeddings", "Add", &[&rows, &places], &[]);
        let module = |layer: usize, name: &str| format!("{prefix}h.{layer}.{name}");
        let mut normal = norm.of(graph, &module(0, "ln_1"), &state, hidden)?;
        for layer in 0..sizes.layers {
            let module = |name: &str| module(layer, name);
            let scale = if scaled { 1.0 / (sizes.size as f32).sqrt() } else { 1.0 };
            let scale = if by_layer { scale / (layer + 1) as f32 } else { scale };
            let attention = Attention {
                heads,
                keys: heads,
                size: sizes.size,
                scale,
                softcap: None,
                window: None,
                turn: None,
                bias: None,
            };
            let name = module("attn");
            let weight = format!("{name}.c_attn");
            let projected = linear(graph, &weight, &normal, hidden, 3 * hidden)?;
            let context = match attention.takes_packed() {
                true => attention.packed(graph, &name, &tokens, layer, &projected),
                false => {
                    let parts = thirds(graph, &weight, &projected, hidden);
                    attention.apart(graph, &name, &tokens, layer, parts, None)?
                }
            };
            let output = linear(graph, &module("attn.c_proj"), &context, hidden, hidden)?;
            (normal, state) = norm.of_sum(graph, &module("ln_2"), [&state, &output], hidden)?;
            let inner = linear(graph, &module("mlp.c_fc"), &normal, hidden, wide)?;
            let inner = activation.add_to(graph, &module("mlp.c_fc"), &inner);
            let output = linear(graph, &module("mlp.c_proj"), &inner, wide, hidden)?;
            let next = match layer + 1 < sizes.layers {
                true => format!("{prefix}h.{}.ln_1", layer + 1),
                false => format!("{prefix}ln_f"),
            };
            (normal, state) = norm.of_sum(graph, &next, [&state, &output], hidden)?;
        }
        let module = if config.flag("tie_word_embeddings", true)? { &table } else { "lm_head" };
        let head = Head { module, hidden, vocabulary: sizes.vocabulary, bias: None, softcap: None };
        head.add_to(graph, &tokens, options.logits, &normal)?;
        Ok(sizes.generation(vec![None; sizes.layers]))
    }
}

/// `input × weight + bias`, of a weight that is kept as `[in, out]`.
fn linear(graph: &mut Builder, name: &str, input: &Value, inputs: usize, outputs: usize) -> Result<Value, Error> {
    let weight = graph.weight(&format!("{name}.weight"), &[inputs, outputs])?;
    let bias = graph.weight(&format!("{name}.bias"), &[outputs])?;
    let product = graph.node(name, "MatMul", &[input, &weight], &[]);
    Ok(graph.node(name, "Add", &[&product, &bias], &[]))
}

/// Queries, keys and values that stand side by side.
fn thirds(graph: &mut Builder, name: &str, projected: &Value, width: usize) -> [Value; 3] {
    let axis = graph.int64s(&[2]);
    [0, 1, 2].map(|part| {
        let (start, end) = (graph.int64s(&[(part * width) as i64]), graph.int64s(&[((part + 1) * width) as i64]));
        graph.node(&format!("{name}/{part}"), "Slice", &[projected, &start, &end, &axis], &[])
    })
}
