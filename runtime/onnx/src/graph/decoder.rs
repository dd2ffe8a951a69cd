//! Layers of Llama's kind, as nodes: norms of root mean squares before each part,
//! rotary positions, keys that several heads share, gated feed-forward parts.
//!
//! No cache: every token is computed, as embeddings need it.

use super::{
    Error,
    activation::Activation,
    attention::Heads,
    builder::{Builder, Value},
    encoder,
};

/// What the layers of a model have in common.
pub(super) struct Decoder {
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
    /// Of queries, keys and values.
    pub(super) input_bias: bool,
    /// Of attention's output.
    pub(super) output_bias: bool,
    pub(super) mlp_bias: bool,
    /// Whether each head's queries and keys have norms.
    pub(super) head_norms: bool,
    /// Gemma's way: norms also after each part, and weights of norms kept less 1.
    pub(super) gemma: bool,
}

impl Decoder {
    /// The norm of this name.
    pub(super) fn norm(&self, graph: &mut Builder, name: &str, input: &Value) -> Result<Value, Error> {
        encoder::rms_norm(graph, name, input, self.hidden, self.epsilon, self.gemma)
    }

    /// A layer: `[batch, sequence, hidden]` in and out.
    pub(super) fn layer(&self, graph: &mut Builder, heads: &Heads, layer: usize, state: Value) -> Result<Value, Error> {
        let module = |name: &str| format!("layers.{layer}.{name}");
        let normal = self.norm(graph, &module("input_layernorm"), &state)?;
        let mut output = self.attention(graph, heads, &module("self_attn"), &normal)?;
        if self.gemma {
            output = self.norm(graph, &module("post_attention_layernorm"), &output)?;
        }
        let state = graph.node(&module("self_attn/residual"), "Add", &[&state, &output], &[]);

        let before = if self.gemma { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
        let normal = self.norm(graph, &module(before), &state)?;
        let mut output = self.feed_forward(graph, &module("mlp"), &normal)?;
        if self.gemma {
            output = self.norm(graph, &module("post_feedforward_layernorm"), &output)?;
        }
        Ok(graph.node(&module("mlp/residual"), "Add", &[&state, &output], &[]))
    }

    fn attention(&self, graph: &mut Builder, heads: &Heads, name: &str, normal: &Value) -> Result<Value, Error> {
        let (width, narrow) = (heads.count * heads.size, heads.keys * heads.size);
        let mut input = |part: &str, outputs: usize| {
            encoder::linear_with(graph, &format!("{name}.{part}"), normal, self.hidden, outputs, self.input_bias)
        };
        let [query, key, value] = [input("q_proj", width)?, input("k_proj", narrow)?, input("v_proj", narrow)?];
        let norm = |graph: &mut Builder, part: &str, states: &Value| {
            let name = format!("{name}.{part}");
            encoder::rms_norm(graph, &name, states, heads.size, self.epsilon, self.gemma)
        };
        let of_query = |graph: &mut Builder, _: &str, states: Value| norm(graph, "q_norm", &states);
        let of_key = |graph: &mut Builder, _: &str, states: Value| norm(graph, "k_norm", &states);
        let norms = self.head_norms.then_some([&of_query as _, &of_key as _]);
        let context = heads.attend(graph, name, [&query, &key, &value], norms)?;
        encoder::linear_with(graph, &format!("{name}.o_proj"), &context, width, self.hidden, self.output_bias)
    }

    fn feed_forward(&self, graph: &mut Builder, name: &str, normal: &Value) -> Result<Value, Error> {
        let Self { hidden, intermediate, activation, mlp_bias, .. } = *self;
        let scope = format!("{name}.gate_proj");
        let gate = encoder::linear_with(graph, &scope, normal, hidden, intermediate, mlp_bias)?;
        let gate = activation.add_to(graph, &scope, &gate);
        let up = encoder::linear_with(graph, &format!("{name}.up_proj"), normal, hidden, intermediate, mlp_bias)?;
        let wide = graph.node(&format!("{scope}/gated"), "Mul", &[&gate, &up], &[]);
        encoder::linear_with(graph, &format!("{name}.down_proj"), &wide, intermediate, hidden, mlp_bias)
    }
}
