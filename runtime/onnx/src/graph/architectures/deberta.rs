//! DeBERTa v2 and v3 (He et al. 2021): each pair's score has a part for content and
//! position, and one for position and content, by rows for buckets of distances.

use crate::graph::{
    Config, Error,
    activation::{Activation, clip},
    attention::{self, Places},
    builder::{Attribute, Builder, Value},
    encoder::{self, Names, Sizes},
    onnx::DataType,
};

use super::{Architecture, bert};

pub(super) struct DebertaV2;

/// More than any encoder tells apart.
const DISTANCE_MAX: usize = 1 << 16;

const NAMES: Names = Names {
    query: "attention.self.query_proj",
    key: "attention.self.key_proj",
    value: "attention.self.value_proj",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

impl Architecture for DebertaV2 {
    fn model_types(&self) -> &'static [&'static str] {
        &["deberta-v2"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "deberta."], "embeddings.word_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let sizes = Sizes::read(config, 1e-7, Activation::Gelu)?;
        let Sizes { hidden, heads, .. } = sizes;
        if config.length("attention_head_size", Some(hidden / heads))? != hidden / heads {
            return Err(config.wrong("attention_head_size", "hidden_size / num_attention_heads"));
        }
        let narrow = config.length("embedding_size", Some(hidden))?;
        let inputs = bert::Inputs::with_types(graph, config.length("type_vocab_size", Some(0))?)?;
        let positions = encoder::range(graph, "embeddings.position_ids", &inputs.input_ids);
        let mask = token_mask(graph, &inputs.attention_mask);
        let state = embed(graph, config, &sizes, narrow, &inputs, &positions)?;
        let embedded = graph.node("embeddings/mask", "Mul", &[&state, &mask], &[]);

        let bias = attention::mask_bias(graph, &inputs.attention_mask);
        let relative = Relative::read(graph, config, &sizes, &positions)?;
        let mut state = embedded.clone();
        for layer in 0..sizes.layers {
            let name = format!("encoder.layer.{layer}");
            let context = attend(graph, &sizes, &name, &state, relative.as_ref(), &bias)?;
            state = encoder::after_attention(graph, &sizes, &NAMES, &name, state, &context)?;
            state = encoder::feed_forward(graph, &sizes, &NAMES, &name, state)?;
            if layer == 0 && config.length("conv_kernel_size", Some(0))? > 0 {
                state = convolution(graph, config, &sizes, &embedded, &state, &mask)?;
            }
        }
        Ok((state, hidden))
    }
}

/// 1 for a token and 0 for padding, `[batch, sequence, 1]`.
fn token_mask(graph: &mut Builder, attention_mask: &Value) -> Value {
    let axes = graph.int64s(&[2]);
    let mask = graph.node("token_mask", "Unsqueeze", &[attention_mask, &axes], &[]);
    graph.cast("token_mask", &mask, DataType::Float)
}

fn embed(
    graph: &mut Builder,
    config: &Config,
    sizes: &Sizes,
    narrow: usize,
    inputs: &bert::Inputs,
    positions: &Value,
) -> Result<Value, Error> {
    let mut state = inputs.embed(graph, config.count("vocab_size")?, narrow)?;
    if config.flag("position_biased_input", true)? {
        let places = config.count("max_position_embeddings")?;
        let rows = graph.cast("embeddings.position_ids/int32", positions, DataType::Int32);
        let rows = encoder::embedding(graph, "embeddings.position_embeddings", &rows, places, narrow)?;
        state = graph.node("embeddings/positions", "Add", &[&state, &rows], &[]);
    }
    if narrow != sizes.hidden {
        state = encoder::linear_with(graph, "embeddings.embed_proj", &state, narrow, sizes.hidden, false)?;
    }
    encoder::layer_norm(graph, "embeddings.LayerNorm", &state, sizes.hidden, sizes.epsilon)
}

/// What the layers share of positions.
struct Relative {
    /// A row a bucket, `[rows, hidden]`.
    table: Value,
    rows: usize,
    at: Places,
    /// Whether content is scored with position, `c2p`.
    queries: bool,
    /// Whether position is scored with content, `p2c`.
    keys: bool,
    /// Whether layers project positions with the weights of their content.
    shared: bool,
}

