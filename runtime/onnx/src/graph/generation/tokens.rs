//! The tokens of one run of a decoder: the graph's inputs, and what follows from them.
//!
//! Positions are worked out in single precision, which has every integer up to 2²⁴, and no shape is computed: so all
//! nodes have kernels on WebGPU and WebNN.

use std::cell::OnceCell;

use crate::graph::{
    attention,
    builder::{Attribute, Builder, Length, Value},
    encoder,
    generation::GenerationOptions,
    onnx::DataType,
};

const BATCH: Length<'static> = Length::Symbol("batch");

/// The inputs of a decoder, beside its cache.
pub(in crate::graph) struct Tokens {
    /// `[batch, sequence]`, int32.
    pub(in crate::graph) input_ids: Value,
    /// The tokens that each row has with those of this run, less 1: `[batch]`, int32.
    pub(in crate::graph) seqlens_k: Value,
    /// The longest row's tokens with those of this run, or the room of a static cache: a scalar, int32.
    pub(in crate::graph) total: Value,
    /// The room of a static cache that is the same for every run.
    pub(in crate::graph) capacity: Option<usize>,
    /// 0, 1, 2, … in each row, `[batch, sequence]`.
    range: Value,
    /// How many tokens a row of this run has, padding among them: `[batch, 1]`.
    count: Value,
    /// `seqlens_k` as `[batch, 1]` in single precision.
    last: Value,
    positions: OnceCell<Value>,
}

impl Tokens {
    pub(in crate::graph) fn new(graph: &mut Builder, options: &GenerationOptions) -> Self {
        let input_ids = graph.input("input_ids", DataType::Int32, &[BATCH, Length::Symbol("sequence")]);
        let seqlens_k = graph.input("seqlens_k", DataType::Int32, &[BATCH]);
        let capacity = options.capacity;
        let total = match capacity {
            None => graph.input("total_sequence_length", DataType::Int32, &[]),
            Some(capacity) => graph.int32(i32::try_from(capacity).unwrap_or(i32::MAX)),
        };
        let scope = "tokens";
        let (one, zero, axis) = (graph.float(1.0), graph.float(0.0), graph.int64s(&[1]));
        let range = encoder::range(graph, "position_ids", &input_ids);
        let zeros = graph.node(&format!("{scope}/zeros"), "Mul", &[&range, &zero], &[]);
        let ones = graph.node(&format!("{scope}/ones"), "Add", &[&zeros, &one], &[]);
        let count = graph.node(scope, "ReduceSum", &[&ones, &axis], &[("keepdims", Attribute::Int(1))]);
        let last = graph.cast("seqlens_k", &seqlens_k, DataType::Float);
        let last = graph.node("seqlens_k", "Unsqueeze", &[&last, &axis], &[]);
        Self { input_ids, seqlens_k, total, capacity, range, count, last, positions: OnceCell::new() }
    }

    /// The position of each token, `[batch, sequence]` in single precision: as `GroupQueryAttention` counts them.
    pub(in crate::graph) fn positions(&self, graph: &mut Builder) -> Value {
        self.positions.get_or_init(|| self.add_positions(graph)).clone()
    }

    fn add_positions(&self, graph: &mut Builder) -> Value {
        let (scope, one) = ("position_ids/past", graph.float(1.0));
        let all = graph.node(&format!("{scope}/all"), "Add", &[&self.last, &one], &[]);
        let past = graph.node(scope, "Sub", &[&all, &self.count], &[]);
        // Below 0 where a row of the prompt is padded.
        let past = graph.node(scope, "Relu", &[&past], &[]);
        graph.node("position_ids/all", "Add", &[&self.range, &past], &[])
    }

    /// Of states `[batch, sequence, width]` those of each row's last token: `[batch, 1, width]`.
    pub(in crate::graph) fn last_of(&self, graph: &mut Builder, states: &Value, width: usize) -> Value {
        let (scope, one, axis) = ("last_token", graph.float(1.0), graph.int32(0));
        let most = graph.node(&format!("{scope}/most"), "Sub", &[&self.count, &one], &[]);
        let place = graph.node(scope, "Min", &[&self.last, &most], &[]);
        let exclusive = [("exclusive", Attribute::Int(1))];
        let start = graph.node(&format!("{scope}/row"), "CumSum", &[&self.count, &axis], &exclusive);
        let index = graph.node(scope, "Add", &[&start, &place], &[]);
        let index = graph.cast(scope, &index, DataType::Int32);
        let shape = graph.int64s(&[-1, width as i64]);
        let rows = graph.node(&format!("{scope}/rows"), "Reshape", &[states, &shape], &[]);
        graph.node(scope, "Gather", &[&rows, &index], &[("axis", Attribute::Int(0))])
    }

    /// A length of all tokens so far, named `name` where it changes.
    pub(in crate::graph) fn length<'n>(&self, name: &'n str) -> Length<'n> {
        self.capacity.map_or(Length::Symbol(name), Length::Fixed)
    }

    /// What the next run is given where it takes one token more of each row, so that a loop may leave it on the GPU.
    pub(in crate::graph) fn add_next(&self, graph: &mut Builder) {
        let one = graph.int32(1);
        let seqlens = graph.node("seqlens_k/next", "Add", &[&self.seqlens_k, &one], &[]);
        graph.output_of("next_seqlens_k", seqlens, DataType::Int32, &[BATCH]);
        if self.capacity.is_none() {
            let total = graph.node("total_sequence_length/next", "Add", &[&self.total, &one], &[]);
            graph.output_of("next_total_sequence_length", total, DataType::Int32, &[]);
        }
    }
}

/// Heads side by side, `[batch, sequence, heads × size]`, of `[batch, sequence, heads, size]`.
pub(in crate::graph) fn merge(graph: &mut Builder, scope: &str, states: &Value, heads: usize, size: usize) -> Value {
    let shape = graph.int64s(&[0, 0, (heads * size) as i64]);
    graph.node(&format!("{scope}/merged"), "Reshape", &[states, &shape], &[])
}

/// Heads apart, `[batch, sequence, heads, size]`.
pub(in crate::graph) fn split(graph: &mut Builder, scope: &str, states: &Value, heads: usize, size: usize) -> Value {
    attention::split(graph, scope, states, heads, size)
}
