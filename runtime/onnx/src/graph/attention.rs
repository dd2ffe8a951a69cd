//! Attention as nodes: heads, masks, scores that depend on distance.
//!
//! A query, a key and a value come as `[batch, sequence, heads × size]`. Which
//! weights gave them is the architecture's to know.

use super::{
    Error,
    activation::clip,
    builder::{Attribute, Builder, Value},
    onnx::DataType,
    rotary::Rotary,
};

/// Added to the scores of masked tokens, as BERT has it: far below any score,
/// so that their share is exactly 0, and finite (also in half precision), so
/// that a row of padding alone gives numbers.
const MASKED: f32 = -10_000.0;

/// A layer's heads.
pub(super) struct Heads<'a> {
    /// How many there are.
    pub(super) count: usize,
    /// How many keys and values there are; several heads share one where these are fewer.
    pub(super) keys: usize,
    /// Numbers that each has of a token.
    pub(super) size: usize,
    /// What scores are divided by; `None` for T5, which does not scale them.
    pub(super) divisor: Option<f32>,
    /// Turns queries and keys by their positions.
    pub(super) rotary: Option<&'a Rotary>,
    /// Added to scores; broadcasts to `[batch, heads, sequence, sequence]`.
    pub(super) bias: &'a Value,
}

/// What is done to a query's or a key's heads, `[batch, sequence, heads, size]`.
pub(super) type HeadNorm<'n> = &'n dyn Fn(&mut Builder, &str, Value) -> Result<Value, Error>;

impl Heads<'_> {
    /// `softmax(QKᵀ / divisor + bias) V`, `[batch, sequence, count × size]`.
    /// `norms` are those of queries and of keys.
    pub(super) fn attend(
        &self,
        graph: &mut Builder,
        scope: &str,
        [query, key, value]: [&Value; 3],
        norms: Option<[HeadNorm; 2]>,
    ) -> Result<Value, Error> {
        let turned = |graph: &mut Builder, place: usize, states: &Value| -> Result<Value, Error> {
            let (part, heads) = [("query", self.count), ("key", self.keys)][place];
            let scope = format!("{scope}/{part}");
            let mut states = split(graph, &scope, states, heads, self.size);
            if let Some(norms) = norms {
                states = norms[place](graph, &scope, states)?;
            }
            Ok(match self.rotary {
                Some(rotary) => rotary.apply(graph, &scope, &states),
                None => states,
            })
        };
        let query = turned(graph, 0, query)?;
        let key = turned(graph, 1, key)?;
        let value = split(graph, &format!("{scope}/value"), value, self.keys, self.size);
        let key = self.shared(graph, &format!("{scope}/key"), key);
        let value = self.shared(graph, &format!("{scope}/value"), value);
        let query = transpose(graph, &format!("{scope}/query"), &query, &[0, 2, 1, 3]);
        let key = transpose(graph, &format!("{scope}/key"), &key, &[0, 2, 3, 1]);
        let value = transpose(graph, &format!("{scope}/value"), &value, &[0, 2, 1, 3]);
        let scores = graph.node(&format!("{scope}/scores"), "MatMul", &[&query, &key], &[]);
        Ok(context(graph, scope, scores, self.divisor, self.bias, &value, self.count * self.size))
    }

    /// Keys or values once for every head that takes them.
    fn shared(&self, graph: &mut Builder, scope: &str, states: Value) -> Value {
        if self.keys == self.count {
            return states;
        }
        let of = (0..self.count).map(|head| (head / (self.count / self.keys)) as i32).collect::<Vec<_>>();
        let of = graph.int32s(&format!("int32s/{}_of_{}", self.keys, self.count), &of);
        graph.node(&format!("{scope}/shared"), "Gather", &[&states, &of], &[("axis", Attribute::Int(2))])
    }
}

/// `[batch, sequence, heads × size]` to `[batch, sequence, heads, size]`.
pub(super) fn split(graph: &mut Builder, scope: &str, states: &Value, heads: usize, size: usize) -> Value {
    let shape = graph.int64s(&[0, 0, heads as i64, size as i64]);
    graph.node(scope, "Reshape", &[states, &shape], &[])
}

/// Another order of axes.
pub(super) fn transpose(graph: &mut Builder, scope: &str, states: &Value, order: &[i64]) -> Value {
    graph.node(&format!("{scope}/heads"), "Transpose", &[states], &[("perm", Attribute::Ints(order))])
}

