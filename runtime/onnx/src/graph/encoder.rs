//! The parts that encoders of BERT's family share, as nodes: linear layers,
//! norms, embeddings, positions, layers. Which tensor has which name is the
//! architecture's to know.
//!
//! No shape is ever computed in the graph: reshapes have constant shapes (0
//! keeps a dimension), so every node has a kernel on WebGPU and WebNN.

use std::ops::Range;

use super::{
    Config, Error,
    activation::Activation,
    attention,
    builder::{Attribute, Builder, Value},
    onnx::DataType,
};

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

impl Sizes {
    /// By the names that transformers' configs have since BERT. Where the epsilon
    /// and the activation are absent, they are the architecture's own.
    pub(super) fn read(config: &Config, epsilon: f32, activation: Activation) -> Result<Self, Error> {
        let (hidden, heads) = config.heads("hidden_size", "num_attention_heads")?;
        Ok(Self {
            layers: config.layers("num_hidden_layers")?,
            heads,
            hidden,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("layer_norm_eps", epsilon)?,
            activation: Activation::read_or(config, "hidden_act", activation)?,
        })
    }
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

/// `input × weightᵀ + bias`. PyTorch keeps a weight as `[out, in]`; runtimes
/// fold the transposition of an initializer when they load the graph.
pub(super) fn linear(
    graph: &mut Builder,
    name: &str,
    input: &Value,
    inputs: usize,
    outputs: usize,
) -> Result<Value, Error> {
    linear_with(graph, name, input, inputs, outputs, true)
}

/// The same, with a bias or without.
pub(super) fn linear_with(
    graph: &mut Builder,
    name: &str,
    input: &Value,
    inputs: usize,
    outputs: usize,
    bias: bool,
) -> Result<Value, Error> {
    let weight = graph.weight(&format!("{name}.weight"), &[outputs, inputs])?;
    let bias = if bias { Some(graph.weight(&format!("{name}.bias"), &[outputs])?) } else { None };
    let weight = graph.transposed(name, &weight);
    let product = graph.node(name, "MatMul", &[input, &weight], &[]);
    Ok(match bias {
        Some(bias) => graph.node(name, "Add", &[&product, &bias], &[]),
        None => product,
    })
}

/// The same, of some rows of a weight of `[outputs, inputs]` in which several are
/// kept below each other.
pub(super) fn linear_rows(
    graph: &mut Builder,
    name: &str,
    input: &Value,
    inputs: usize,
    outputs: usize,
    bias: bool,
    rows: Range<usize>,
) -> Result<Value, Error> {
    let weight = graph.weight_rows(&format!("{name}.weight"), &[outputs, inputs], rows.clone())?;
    let scope = format!("{name}/{}_{}", rows.start, rows.end);
    let bias = if bias { Some(graph.weight_rows(&format!("{name}.bias"), &[outputs], rows)?) } else { None };
    let weight = graph.transposed(&scope, &weight);
    let product = graph.node(&scope, "MatMul", &[input, &weight], &[]);
    Ok(match bias {
        Some(bias) => graph.node(&scope, "Add", &[&product, &bias], &[]),
        None => product,
    })
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

/// A layer norm without a bias.
pub(super) fn layer_norm_unbiased(
    graph: &mut Builder,
    name: &str,
    input: &Value,
    size: usize,
    epsilon: f32,
) -> Result<Value, Error> {
    let scale = graph.weight(&format!("{name}.weight"), &[size])?;
    let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
    Ok(graph.node(name, "LayerNormalization", &[input, &scale], &attributes))
}

/// A norm that divides by the root of the mean square: `weight × x / √(mean x² +
/// epsilon)`, over the last axis. `shifted` for Gemma, which keeps weights less 1.
/// In the nodes that onnxruntime makes one of.
pub(super) fn rms_norm(
    graph: &mut Builder,
    name: &str,
    input: &Value,
    size: usize,
    epsilon: f32,
    shifted: bool,
) -> Result<Value, Error> {
    let mut scale = graph.weight(&format!("{name}.weight"), &[size])?;
    if shifted {
        let one = graph.float(1.0);
        scale = graph.node(&format!("{name}/weight"), "Add", &[&scale, &one], &[]);
    }
    let (two, epsilon, axis) = (graph.float(2.0), graph.float(epsilon), graph.int64s(&[-1]));
    let square = graph.node(name, "Pow", &[input, &two], &[]);
    let mean = graph.node(name, "ReduceMean", &[&square, &axis], &[("keepdims", Attribute::Int(1))]);
    let mean = graph.node(&format!("{name}/epsilon"), "Add", &[&mean, &epsilon], &[]);
    let root = graph.node(name, "Sqrt", &[&mean], &[]);
    let normal = graph.node(name, "Div", &[input, &root], &[]);
    Ok(graph.node(name, "Mul", &[&normal, &scale], &[]))
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
    let mut state = input;
    for number in 0..sizes.layers {
        state = layer(graph, sizes, names, &format!("{prefix}.{number}"), state, bias)?;
    }
    Ok(state)
}

/// A layer: attention and feed-forward.
pub(super) fn layer(
    graph: &mut Builder,
    sizes: &Sizes,
    names: &Names,
    layer: &str,
    state: Value,
    bias: &Value,
) -> Result<Value, Error> {
    let [query, key, value] = heads(graph, sizes, names, layer, &state)?;
    let scope = format!("{layer}.attention");
    let scores = graph.node(&format!("{scope}/scores"), "MatMul", &[&query, &key], &[]);
    let divisor = Some(((sizes.hidden / sizes.heads) as f32).sqrt());
    let context = attention::context(graph, &scope, scores, divisor, bias, &value, sizes.hidden);
    let state = after_attention(graph, sizes, names, layer, state, &context)?;
    feed_forward(graph, sizes, names, layer, state)
}

/// A layer's queries and values, `[batch, heads, sequence, size]`, and between
/// them its keys, `[batch, heads, size, sequence]`.
pub(super) fn heads(
    graph: &mut Builder,
    sizes: &Sizes,
    names: &Names,
    layer: &str,
    state: &Value,
) -> Result<[Value; 3], Error> {
    let (hidden, size) = (sizes.hidden, sizes.hidden / sizes.heads);
    let mut heads = |name: &str, order: &[i64]| -> Result<Value, Error> {
        let name = format!("{layer}.{name}");
        let states = linear(graph, &name, state, hidden, hidden)?;
        let states = attention::split(graph, &name, &states, sizes.heads, size);
        Ok(attention::transpose(graph, &name, &states, order))
    };
    let query = heads(names.query, &[0, 2, 1, 3])?;
    let key = heads(names.key, &[0, 2, 3, 1])?;
    Ok([query, key, heads(names.value, &[0, 2, 1, 3])?])
}

/// The layer's state after attention gave this context.
pub(super) fn after_attention(
    graph: &mut Builder,
    sizes: &Sizes,
    names: &Names,
    layer: &str,
    state: Value,
    context: &Value,
) -> Result<Value, Error> {
    let Sizes { hidden, epsilon, .. } = *sizes;
    let name = format!("{layer}.{}", names.attention_output);
    let output = linear(graph, &name, context, hidden, hidden)?;
    let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
    layer_norm(graph, &format!("{layer}.{}", names.attention_norm), &sum, hidden, epsilon)
}

/// The layer's state after its feed-forward part.
pub(super) fn feed_forward(
    graph: &mut Builder,
    sizes: &Sizes,
    names: &Names,
    layer: &str,
    state: Value,
) -> Result<Value, Error> {
    let Sizes { hidden, intermediate, epsilon, .. } = *sizes;
    let name = format!("{layer}.{}", names.intermediate);
    let wide = linear(graph, &name, &state, hidden, intermediate)?;
    let wide = sizes.activation.add_to(graph, &name, &wide);
    let name = format!("{layer}.{}", names.output);
    let output = linear(graph, &name, &wide, intermediate, hidden)?;
    let sum = graph.node(&format!("{name}/residual"), "Add", &[&output, &state], &[]);
    layer_norm(graph, &format!("{layer}.{}", names.output_norm), &sum, hidden, epsilon)
}