impl Relative {
    fn read(graph: &mut Builder, config: &Config, sizes: &Sizes, positions: &Value) -> Result<Option<Self>, Error> {
        if !config.flag("relative_attention", false)? {
            return Ok(None);
        }
        let kinds = kinds(config)?;
        let has = |kind: &str| kinds.iter().any(|known| known == kind);
        let most = match config.signed("max_relative_positions", -1)? {
            most if most < 1 => config.count("max_position_embeddings")?,
            most => most as usize,
        };
        let buckets = usize::try_from(config.signed("position_buckets", -1)?).unwrap_or(0);
        // The shortest distances have a bucket each, for which there must be some, and a longer one to compare with.
        if most > DISTANCE_MAX {
            return Err(config.wrong("max_relative_positions", format_args!("up to {DISTANCE_MAX}")));
        }
        if buckets > 0 && !(4..2 * (most - 1)).contains(&buckets) {
            return Err(config.wrong("position_buckets", "-1, or from 4 to less than 2 (max_relative_positions - 1)"));
        }
        let span = if buckets > 0 { buckets } else { most };
        let (name, rows) = ("encoder.rel_embeddings.weight", 2 * span);
        let mut table = graph.weight(name, &[rows, sizes.hidden])?;
        let norms = config.text("norm_rel_ebd")?.unwrap_or("none").to_lowercase();
        if norms.split('|').any(|norm| norm.trim() == "layer_norm") {
            table = encoder::layer_norm(graph, "encoder.LayerNorm", &table, sizes.hidden, sizes.epsilon)?;
        }
        let index = index(graph, positions, span, buckets, most);
        let at = Places::new(graph, positions, &index, sizes.heads, rows);
        let shared = config.flag("share_att_key", false)?;
        Ok(Some(Self { table, rows, at, queries: has("c2p"), keys: has("p2c"), shared }))
    }

    /// A layer's projection of every row, `[heads, size, rows]`.
    fn project(&self, graph: &mut Builder, sizes: &Sizes, layer: &str, name: &str) -> Result<Value, Error> {
        let (hidden, size) = (sizes.hidden, sizes.hidden / sizes.heads);
        let module = format!("{layer}.attention.self.{name}");
        let scope = format!("{module}/positions");
        let weight = graph.weight(&format!("{module}.weight"), &[hidden, hidden])?;
        let bias = graph.weight(&format!("{module}.bias"), &[hidden])?;
        let weight = graph.transposed(&module, &weight);
        let states = graph.node(&scope, "MatMul", &[&self.table, &weight], &[]);
        let states = graph.node(&scope, "Add", &[&states, &bias], &[]);
        let shape = graph.int64s(&[self.rows as i64, sizes.heads as i64, size as i64]);
        let states = graph.node(&scope, "Reshape", &[&states, &shape], &[]);
        Ok(graph.node(&scope, "Transpose", &[&states], &[("perm", Attribute::Ints(&[1, 2, 0]))]))
    }
}

/// `c2p` and `p2c`, as a list or as text with bars between.
fn kinds(config: &Config) -> Result<Vec<String>, Error> {
    let field = "pos_att_type";
    let kinds = match config.get(field) {
        None => Some(Vec::new()),
        Some(serde_json::Value::String(text)) => Some(text.split('|').map(|kind| kind.trim().to_lowercase()).collect()),
        Some(list) => {
            list.as_array().and_then(|kinds| kinds.iter().map(|kind| Some(kind.as_str()?.to_owned())).collect())
        }
    };
    let known = |kind: &String| ["c2p", "p2c", ""].contains(&kind.as_str());
    kinds.filter(|kinds| kinds.iter().all(known)).ok_or_else(|| config.wrong(field, "c2p, p2c or both"))
}

/// The row of each pair's distance, `[batch, 1, query, key]`, int32. A constant has
/// that of every distance up to the one from which on all have the last.
fn index(graph: &mut Builder, positions: &Value, span: usize, buckets: usize, most: usize) -> Value {
    let row = |distance: i64| {
        let bucket = if buckets > 0 { bucket(distance, buckets, most) } else { distance };
        (bucket + span as i64).clamp(0, 2 * span as i64 - 1) as i32
    };
    // Buckets grow with distances, and those up to `most` are within the table.
    let farthest = (span.max(most) + 1) as i64;
    let rows = (-farthest..=farthest).map(row).collect::<Vec<_>>();
    let rows = graph.int32s("attention_distance/rows", &rows);
    let distances = attention::distances(graph, positions);
    let near = clip(graph, "attention_distance", &distances, -(farthest as f32), farthest as f32);
    let start = graph.float(farthest as f32);
    let index = graph.node("attention_distance/index", "Add", &[&near, &start], &[]);
    let index = graph.cast("attention_distance/index", &index, DataType::Int32);
    graph.node("attention_distance/row", "Gather", &[&rows, &index], &[("axis", Attribute::Int(0))])
}