/// `softmax(scores / divisor + bias) V`: of `[batch, heads, sequence, size]`
/// values, `[batch, sequence, width]`.
pub(super) fn context(
    graph: &mut Builder,
    scope: &str,
    scores: Value,
    divisor: Option<f32>,
    bias: &Value,
    value: &Value,
    width: usize,
) -> Value {
    let mut scores = scores;
    if let Some(divisor) = divisor {
        let divisor = graph.float(divisor);
        scores = graph.node(&format!("{scope}/scores"), "Div", &[&scores, &divisor], &[]);
    }
    let merged = graph.int64s(&[0, 0, width as i64]);
    let scores = graph.node(&format!("{scope}/scores"), "Add", &[&scores, bias], &[]);
    let shares = graph.node(&format!("{scope}/scores"), "Softmax", &[&scores], &[("axis", Attribute::Int(-1))]);
    let context = graph.node(&format!("{scope}/context"), "MatMul", &[&shares, value], &[]);
    let order = [("perm", Attribute::Ints(&[0, 2, 1, 3]))];
    let context = graph.node(&format!("{scope}/context"), "Transpose", &[&context], &order);
    graph.node(&format!("{scope}/context"), "Reshape", &[&context, &merged], &[])
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

/// How far the key is behind the query, `[batch, 1, query, key]` in single
/// precision, of positions that count from 0 in each row.
pub(super) fn distances(graph: &mut Builder, positions: &Value) -> Value {
    let scope = "attention_distance";
    let (rows, columns) = (graph.int64s(&[1, 3]), graph.int64s(&[1, 2]));
    let query = graph.node(&format!("{scope}/query"), "Unsqueeze", &[positions, &rows], &[]);
    let key = graph.node(&format!("{scope}/key"), "Unsqueeze", &[positions, &columns], &[]);
    graph.node(scope, "Sub", &[&query, &key], &[])
}

/// Which keys a query looks at, apart from padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    /// Any.
    Full,
    /// At most so far away, on either side.
    Within(usize),
    /// Itself and those before it.
    Causal,
    /// Itself and so many before it.
    CausalWithin(usize),
}

impl Span {
    /// `mask` with what this adds to scores: `[batch, 1, sequence, sequence]`,
    /// or the mask itself where nothing is added.
    pub(super) fn bias(self, graph: &mut Builder, mask: &Value, distances: &Value) -> Value {
        let scope = match self {
            Self::Full => return mask.clone(),
            Self::Within(_) => "attention_window",
            Self::Causal => "attention_causal",
            Self::CausalWithin(_) => "attention_causal_window",
        };
        // Above 0 where a key is after the query, or too far away.
        let after = |graph: &mut Builder| graph.node("attention_after", "Neg", &[distances], &[]);
        let beyond = |graph: &mut Builder, distance: &Value, most: usize| {
            let most = graph.float(most as f32);
            let beyond = graph.node(&format!("{scope}/beyond"), "Sub", &[distance, &most], &[]);
            clip(graph, &format!("{scope}/beyond"), &beyond, 0.0, 1.0)
        };
        let hidden = match self {
            Self::Full | Self::Causal => {
                let after = after(graph);
                clip(graph, scope, &after, 0.0, 1.0)
            }
            Self::Within(most) => {
                let distance = graph.node(scope, "Abs", &[distances], &[]);
                beyond(graph, &distance, most)
            }
            Self::CausalWithin(most) => {
                let after = graph.node(&format!("{scope}/after"), "Neg", &[distances], &[]);
                let after = clip(graph, &format!("{scope}/after"), &after, 0.0, 1.0);
                let before = beyond(graph, distances, most);
                graph.node(&format!("{scope}/hidden"), "Add", &[&after, &before], &[])
            }
        };
        let masked = graph.float(MASKED);
        let hidden = graph.node(scope, "Mul", &[&hidden, &masked], &[]);
        graph.node(scope, "Add", &[&hidden, mask], &[])
    }
}

/// Places of scores that are looked up by a pair's distance.
///
/// They are places in all scores of a layer, one after the other: `Gather` takes
/// them so, while WebNN has no `GatherElements` of indices that are computed.
pub(super) struct Places {
    /// `[batch, heads, query, key]`, int32, for a row of scores of each query.
    by_query: Value,
    /// The same for a row of each key.
    by_key: Value,
}

