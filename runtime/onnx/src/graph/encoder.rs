//! The parts that encoders of BERT's family share, as nodes: linear layers,
//! layer norms, masked attention, feed-forward, positions. Which tensor has
//! which name is the architecture's to know.
//!
//! No shape is ever computed in the graph: reshapes have constant shapes (0
//! keeps a dimension), so every node has a kernel on WebGPU and WebNN.

use super::{
    Config, Error,
    builder::{Attribute, Builder, Value},
    onnx::DataType,
};

/// Added to the scores of masked tokens, as BERT has it: far below any score,
/// so that their share is exactly 0, and finite (also in half precision), so
/// that a row of padding alone gives numbers.
const MASKED: f32 = -10_000.0;

/// Sizes of an encoder.
pub(super) struct Sizes {
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    /// Added to the variance in every layer norm.
    pub(super) epsilon: f32,
    pub(super) activation: Activation,
}

/// What a layer's modules are called, from the layer's own name on.
pub(super) struct Names {
    pub(super) query: &'static str,
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) intermediate: &'static str,
    pub(super) output: &'static str,
    pub(super) output_norm: &'static str,
}

/// The non-linearity between the two feed-forward layers.
#[derive(Clone, Copy)]
pub(super) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
    Silu,
}

impl Activation {
    /// Reads it from a setting such as `hidden_act`.
    pub(super) fn read(config: &Config, field: &'static str) -> Result<Self, Error> {
        let words = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish"];
        Ok(match config.word(field, &words)? {
            "gelu_new" | "gelu_pytorch_tanh" => Self::GeluTanh,
            "relu" => Self::Relu,
            "silu" | "swish" => Self::Silu,
            _ => Self::Gelu,
        })
    }

    fn add_to(self, graph: &mut Builder, scope: &str, input: &Value) -> Value {
        match self {
            Self::Gelu => graph.node(scope, "Gelu", &[input], &[]),
            Self::GeluTanh => gelu_tanh(graph, scope, input),
            Self::Relu => graph.node(scope, "Relu", &[input], &[]),
            Self::Silu => {
                let gate = graph.node(&format!("{scope}/silu"), "Sigmoid", &[input], &[]);
                graph.node(&format!("{scope}/silu"), "Mul", &[input, &gate], &[])
            }
        }
    }
}

/// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, written as `x σ(x (a + b x²))`.
/// Not the operator `Gelu` with `approximate`, since WebNN has only the exact
/// function and onnxruntime takes that for both.
fn gelu_tanh(graph: &mut Builder, scope: &str, input: &Value) -> Value {
    let factor = 2.0 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
    let (linear, cubic) = (graph.float(factor), graph.float(factor * 0.044715));
    let square = graph.node(&format!("{scope}/gelu/square"), "Mul", &[input, input], &[]);
    let square = graph.node(&format!("{scope}/gelu/cubic"), "Mul", &[&square, &cubic], &[]);
    let factor = graph.node(&format!("{scope}/gelu/factor"), "Add", &[&square, &linear], &[]);
    let inner = graph.node(&format!("{scope}/gelu/inner"), "Mul", &[input, &factor], &[]);
    let gate = graph.node(&format!("{scope}/gelu"), "Sigmoid", &[&inner], &[]);
    graph.node(&format!("{scope}/gelu"), "Mul", &[input, &gate], &[])
}

/// `input × weightᵀ + bias`. PyTorch keeps a weight as `[out, in]`; runtimes
/// fold the transposition of an initializer when they load the graph.
pub(super) fn linear(
    graph: &mut Builder,
    name: &str,
    input: &Value,
    inputs: usize,
    outputs: usize,
) -> Result<Value, Error> {
    let weight = graph.weight(&format!("{name}.weight"), &[outputs, inputs])?;
    let bias = graph.weight(&format!("{name}.bias"), &[outputs])?;
    let weight = graph.node(name, "Transpose", &[&weight], &[("perm", Attribute::Ints(&[1, 0]))]);
    let product = graph.node(name, "MatMul", &[input, &weight], &[]);
    Ok(graph.node(name, "Add", &[&product, &bias], &[]))
}

/// A layer norm over the last axis. Checkpoints that stem from TensorFlow call
/// its weight `gamma` and its bias `beta`.
pub(super) fn layer_norm(
    graph: &mut Builder,
    name: &str,
    input: &Value,
    size: usize,
    epsilon: f32,
) -> Result<Value, Error> {
    let old = graph.has_weight(&format!("{name}.gamma"));
    let (scale, bias) = if old { ("gamma", "beta") } else { ("weight", "bias") };
    let scale = graph.weight(&format!("{name}.{scale}"), &[size])?;
    let bias = graph.weight(&format!("{name}.{bias}"), &[size])?;
    let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
    Ok(graph.node(name, "LayerNormalization", &[input, &scale, &bias], &attributes))
}

/// Rows of a table: `[…]` indices give `[…, size]`.
pub(super) fn embedding(
    graph: &mut Builder,
    name: &str,
    indices: &Value,
    count: usize,
    size: usize,
) -> Result<Value, Error> {
    let table = graph.weight(&format!("{name}.weight"), &[count, size])?;
    Ok(graph.node(name, "Gather", &[&table, indices], &[("axis", Attribute::Int(0))]))
}

