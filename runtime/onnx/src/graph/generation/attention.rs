//! Attention with a cache, as onnxruntime's `GroupQueryAttention`.
//!
//! The operator turns queries and keys itself where heads have a multiple of 16 numbers, and takes heads of a multiple
//! of 8. Others are turned by nodes of their own, or filled up with zeros, which change no score and no result.

use crate::graph::{
    Error,
    builder::{Attribute, Builder, Length, Value},
    onnx::DataType,
    rotary::{Frequencies, Pairs, Rotary},
};

use super::{
    SOFTCAP_KEY,
    tokens::{Tokens, merge, split},
};

/// What the operator's heads are a multiple of.
const HEAD_STEP: usize = 8;
/// What they, and the numbers that it turns, are a multiple of where it turns them.
const TURNED_STEP: usize = 16;
/// The place of its input that is added to scores.
const BIAS_INPUT: usize = 10;

/// How queries and keys are turned by their positions.
pub(in crate::graph) enum Turn {
    /// By the operator, with these cosines and sines.
    Within { cos: Value, sin: Value, neighbours: bool },
    /// Before it.
    Before(Rotary),
}

impl Turn {
    /// For heads of `size` numbers, and for so many positions. `scope` tells it from another one.
    pub(in crate::graph) fn new(
        graph: &mut Builder,
        scope: &str,
        tokens: &Tokens,
        frequencies: &Frequencies,
        size: usize,
        pairs: Pairs,
        positions: usize,
    ) -> Self {
        // The operator asks for as many as its cache has room for.
        let positions = positions.max(tokens.capacity.unwrap_or_default());
        if size.is_multiple_of(TURNED_STEP) && frequencies.turned().is_multiple_of(TURNED_STEP) {
            let [cos, sin] = frequencies.caches(graph, scope, positions);
            return Self::Within { cos, sin, neighbours: pairs == Pairs::Neighbours };
        }
        let places = tokens.positions(graph);
        Self::Before(Rotary::of_heads(graph, scope, &places, frequencies, positions, size, pairs))
    }
}

/// A layer's attention.
pub(in crate::graph) struct Attention<'a> {
    pub(in crate::graph) heads: usize,
    /// Keys and values: several heads share one where these are fewer.
    pub(in crate::graph) keys: usize,
    /// Numbers that each head has of a token.
    pub(in crate::graph) size: usize,
    /// What scores are multiplied with.
    pub(in crate::graph) scale: f32,
    /// `softcap × tanh(score / softcap)`, where there is one.
    pub(in crate::graph) softcap: Option<f32>,
    /// How many tokens a token sees, itself among them; all where there is none.
    pub(in crate::graph) window: Option<usize>,
    pub(in crate::graph) turn: Option<&'a Turn>,
    /// Added to scores, `[batch, heads, sequence, total_sequence]`. Providers for WebNN have no kernel with it.
    pub(in crate::graph) bias: Option<&'a Value>,
}

/// Norms of each head's queries and keys, `[batch, sequence, heads, size]`.
pub(in crate::graph) type HeadNorm<'n> = &'n dyn Fn(&mut Builder, &str, Value) -> Result<Value, Error>;

/// The numbers that the cache has of a head.
pub(in crate::graph) fn cached_size(size: usize) -> usize {
    size.next_multiple_of(HEAD_STEP)
}

