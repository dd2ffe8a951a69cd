//! Encoders like BERT with rotary positions and gated feed-forward parts, as
//! nodes. What their weights are called is the architecture's to know.

use super::{
    Error,
    activation::Activation,
    attention::Heads,
    builder::{Builder, Value},
    encoder,
};

/// Where a layer's queries, keys and values are.
pub(super) enum Projections {
    /// Below each other in one weight.
    Packed(&'static str),
    /// Each in a weight of its own.
    Apart([&'static str; 3]),
}

/// The feed-forward part.
pub(super) enum FeedForward {
    /// `down(act(gate) × up)`, gate and up in weights of their own.
    Gated { gate: &'static str, up: &'static str },
    /// The same, up and gate below each other in one weight.
    Packed(&'static str),
    /// `down(act(up))`.
    Plain(&'static str),
}

/// A layer's modules and sizes.
pub(super) struct Layers {
    /// What comes before a layer's number.
    pub(super) prefix: &'static str,
    pub(super) projections: Projections,
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) feed_forward: FeedForward,
    pub(super) down: &'static str,
    pub(super) output_norm: &'static str,
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
    /// Of queries, keys and values, and of attention's output.
    pub(super) attention_bias: bool,
    /// Of gate and up.
    pub(super) up_bias: bool,
    pub(super) down_bias: bool,
}

impl Layers {
    /// So many of them: `[batch, sequence, hidden]` in and out.
    pub(super) fn add_to(
        &self,
        graph: &mut Builder,
        heads: &Heads,
        count: usize,
        input: Value,
    ) -> Result<Value, Error> {
        (0..count).try_fold(input, |state, layer| self.layer(graph, heads, layer, state))
    }

    fn layer(&self, graph: &mut Builder, heads: &Heads, layer: usize, state: Value) -> Result<Value, Error> {
        let Self { hidden, intermediate, epsilon, .. } = *self;
        let module = |name: &str| format!("{}.{layer}.{name}", self.prefix);
        let mut part = |number: usize| match self.projections {
            Projections::Packed(name) => {
                let rows = number * hidden..(number + 1) * hidden;
                encoder::linear_rows(graph, &module(name), &state, hidden, 3 * hidden, self.attention_bias, rows)
            }
            Projections::Apart(names) => {
                encoder::linear_with(graph, &module(names[number]), &state, hidden, hidden, self.attention_bias)
            }
        };
        let [query, key, value] = [part(0)?, part(1)?, part(2)?];
        let context = heads.attend(graph, &module("attention"), [&query, &key, &value], None)?;
        let name = module(self.attention_output);
        let output = encoder::linear_with(graph, &name, &context, hidden, hidden, self.attention_bias)?;
        let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
        let state = encoder::layer_norm(graph, &module(self.attention_norm), &sum, hidden, epsilon)?;

        let wide = self.wide(graph, &module, &state)?;
        let name = module(self.down);
        let output = encoder::linear_with(graph, &name, &wide, intermediate, hidden, self.down_bias)?;
        let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
        encoder::layer_norm(graph, &module(self.output_norm), &sum, hidden, epsilon)
    }

    fn wide(&self, graph: &mut Builder, module: &dyn Fn(&str) -> String, state: &Value) -> Result<Value, Error> {
        let Self { hidden, intermediate, activation, up_bias, .. } = *self;
        let (gate, up, scope) = match self.feed_forward {
            FeedForward::Plain(up) => {
                let wide = encoder::linear_with(graph, &module(up), state, hidden, intermediate, up_bias)?;
                return Ok(activation.add_to(graph, &module(up), &wide));
            }
            FeedForward::Gated { gate, up } => {
                let up = encoder::linear_with(graph, &module(up), state, hidden, intermediate, up_bias)?;
                let scope = module(gate);
                (encoder::linear_with(graph, &scope, state, hidden, intermediate, up_bias)?, up, scope)
            }
            FeedForward::Packed(name) => {
                let (scope, rows) = (module(name), 2 * intermediate);
                let up = encoder::linear_rows(graph, &scope, state, hidden, rows, up_bias, 0..intermediate)?;
                let below = intermediate..rows;
                (encoder::linear_rows(graph, &scope, state, hidden, rows, up_bias, below)?, up, scope)
            }
        };
        let gate = activation.add_to(graph, &scope, &gate);
        Ok(graph.node(&format!("{scope}/gated"), "Mul", &[&gate, &up], &[]))
    }
}
