//! Jina's embeddings v2 (Günther et al. 2023), published as `bert` with code of
//! their own: ALiBi instead of positions, a gated feed-forward part, and in the
//! model for code norms of queries and keys.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention::{self, Heads},
    builder::{Builder, Value},
    encoder::{self, Sizes},
};

use super::inputs::{Inputs, NAMES};

pub(super) fn add_to(graph: &mut Builder<'_>, config: &Config, sizes: &Sizes) -> Result<(Value, usize), Error> {
    let Sizes { hidden, epsilon, heads, .. } = *sizes;
    let inputs = Inputs::new(graph, config)?;
    let sum = inputs.embed(graph, config.count("vocab_size")?, hidden)?;
    let mut state = encoder::layer_norm(graph, "embeddings.LayerNorm", &sum, hidden, epsilon)?;
    let positions = encoder::range(graph, "embeddings.position_ids", &inputs.input_ids);
    let distances = attention::distances(graph, &positions);
    let mask = attention::mask_bias(graph, &inputs.attention_mask);
    let bias = attention::alibi_bias(graph, &mask, &distances, heads);
    let size = hidden / heads;
    let divisor = Some((size as f32).sqrt());
    let heads = Heads { count: heads, keys: heads, size, divisor, rotary: None, bias: &bias };
    // Of the model for code.
    let normed = graph.has_weight("encoder.layer.0.attention.self.layer_norm_q.weight");
    let feed_forward = if normed { code_feed_forward } else { feed_forward };
    for layer in 0..sizes.layers {
        let layer = format!("encoder.layer.{layer}");
        let module = |name: &str| format!("{layer}.{name}");
        let mut query = encoder::linear(graph, &module(NAMES.query), &state, hidden, hidden)?;
        let mut key = encoder::linear(graph, &module(NAMES.key), &state, hidden, hidden)?;
        let value = encoder::linear(graph, &module(NAMES.value), &state, hidden, hidden)?;
        if normed {
            query = encoder::layer_norm(graph, &module("attention.self.layer_norm_q"), &query, hidden, epsilon)?;
            key = encoder::layer_norm(graph, &module("attention.self.layer_norm_k"), &key, hidden, epsilon)?;
        }
        let context = heads.attend(graph, &module("attention"), [&query, &key, &value], None)?;
        let attended = encoder::after_attention(graph, sizes, &NAMES, &layer, state.clone(), &context)?;
        state = if normed {
            let name = module("layer_norm_1");
            let sum = graph.node(&format!("{name}/residual"), "Add", &[&attended, &state], &[]);
            encoder::layer_norm(graph, &name, &sum, hidden, epsilon)?
        } else {
            attended
        };
        state = feed_forward(graph, config, sizes, &layer, state)?;
    }
    Ok((state, hidden))
}

/// `norm(wo(act(gate) × up) + state)`, gate and up below each other in one weight.
fn feed_forward(
    graph: &mut Builder<'_>,
    config: &Config,
    sizes: &Sizes,
    layer: &str,
    state: Value,
) -> Result<Value, Error> {
    let Sizes { hidden, intermediate, epsilon, .. } = *sizes;
    let activation = match config.word("feed_forward_type", &["original", "geglu", "reglu"])? {
        "geglu" => Activation::Gelu,
        "reglu" => Activation::Relu,
        _ => return encoder::feed_forward(graph, sizes, &NAMES, layer, state),
    };
    let name = format!("{layer}.mlp.gated_layers");
    let rows = 2 * intermediate;
    let gate = encoder::linear_rows(graph, &name, &state, hidden, rows, false, 0..intermediate)?;
    let up = encoder::linear_rows(graph, &name, &state, hidden, rows, false, intermediate..rows)?;
    let gate = activation.add_to(graph, &name, &gate);
    let wide = graph.node(&name, "Mul", &[&gate, &up], &[]);
    let name = format!("{layer}.mlp.wo");
    let output = encoder::linear(graph, &name, &wide, intermediate, hidden)?;
    let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
    encoder::layer_norm(graph, &format!("{layer}.mlp.layernorm"), &sum, hidden, epsilon)
}

/// The same of the model for code: other names, and the gate comes second.
fn code_feed_forward(
    graph: &mut Builder<'_>,
    _: &Config,
    sizes: &Sizes,
    layer: &str,
    state: Value,
) -> Result<Value, Error> {
    let Sizes { hidden, intermediate, epsilon, .. } = *sizes;
    let name = format!("{layer}.mlp.up_gated_layer");
    let rows = 2 * intermediate;
    let up = encoder::linear_rows(graph, &name, &state, hidden, rows, false, 0..intermediate)?;
    let gate = encoder::linear_rows(graph, &name, &state, hidden, rows, false, intermediate..rows)?;
    let gate = sizes.activation.add_to(graph, &name, &gate);
    let wide = graph.node(&name, "Mul", &[&up, &gate], &[]);
    let name = format!("{layer}.mlp.down_layer");
    let output = encoder::linear(graph, &name, &wide, intermediate, hidden)?;
    let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
    encoder::layer_norm(graph, &format!("{layer}.layer_norm_2"), &sum, hidden, epsilon)
}