impl Attention<'_> {
    /// Whether queries, keys and values may come in one tensor, as they are.
    pub(in crate::graph) fn takes_packed(&self) -> bool {
        self.size == cached_size(self.size) && !matches!(self.turn, Some(Turn::Before(_)))
    }

    /// Of queries, keys and values side by side, `[batch, sequence, (heads + 2 keys) × size]`.
    pub(in crate::graph) fn packed(
        &self,
        graph: &mut Builder,
        scope: &str,
        tokens: &Tokens,
        layer: usize,
        projected: &Value,
    ) -> Value {
        self.operator(graph, scope, tokens, layer, [projected, "", ""])
    }

    /// Of queries, keys and values, `[batch, sequence, heads × size]` each.
    pub(in crate::graph) fn apart(
        &self,
        graph: &mut Builder,
        scope: &str,
        tokens: &Tokens,
        layer: usize,
        projected: [Value; 3],
        norms: Option<[HeadNorm; 2]>,
    ) -> Result<Value, Error> {
        let (size, wide) = (self.size, cached_size(self.size));
        let turn = if let Some(Turn::Before(rotary)) = self.turn { Some(rotary) } else { None };
        let mut ready = Vec::with_capacity(3);
        for (part, states) in projected.into_iter().enumerate() {
            let (name, heads) = [("query", self.heads), ("key", self.keys), ("value", self.keys)][part];
            let scope = format!("{scope}/{name}");
            let norm = norms.as_ref().and_then(|norms| norms.get(part));
            let turn = turn.filter(|_| part < 2);
            if norm.is_none() && turn.is_none() && wide == size {
                ready.push(states);
                continue;
            }
            let mut states = split(graph, &scope, &states, heads, size);
            if let Some(norm) = norm {
                states = norm(graph, &scope, states)?;
            }
            if let Some(rotary) = turn {
                states = rotary.apply(graph, &scope, &states);
            }
            if wide > size {
                let pads = graph.int64s(&[0, 0, 0, 0, 0, 0, 0, (wide - size) as i64]);
                states = graph.node(&scope, "Pad", &[&states, &pads], &[]);
            }
            ready.push(merge(graph, &scope, &states, heads, wide));
        }
        let [query, key, value] = [0, 1, 2].map(|part| ready[part].as_str());
        let context = self.operator(graph, scope, tokens, layer, [query, key, value]);
        if wide == size {
            return Ok(context);
        }
        let context = split(graph, &format!("{scope}/context"), &context, self.heads, wide);
        let (start, end, axis) = (graph.int64s(&[0]), graph.int64s(&[size as i64]), graph.int64s(&[3]));
        let context = graph.node(&format!("{scope}/context"), "Slice", &[&context, &start, &end, &axis], &[]);
        Ok(merge(graph, &format!("{scope}/context"), &context, self.heads, size))
    }

    /// The operator, with its inputs and outputs of the cache.
    fn operator(
        &self,
        graph: &mut Builder,
        scope: &str,
        tokens: &Tokens,
        layer: usize,
        [query, key, value]: [&str; 3],
    ) -> Value {
        let size = cached_size(self.size);
        let length =
            |name| [Length::Symbol("batch"), Length::Fixed(self.keys), tokens.length(name), Length::Fixed(size)];
        let past = |part: &str| format!("past.{layer}.{part}");
        let present = |part: &str| format!("present.{layer}.{part}");
        for part in ["key", "value"] {
            graph.input(&past(part), DataType::Float, &length("past_sequence"));
        }
        let (past_key, past_value) = (past("key"), past("value"));
        let mut inputs = vec![query, key, value, &past_key, &past_value, &tokens.seqlens_k, &tokens.total];
        let mut attributes = vec![
            ("num_heads", Attribute::Int(self.heads as i64)),
            ("kv_num_heads", Attribute::Int(self.keys as i64)),
            ("scale", Attribute::Float(self.scale)),
        ];
        if let Some(Turn::Within { cos, sin, neighbours }) = self.turn {
            inputs.extend([cos.as_str(), sin.as_str()]);
            attributes.push(("do_rotary", Attribute::Int(1)));
            attributes.push(("rotary_interleaved", Attribute::Int(i64::from(*neighbours))));
        }
        if let Some(bias) = self.bias {
            // Cosines, sines and positions come before.
            inputs.resize(BIAS_INPUT, "");
            inputs.push(bias);
        }
        if let Some(softcap) = self.softcap {
            graph.note(SOFTCAP_KEY, softcap);
        }
        attributes.extend(self.softcap.map(|softcap| ("softcap", Attribute::Float(softcap))));
        attributes.extend(self.window.map(|window| ("local_window_size", Attribute::Int(window as i64))));
        let (key, value) = (present("key"), present("value"));
        let context = graph.contrib(scope, "GroupQueryAttention", &inputs, &[&key, &value], &attributes);
        for name in [key, value] {
            graph.output(&name, DataType::Float, &length("present_sequence"));
        }
        context
    }
}