impl Places {
    /// `index` is each pair's place in a row of so many scores, `[batch, 1, query,
    /// key]`, int32; `positions` count from 0 in every row of `[batch, sequence]`.
    pub(super) fn new(graph: &mut Builder, positions: &Value, index: &Value, heads: usize, scores: usize) -> Self {
        let scope = "attention_distance";
        // The number of each row: (its text × heads + its head) × tokens + its token.
        let (zero, one, count) = (graph.float(0.0), graph.float(1.0), graph.float(heads as f32));
        let (first, second) = (graph.int32(0), graph.int64s(&[1]));
        let zeros = graph.node(&format!("{scope}/zeros"), "Mul", &[positions, &zero], &[]);
        let ones = graph.node(&format!("{scope}/ones"), "Add", &[&zeros, &one], &[]);
        let text =
            graph.node(&format!("{scope}/text"), "CumSum", &[&ones, &first], &[("exclusive", Attribute::Int(1))]);
        let tokens = graph.node(&format!("{scope}/tokens"), "ReduceSum", &[&ones, &second], &[]);
        let start = graph.node(&format!("{scope}/text/heads"), "Mul", &[&text, &count], &[]);
        let start = graph.node(&format!("{scope}/text/start"), "Mul", &[&start, &tokens], &[]);
        let token = graph.node(&format!("{scope}/token"), "Add", &[&start, positions], &[]);
        let numbers = (0..heads).map(|head| head as f32).collect::<Vec<_>>();
        let head = graph.floats(&format!("floats/heads_{heads}"), &[1, heads, 1, 1], &numbers);
        let axes = graph.int64s(&[1, 2]);
        let tokens = graph.node(&format!("{scope}/tokens"), "Unsqueeze", &[&tokens, &axes], &[]);
        let head = graph.node(&format!("{scope}/head"), "Mul", &[&tokens, &head], &[]);
        let width = graph.int32(scores as i32);
        let mut places = |part: &str, axes: &[i64]| {
            let (scope, axes) = (format!("{scope}/{part}"), graph.int64s(axes));
            let row = graph.node(&scope, "Unsqueeze", &[&token, &axes], &[]);
            let row = graph.node(&format!("{scope}/row"), "Add", &[&row, &head], &[]);
            let row = graph.cast(&format!("{scope}/row"), &row, DataType::Int32);
            let row = graph.node(&format!("{scope}/start"), "Mul", &[&row, &width], &[]);
            graph.node(&format!("{scope}/places"), "Add", &[&row, index], &[])
        };
        Self { by_query: places("by_query", &[1, 3]), by_key: places("by_key", &[1, 2]) }
    }

    /// Scores of queries `[batch, heads, query, size]` with the rows of a table,
    /// `[…, size, scores]`: those of each pair's distance, `[batch, heads, query, key]`.
    pub(super) fn of_queries(&self, graph: &mut Builder, scope: &str, query: &Value, table: &Value) -> Value {
        Self::look_up(graph, scope, query, table, &self.by_query)
    }

    /// The same of keys, `[batch, heads, key, size]`.
    pub(super) fn of_keys(&self, graph: &mut Builder, scope: &str, key: &Value, table: &Value) -> Value {
        Self::look_up(graph, scope, key, table, &self.by_key)
    }

    fn look_up(graph: &mut Builder, scope: &str, states: &Value, table: &Value, places: &Value) -> Value {
        let all = graph.int64s(&[-1]);
        let scores = graph.node(scope, "MatMul", &[states, table], &[]);
        let scores = graph.node(scope, "Reshape", &[&scores, &all], &[]);
        graph.node(scope, "Gather", &[&scores, places], &[("axis", Attribute::Int(0))])
    }
}

/// ALiBi (Press et al. 2022): `mask` less each pair's distance times a slope that
/// each head has, `[batch, heads, sequence, sequence]`.
pub(super) fn alibi_bias(graph: &mut Builder, mask: &Value, distances: &Value, heads: usize) -> Value {
    let slopes = alibi_slopes(heads).iter().map(|slope| -slope as f32).collect::<Vec<_>>();
    let slopes = graph.floats("attention_alibi/slopes", &[1, heads, 1, 1], &slopes);
    let distance = graph.node("attention_alibi", "Abs", &[distances], &[]);
    let bias = graph.node("attention_alibi", "Mul", &[&distance, &slopes], &[]);
    graph.node("attention_alibi", "Add", &[&bias, mask], &[])
}

/// A geometric series for a power of two; else that of the power below and every
/// second one of the power above.
fn alibi_slopes(heads: usize) -> Vec<f64> {
    let series = |count: usize| {
        let ratio = 2f64.powf(-8.0 / count as f64);
        (1..=count).map(move |power| ratio.powi(power as i32))
    };
    let below = 1 << heads.max(1).ilog2();
    series(below).chain(series(2 * below).step_by(2).take(heads - below)).collect()
}

#[cfg(test)]
mod tests {
    use super::alibi_slopes;

    #[test]
    fn alibi_slopes_are_those_of_the_paper() {
        let eight = (1..=8).map(|power| 0.5f64.powi(power)).collect::<Vec<_>>();
        assert_eq!(alibi_slopes(8), eight);
        assert_eq!(alibi_slopes(1), [2f64.powi(-8)]);
        let twelve = alibi_slopes(12);
        assert_eq!(twelve[..8], eight);
        let between = [0.5, 1.5, 2.5, 3.5].map(|power| 2f64.powf(-power));
        assert!(twelve[8..].iter().zip(between).all(|(slope, expected)| (slope - expected).abs() < 1e-12));
    }
}
