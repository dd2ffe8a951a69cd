//! The encoder of T5 (Raffel et al. 2020) and mT5: no positions but a learned bias
//! for the distance between two tokens, in buckets; scores are not scaled.

use crate::graph::{
    Config, Error,
    activation::{Activation, clip},
    attention::{self, Heads},
    builder::{Attribute, Builder, Value},
    encoder,
    onnx::DataType,
};

use super::{Architecture, buckets::bucket};

pub(in crate::graph) struct T5;

/// More than any encoder tells apart.
const DISTANCE_MAX: usize = 1 << 16;

impl Architecture for T5 {
    fn model_types(&self) -> &'static [&'static str] {
        &["t5", "mt5"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "transformer."], "encoder.final_layer_norm.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let (hidden, wide) = (config.count("d_model")?, config.count("d_ff")?);
        let (count, size) = (config.count("num_heads")?, config.count("d_kv")?);
        let layers = config.layers("num_layers")?;
        let epsilon = config.number("layer_norm_epsilon", 1e-6)?;
        let (activation, gated) = feed_forward(config)?;
        let width = count.checked_mul(size).filter(|width| *width <= i32::MAX as usize);
        let width = width.ok_or_else(|| config.wrong("d_kv", "the numbers of one head"))?;

        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let table = if graph.has_weight("shared.weight") { "shared" } else { "encoder.embed_tokens" };
        let mut state = encoder::embedding(graph, table, &input_ids, config.count("vocab_size")?, hidden)?;
        let mask = attention::mask_bias(graph, &attention_mask);
        let distances = distance_bias(graph, config, &input_ids, count)?;
        let bias = graph.node("attention_bias", "Add", &[&distances, &mask], &[]);
        let heads = Heads { count, keys: count, size, divisor: None, rotary: None, bias: &bias };
        for layer in 0..layers {
            let module = |name: &str| format!("encoder.block.{layer}.layer.{name}");
            let name = module("0.layer_norm");
            let normal = encoder::rms_norm(graph, &name, &state, hidden, epsilon, false)?;
            let mut part = |name: &str| {
                let name = module(&format!("0.SelfAttention.{name}"));
                encoder::linear_with(graph, &name, &normal, hidden, width, false)
            };
            let [query, key, value] = [part("q")?, part("k")?, part("v")?];
            let context = heads.attend(graph, &module("0.SelfAttention"), [&query, &key, &value], None)?;
            let name = module("0.SelfAttention.o");
            let output = encoder::linear_with(graph, &name, &context, width, hidden, false)?;
            state = graph.node(&format!("{name}/residual"), "Add", &[&state, &output], &[]);

            let name = module("1.layer_norm");
            let normal = encoder::rms_norm(graph, &name, &state, hidden, epsilon, false)?;
            let name = |part: &str| module(&format!("1.DenseReluDense.{part}"));
            let first = name(if gated { "wi_0" } else { "wi" });
            let inner = encoder::linear_with(graph, &first, &normal, hidden, wide, false)?;
            let mut inner = activation.add_to(graph, &first, &inner);
            if gated {
                let linear = encoder::linear_with(graph, &name("wi_1"), &normal, hidden, wide, false)?;
                inner = graph.node(&format!("{first}/gated"), "Mul", &[&inner, &linear], &[]);
            }
            let output = encoder::linear_with(graph, &name("wo"), &inner, wide, hidden, false)?;
            state = graph.node(&format!("{}/residual", name("wo")), "Add", &[&state, &output], &[]);
        }
        let name = "encoder.final_layer_norm";
        Ok((encoder::rms_norm(graph, name, &state, hidden, epsilon, false)?, hidden))
    }
}

/// `relu` or `gated-gelu`, or another function of either form.
pub(in crate::graph) fn feed_forward(config: &Config) -> Result<(Activation, bool), Error> {
    let field = "feed_forward_proj";
    let default = if config.model_type() == "mt5" { "gated-gelu" } else { "relu" };
    let text = config.text(field)?.unwrap_or(default);
    let (gated, name) = text.strip_prefix("gated-").map_or((false, text), |name| (true, name));
    // What `gated-gelu` means in all of T5's checkpoints.
    let name = if gated && name == "gelu" { "gelu_new" } else { name };
    match Activation::named(name) {
        Some(activation) => Ok((activation, gated)),
        None => {
            Err(config
                .wrong(field, format_args!("one of these, or gated- and one of these: {}", Activation::expected())))
        }
    }
}

/// `[batch, heads, sequence, sequence]`, of the first layer's weights for all. A
/// constant has the bucket of every distance up to that from which all are in one.
fn distance_bias(graph: &mut Builder<'_>, config: &Config, input_ids: &Value, heads: usize) -> Result<Value, Error> {
    let scope = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias";
    let buckets = config.length("relative_attention_num_buckets", Some(32))?;
    let most = config.length("relative_attention_max_distance", Some(128))?;
    if buckets < 4 {
        return Err(config.wrong("relative_attention_num_buckets", "an integer from 4 on"));
    }
    if !(buckets / 4 + 1..=DISTANCE_MAX).contains(&most) {
        let expected = format!("more than a quarter of relative_attention_num_buckets, up to {DISTANCE_MAX}");
        return Err(config.wrong("relative_attention_max_distance", expected));
    }
    let farthest = most as i32;
    let table = (-farthest..=farthest).map(|distance| bucket(distance, buckets as i32, most as f32));
    let table = graph.int32s(&format!("{scope}/buckets"), &table.collect::<Vec<_>>());
    let by_distance = encoder::embedding(graph, scope, &table, buckets, heads)?;
    let range = encoder::range(graph, scope, input_ids);
    let distances = attention::distances(graph, &range);
    let axes = graph.int64s(&[1]);
    let distances = graph.node(scope, "Squeeze", &[&distances, &axes], &[]);
    // From key to query, the other way round.
    let ahead = graph.node(scope, "Neg", &[&distances], &[]);
    let near = clip(graph, scope, &ahead, -(farthest as f32), farthest as f32);
    let start = graph.float(farthest as f32);
    let index = graph.node(&format!("{scope}/index"), "Add", &[&near, &start], &[]);
    let index = graph.cast(&format!("{scope}/index"), &index, DataType::Int32);
    let axis = [("axis", Attribute::Int(0))];
    let bias = graph.node(&format!("{scope}/distance"), "Gather", &[&by_distance, &index], &axis);
    Ok(graph.node(scope, "Transpose", &[&bias], &[("perm", Attribute::Ints(&[0, 3, 1, 2]))]))
}
