//! Attention to an encoder's states: keys and values that are computed once, and what a decoder does with them.

use crate::graph::{
    attention,
    builder::{Builder, Length, Value},
    onnx::DataType,
};

const BATCH: Length<'static> = Length::Symbol("batch");
const ENCODED: Length<'static> = Length::Symbol("encoder_sequence");

/// The heads of attention to an encoder.
#[derive(Clone, Copy)]
pub(super) struct Cross {
    pub(super) heads: usize,
    pub(super) size: usize,
    /// What scores are divided by; none for T5, which does not scale them.
    pub(super) divisor: Option<f32>,
}

impl Cross {
    /// Names and shapes of a layer's key and value.
    fn names(self, layer: usize) -> [(String, [Length<'static>; 4]); 2] {
        let (heads, size) = (Length::Fixed(self.heads), Length::Fixed(self.size));
        [
            (format!("cross.{layer}.key"), [BATCH, heads, size, ENCODED]),
            (format!("cross.{layer}.value"), [BATCH, heads, ENCODED, size]),
        ]
    }

    /// Gives a layer's key and value, projected as `[batch, encoder_sequence, heads × size]`, as outputs.
    pub(super) fn give(self, graph: &mut Builder, layer: usize, projected: [Value; 2]) {
        let orders: [&[i64]; 2] = [&[0, 2, 3, 1], &[0, 2, 1, 3]];
        for ((states, order), (name, shape)) in projected.iter().zip(orders).zip(self.names(layer)) {
            let heads = attention::split(graph, &name, states, self.heads, self.size);
            let heads = attention::transpose(graph, &name, &heads, order);
            graph.output_of(&name, heads, DataType::Float, &shape);
        }
    }

    /// The mask of the encoder's tokens, as an input, and what it adds to scores: `[batch, 1, 1, encoder_sequence]`.
    pub(super) fn mask(graph: &mut Builder) -> Value {
        let mask = graph.input("encoder_attention_mask", DataType::Int32, &[BATCH, ENCODED]);
        attention::mask_bias(graph, &mask)
    }

    /// What queries `[batch, sequence, heads × size]` find in a layer's key and value, which are inputs.
    pub(super) fn attend(self, graph: &mut Builder, scope: &str, layer: usize, query: &Value, mask: &Value) -> Value {
        let [key, value] = self.names(layer).map(|(name, shape)| graph.input(&name, DataType::Float, &shape));
        let query = attention::split(graph, &format!("{scope}/query"), query, self.heads, self.size);
        let query = attention::transpose(graph, &format!("{scope}/query"), &query, &[0, 2, 1, 3]);
        let scores = graph.node(&format!("{scope}/scores"), "MatMul", &[&query, &key], &[]);
        attention::context(graph, scope, scores, self.divisor, mask, &value, self.heads * self.size)
    }
}