/// transformers' `make_log_bucket_position`: distances up to half of the buckets
/// have one each, the others grow with the logarithm.
fn bucket(distance: i64, buckets: usize, most: usize) -> i64 {
    let middle = (buckets / 2) as i64;
    if distance.abs() <= middle {
        return distance;
    }
    let (length, half) = (distance.abs() as f32, middle as f32);
    let share = (length / half).ln() / ((most as f32 - 1.0) / half).ln();
    ((share * (half - 1.0)).ceil() as i64 + middle) * distance.signum()
}

/// `softmax((QKᵀ + Q Pkᵀ + K Pqᵀ) / √(size × parts) + bias) V`.
fn attend(
    graph: &mut Builder,
    sizes: &Sizes,
    layer: &str,
    state: &Value,
    relative: Option<&Relative>,
    bias: &Value,
) -> Result<Value, Error> {
    let [query, key, value] = encoder::heads(graph, sizes, &NAMES, layer, state)?;
    let scope = format!("{layer}.attention");
    let mut scores = graph.node(&format!("{scope}/scores"), "MatMul", &[&query, &key], &[]);
    let mut parts = 1;
    if let Some(relative) = relative {
        if relative.queries {
            let name = if relative.shared { "key_proj" } else { "pos_key_proj" };
            let rows = relative.project(graph, sizes, layer, name)?;
            let part = format!("{scope}/c2p");
            let found = relative.at.of_queries(graph, &part, &query, &rows);
            scores = graph.node(&part, "Add", &[&scores, &found], &[]);
            parts += 1;
        }
        if relative.keys {
            let name = if relative.shared { "query_proj" } else { "pos_query_proj" };
            let rows = relative.project(graph, sizes, layer, name)?;
            let part = format!("{scope}/p2c");
            let key = attention::transpose(graph, &part, &key, &[0, 1, 3, 2]);
            let found = relative.at.of_keys(graph, &part, &key, &rows);
            scores = graph.node(&part, "Add", &[&scores, &found], &[]);
            parts += 1;
        }
    }
    let divisor = Some(((sizes.hidden / sizes.heads * parts) as f32).sqrt());
    Ok(attention::context(graph, &scope, scores, divisor, bias, &value, sizes.hidden))
}

/// The convolution over tokens that some models add to their first layer.
fn convolution(
    graph: &mut Builder,
    config: &Config,
    sizes: &Sizes,
    embedded: &Value,
    state: &Value,
    mask: &Value,
) -> Result<Value, Error> {
    let (hidden, name) = (sizes.hidden, "encoder.conv.conv");
    let (kernel, groups) = (config.count("conv_kernel_size")?, config.length("conv_groups", Some(1))?);
    if kernel.is_multiple_of(2) {
        return Err(config.wrong("conv_kernel_size", "an odd number"));
    }
    if groups == 0 || !hidden.is_multiple_of(groups) {
        return Err(config.wrong("conv_groups", "a divisor of hidden_size"));
    }
    let activation = Activation::read_or(config, "conv_act", Activation::Tanh)?;
    let weight = graph.weight(&format!("{name}.weight"), &[hidden, hidden / groups, kernel])?;
    let bias = graph.weight(&format!("{name}.bias"), &[hidden])?;
    let order = [("perm", Attribute::Ints(&[0, 2, 1]))];
    let channels = graph.node(&format!("{name}/channels"), "Transpose", &[embedded], &order);
    let side = (kernel / 2) as i64;
    let attributes = [("group", Attribute::Int(groups as i64)), ("pads", Attribute::Ints(&[side, side]))];
    let output = graph.node(name, "Conv", &[&channels, &weight, &bias], &attributes);
    let output = graph.node(&format!("{name}/tokens"), "Transpose", &[&output], &order);
    let output = graph.node(&format!("{name}/mask"), "Mul", &[&output, mask], &[]);
    let output = activation.add_to(graph, name, &output);
    let sum = graph.node(&format!("{name}/residual"), "Add", &[state, &output], &[]);
    let state = encoder::layer_norm(graph, "encoder.conv.LayerNorm", &sum, hidden, sizes.epsilon)?;
    Ok(graph.node("encoder.conv/mask", "Mul", &[&state, mask], &[]))
}

#[cfg(test)]
mod tests {
    use super::bucket;

    /// What transformers' `make_log_bucket_position` gives for 256 buckets up to 512.
    #[test]
    fn buckets_are_those_of_the_published_code() {
        let far = [0, 1, 127, 128, 129, 130, 200, 300, 400, 510, 511, 512];
        let found = far.map(|distance| bucket(distance, 256, 512));
        assert_eq!(found, [0, 1, 127, 128, 129, 130, 169, 207, 233, 255, 255, 256]);
        assert_eq!(far.map(|distance| -bucket(-distance, 256, 512)), found);
    }
}