/// 0, 1, 2, … in every row of `[batch, sequence]`, in single precision: a
/// running sum of ones, made of the one tensor that has that shape. Every row,
/// because runtimes fuse residual sums with norms only where both summands are
/// known to have the same batch.
pub(super) fn range(graph: &mut Builder, scope: &str, input_ids: &Value) -> Value {
    let (zero, one, axis) = (graph.float(0.0), graph.float(1.0), graph.int32(1));
    let ids = graph.cast(&format!("{scope}/ids"), input_ids, DataType::Float);
    let zeros = graph.node(scope, "Mul", &[&ids, &zero], &[]);
    let ones = graph.node(scope, "Add", &[&zeros, &one], &[]);
    graph.node(scope, "CumSum", &[&ones, &axis], &[("exclusive", Attribute::Int(1))])
}

/// RoBERTa's positions, `[batch, sequence]`: tokens count from `padding + 1`
/// on, and padding, by its token and not by the mask, has position `padding`.
pub(super) fn positions_after_padding(graph: &mut Builder, scope: &str, input_ids: &Value, padding: usize) -> Value {
    let (offset, one, axis) = (graph.float(padding as f32), graph.float(1.0), graph.int32(1));
    let ids = graph.cast(&format!("{scope}/ids"), input_ids, DataType::Float);
    let distance = graph.node(scope, "Sub", &[&ids, &offset], &[]);
    let distance = graph.node(scope, "Abs", &[&distance], &[]);
    let token = graph.node(scope, "Min", &[&distance, &one], &[]);
    let count = graph.node(scope, "CumSum", &[&token, &axis], &[]);
    let count = graph.node(scope, "Mul", &[&count, &token], &[]);
    let positions = graph.node(scope, "Add", &[&count, &offset], &[]);
    graph.cast(scope, &positions, DataType::Int32)
}

/// What attention adds to its scores for the mask: `[batch, 1, 1, sequence]`.
pub(super) fn mask_bias(graph: &mut Builder, attention_mask: &Value) -> Value {
    let scope = "attention_mask";
    let (axes, one, masked) = (graph.int64s(&[1, 2]), graph.float(1.0), graph.float(MASKED));
    let mask = graph.node(scope, "Unsqueeze", &[attention_mask, &axes], &[]);
    let mask = graph.cast(scope, &mask, DataType::Float);
    let padding = graph.node(scope, "Sub", &[&one, &mask], &[]);
    graph.node(scope, "Mul", &[&padding, &masked], &[])
}

/// The layers, each norm after its sum: `[batch, sequence, hidden]` in and out.
/// `bias` is added to the scores and broadcasts to `[batch, heads, sequence,
/// sequence]`; `prefix` is what the layers' numbers come after.
pub(super) fn layers(
    graph: &mut Builder,
    sizes: &Sizes,
    names: &Names,
    prefix: &str,
    input: Value,
    bias: &Value,
) -> Result<Value, Error> {
    let Sizes { hidden, intermediate, epsilon, .. } = *sizes;
    let mut state = input;
    for layer in 0..sizes.layers {
        let module = |name: &str| format!("{prefix}.{layer}.{name}");
        let context = attention(graph, sizes, names, &format!("{prefix}.{layer}"), &state, bias)?;
        let name = module(names.attention_output);
        let output = linear(graph, &name, &context, hidden, hidden)?;
        let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
        state = layer_norm(graph, &module(names.attention_norm), &sum, hidden, epsilon)?;

        let name = module(names.intermediate);
        let wide = linear(graph, &name, &state, hidden, intermediate)?;
        let wide = sizes.activation.add_to(graph, &name, &wide);
        let name = module(names.output);
        let output = linear(graph, &name, &wide, intermediate, hidden)?;
        let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
        state = layer_norm(graph, &module(names.output_norm), &sum, hidden, epsilon)?;
    }
    Ok(state)
}

/// `softmax(QKᵀ / √size + bias) V`.
fn attention(
    graph: &mut Builder,
    sizes: &Sizes,
    names: &Names,
    layer: &str,
    state: &Value,
    bias: &Value,
) -> Result<Value, Error> {
    let (hidden, size) = (sizes.hidden, sizes.hidden / sizes.heads);
    let split = graph.int64s(&[0, 0, sizes.heads as i64, size as i64]);
    let heads = |graph: &mut Builder, name: &str, order: &[i64]| -> Result<Value, Error> {
        let name = format!("{layer}.{name}");
        let states = linear(graph, &name, state, hidden, hidden)?;
        let states = graph.node(&name, "Reshape", &[&states, &split], &[]);
        Ok(graph.node(&format!("{name}/heads"), "Transpose", &[&states], &[("perm", Attribute::Ints(order))]))
    };
    let query = heads(graph, names.query, &[0, 2, 1, 3])?;
    let key = heads(graph, names.key, &[0, 2, 3, 1])?;
    let value = heads(graph, names.value, &[0, 2, 1, 3])?;

    let scope = format!("{layer}.attention");
    let (root, merged) = (graph.float((size as f32).sqrt()), graph.int64s(&[0, 0, hidden as i64]));
    let scores = graph.node(&format!("{scope}/scores"), "MatMul", &[&query, &key], &[]);
    let scores = graph.node(&format!("{scope}/scores"), "Div", &[&scores, &root], &[]);
    let scores = graph.node(&format!("{scope}/scores"), "Add", &[&scores, bias], &[]);
    let shares = graph.node(&format!("{scope}/scores"), "Softmax", &[&scores], &[("axis", Attribute::Int(-1))]);
    let context = graph.node(&format!("{scope}/context"), "MatMul", &[&shares, &value], &[]);
    let order = [("perm", Attribute::Ints(&[0, 2, 1, 3]))];
    let context = graph.node(&format!("{scope}/context"), "Transpose", &[&context], &order);
    Ok(graph.node(&format!("{scope}/context"), "Reshape", &[&context, &merged], &[]))
}
