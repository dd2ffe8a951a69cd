//! T5's learned bias for the distance between a decoder's tokens, which only look back.

use crate::graph::{
    Config, Error,
    activation::clip,
    builder::{Attribute, Builder, Value},
    encoder,
    generation::tokens::Tokens,
    onnx::DataType,
};

/// More than any decoder tells apart.
const DISTANCE_MAX: usize = 1 << 16;

/// `[batch, heads, sequence, total_sequence]`, of the first layer's weights for all. A constant has the bucket of every
/// distance up to that from which all are in one.
pub(super) fn distance_bias(
    graph: &mut Builder<'_>,
    config: &Config,
    tokens: &Tokens,
    heads: usize,
) -> Result<Value, Error> {
    let scope = "decoder.block.0.layer.0.SelfAttention.relative_attention_bias";
    let buckets = config.length("relative_attention_num_buckets", Some(32))?;
    let most = config.length("relative_attention_max_distance", Some(128))?;
    if buckets < 4 {
        return Err(config.wrong("relative_attention_num_buckets", "an integer from 4 on"));
    }
    if !(buckets / 2 + 1..=DISTANCE_MAX).contains(&most) {
        let expected = format!("more than half of relative_attention_num_buckets, up to {DISTANCE_MAX}");
        return Err(config.wrong("relative_attention_max_distance", expected));
    }
    let table = (0..=most).map(|distance| bucket(distance, buckets, most) as i32).collect::<Vec<_>>();
    let table = graph.int32s(&format!("{scope}/buckets"), &table);
    let by_distance = encoder::embedding(graph, scope, &table, buckets, heads)?;
    let keys = graph.input("key_positions", DataType::Int32, &[tokens.length("total_sequence")]);
    let keys = graph.cast("key_positions", &keys, DataType::Float);
    let (last, axis) = (graph.int64s(&[2]), [("axis", Attribute::Int(0))]);
    let queries = tokens.positions(graph);
    let queries = graph.node(&format!("{scope}/query"), "Unsqueeze", &[&queries, &last], &[]);
    let back = graph.node(scope, "Sub", &[&queries, &keys], &[]);
    let near = clip(graph, scope, &back, 0.0, most as f32);
    let index = graph.cast(&format!("{scope}/index"), &near, DataType::Int32);
    let bias = graph.node(&format!("{scope}/distance"), "Gather", &[&by_distance, &index], &axis);
    Ok(graph.node(scope, "Transpose", &[&bias], &[("perm", Attribute::Ints(&[0, 3, 1, 2]))]))
}

/// transformers' `_relative_position_bucket` of tokens that look back alone.
fn bucket(distance: usize, buckets: usize, most: usize) -> usize {
    let exact = buckets / 2;
    if distance < exact {
        return distance;
    }
    let share = (distance as f32 / exact as f32).ln() / (most as f32 / exact as f32).ln();
    (exact + (share * (buckets - exact) as f32) as usize).min(buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::bucket;

    /// What transformers' `T5Attention._relative_position_bucket` gives of these, not bidirectional.
    #[test]
    fn buckets_are_those_of_the_published_code() {
        let far = [0, 1, 15, 16, 17, 20, 21, 31, 40, 64, 90, 127, 128, 500];
        assert_eq!(
            far.map(|distance| bucket(distance, 32, 128)),
            [0, 1, 15, 16, 16, 17, 18, 21, 23, 26, 29, 31, 31, 31]
        );
    }
}
