//! What decoders of Llama's kind share: norms of root mean squares before each part, rotary positions, keys that several
//! heads share, gated feed-forward parts.

use crate::graph::{
    Error,
    activation::Activation,
    builder::{Builder, Value},
    encoder,
    generation::{
        GenerationOptions,
        attention::{Attention, Turn},
        head::Head,
        norm::Norm,
        tokens::Tokens,
    },
};

use super::Sizes;

/// Where queries, keys and values are, or gate and up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Projections {
    /// Each in a weight of its own.
    Apart,
    /// Below each other in one weight.
    Packed,
}

/// What the layers of a model have in common.
pub(super) struct Layers<'a> {
    pub(super) sizes: &'a Sizes,
    /// What comes before the tensors' names, such as `model.`.
    pub(super) prefix: &'a str,
    pub(super) intermediate: usize,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
    pub(super) projections: Projections,
    /// Of queries, keys and values.
    pub(super) input_bias: bool,
    /// Of attention's output.
    pub(super) output_bias: bool,
    pub(super) mlp_bias: bool,
    /// Whether each head's queries and keys have norms.
    pub(super) head_norms: bool,
    /// Gemma's way: norms also after each part.
    pub(super) gemma: bool,
    /// Whether weights of norms are kept less 1.
    pub(super) shifted: bool,
    /// What scores are multiplied with.
    pub(super) scale: f32,
    pub(super) softcap: Option<f32>,
}

/// What differs between layers.
pub(super) struct Layer<'a> {
    pub(super) turn: &'a Turn,
    pub(super) window: Option<usize>,
}

impl Layers<'_> {
    /// The whole model after its embeddings, `[batch, sequence, hidden]`.
    pub(super) fn add_to(
        &self,
        graph: &mut Builder,
        tokens: &Tokens,
        layers: &[Layer],
        embedded: Value,
        head: &Head,
        options: &GenerationOptions,
    ) -> Result<(), Error> {
        let hidden = self.sizes.hidden;
        let norm = Norm::Rms { epsilon: self.epsilon, shifted: self.shifted };
        let module = |layer: usize, name: &str| format!("{}layers.{layer}.{name}", self.prefix);
        let mut state = embedded;
        let mut normal = norm.of(graph, &module(0, "input_layernorm"), &state, hidden)?;
        for (number, layer) in layers.iter().enumerate() {
            let module = |name: &str| module(number, name);
            let mut output = self.attention(graph, tokens, layer, number, &module("self_attn"), &normal)?;
            if self.gemma {
                output = norm.of(graph, &module("post_attention_layernorm"), &output, hidden)?;
            }
            let before = if self.gemma { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
            (normal, state) = norm.of_sum(graph, &module(before), [&state, &output], hidden)?;
            let mut output = self.feed_forward(graph, &module("mlp"), &normal)?;
            if self.gemma {
                output = norm.of(graph, &module("post_feedforward_layernorm"), &output, hidden)?;
            }
            let next = match number + 1 < layers.len() {
                true => format!("{}layers.{}.input_layernorm", self.prefix, number + 1),
                false => format!("{}norm", self.prefix),
            };
            (normal, state) = norm.of_sum(graph, &next, [&state, &output], hidden)?;
        }
        head.add_to(graph, tokens, options.logits, &normal)
    }

    fn attention(
        &self,
        graph: &mut Builder,
        tokens: &Tokens,
        layer: &Layer,
        number: usize,
        name: &str,
        normal: &Value,
    ) -> Result<Value, Error> {
        let Sizes { hidden, heads, keys, size, .. } = *self.sizes;
        let (width, narrow) = (heads * size, keys * size);
        let attention = Attention {
            heads,
            keys,
            size,
            scale: self.scale,
            softcap: self.softcap,
            window: layer.window,
            turn: Some(layer.turn),
            bias: None,
        };
        let packed = format!("{name}.qkv_proj");
        let rows = width + 2 * narrow;
        let context = if self.projections == Projections::Packed && !self.head_norms && attention.takes_packed() {
            let all = encoder::linear_with(graph, &packed, normal, hidden, rows, self.input_bias)?;
            attention.packed(graph, name, tokens, number, &all)
        } else {
            let mut input = |place: usize| {
                let (part, start, outputs) =
                    [("q_proj", 0, width), ("k_proj", width, narrow), ("v_proj", width + narrow, narrow)][place];
                match self.projections {
                    Projections::Apart => {
                        encoder::linear_with(graph, &format!("{name}.{part}"), normal, hidden, outputs, self.input_bias)
                    }
                    Projections::Packed => {
                        let range = start..start + outputs;
                        encoder::linear_rows(graph, &packed, normal, hidden, rows, self.input_bias, range)
                    }
                }
            };
            let projected = [input(0)?, input(1)?, input(2)?];
            let norm = Norm::Rms { epsilon: self.epsilon, shifted: self.shifted };
            let of_query =
                |graph: &mut Builder, _: &str, states: Value| norm.of(graph, &format!("{name}.q_norm"), &states, size);
            let of_key =
                |graph: &mut Builder, _: &str, states: Value| norm.of(graph, &format!("{name}.k_norm"), &states, size);
            let norms = self.head_norms.then_some([&of_query as _, &of_key as _]);
            attention.apart(graph, name, tokens, number, projected, norms)?
        };
        encoder::linear_with(graph, &format!("{name}.o_proj"), &context, width, hidden, self.output_bias)
    }

    fn feed_forward(&self, graph: &mut Builder, name: &str, normal: &Value) -> Result<Value, Error> {
        let (hidden, intermediate, bias) = (self.sizes.hidden, self.intermediate, self.mlp_bias);
        let mut part = |place: usize| match self.projections {
            Projections::Apart => {
                let scope = format!("{name}.{}", ["gate_proj", "up_proj"][place]);
                encoder::linear_with(graph, &scope, normal, hidden, intermediate, bias)
            }
            Projections::Packed => {
                let range = place * intermediate..(place + 1) * intermediate;
                let scope = format!("{name}.gate_up_proj");
                encoder::linear_rows(graph, &scope, normal, hidden, 2 * intermediate, bias, range)
            }
        };
        let [gate, up] = [part(0)?, part(1)?];
        let gate = self.activation.add_to(graph, &format!("{name}.gate_proj"), &gate);
        let wide = graph.node(&format!("{name}/gated"), "Mul", &[&gate, &up], &[]);
        encoder::linear_with(graph, &format!("{name}.down_proj"), &wide, intermediate, hidden, bias)
    }
}
