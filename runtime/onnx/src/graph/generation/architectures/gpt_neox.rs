//! GPT-NeoX (Black et al. 2022), which Pythia is too: rotary positions on a part of each head, attention and feed-forward
//! side by side, and queries, keys and values of each head below each other in one weight.

use crate::graph::{
    Config, Error,
    activation::Activation,
    builder::{Attribute, Builder, Value},
    encoder,
    generation::{
        Generation, GenerationOptions,
        attention::{Attention, Turn},
        head::Head,
        norm::Norm,
        tokens::Tokens,
    },
    rotary::{Frequencies, Pairs},
};

use super::{Causal, Sizes, prefix};

pub(super) struct GptNeoX;

impl Causal for GptNeoX {
    fn model_types(&self) -> &'static [&'static str] {
        &["gpt_neox"]
    }

    fn add_to(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error> {
        let (hidden, heads) = config.heads("hidden_size", "num_attention_heads")?;
        let trained = config.count("max_position_embeddings")?;
        let sizes = Sizes {
            hidden,
            layers: config.layers("num_hidden_layers")?,
            heads,
            keys: heads,
            size: hidden / heads,
            vocabulary: config.count("vocab_size")?,
            trained,
            context: options.room(trained),
        };
        let wide = config.count("intermediate_size")?;
        let norm = Norm::Layer { epsilon: config.number("layer_norm_eps", 1e-5)? };
        let activation = Activation::read_or(config, "hidden_act", Activation::Gelu)?;
        let bias = config.flag("attention_bias", true)?;
        let beside = config.flag("use_parallel_residual", true)?;
        let frequencies = frequencies(config, sizes.size)?;
        let prefix = prefix(graph, "gpt_neox.", "embed_in.weight");

        let tokens = Tokens::new(graph, options);
        let table = format!("{prefix}embed_in");
        let mut state = encoder::embedding(graph, &table, &tokens.input_ids, sizes.vocabulary, hidden)?;
        let turn = Turn::new(graph, "rotary_emb", &tokens, &frequencies, sizes.size, Pairs::Halves, sizes.context);
        let module = |layer: usize, name: &str| format!("{prefix}layers.{layer}.{name}");
        let mut normal = norm.of(graph, &module(0, "input_layernorm"), &state, hidden)?;
        for layer in 0..sizes.layers {
            let module = |name: &str| module(layer, name);
            let name = module("attention.query_key_value");
            let projected = encoder::linear_with(graph, &name, &normal, hidden, 3 * hidden, bias)?;
            let projected = side_by_side(graph, &name, &projected, heads, sizes.size);
            let scale = 1.0 / (sizes.size as f32).sqrt();
            let attention = Attention {
                heads,
                keys: heads,
                size: sizes.size,
                scale,
                softcap: None,
                window: None,
                turn: Some(&turn),
                bias: None,
            };
            let scope = module("attention");
            let context = match attention.takes_packed() {
                true => attention.packed(graph, &scope, &tokens, layer, &projected),
                false => {
                    let axis = graph.int64s(&[2]);
                    let parts = [0, 1, 2].map(|part| {
                        let start = graph.int64s(&[(part * hidden) as i64]);
                        let end = graph.int64s(&[((part + 1) * hidden) as i64]);
                        graph.node(&format!("{name}/{part}"), "Slice", &[&projected, &start, &end, &axis], &[])
                    });
                    attention.apart(graph, &scope, &tokens, layer, parts, None)?
                }
            };
            let attended = encoder::linear_with(graph, &module("attention.dense"), &context, hidden, hidden, bias)?;
            let name = module("post_attention_layernorm");
            let before;
            (before, state) = match beside {
                true => (norm.of(graph, &name, &state, hidden)?, state),
                false => norm.of_sum(graph, &name, [&state, &attended], hidden)?,
            };
            let scope = module("mlp.dense_h_to_4h");
            let inner = encoder::linear(graph, &scope, &before, hidden, wide)?;
            let inner = activation.add_to(graph, &scope, &inner);
            let mut output = encoder::linear(graph, &module("mlp.dense_4h_to_h"), &inner, wide, hidden)?;
            if beside {
                output = graph.node(&module("mlp/attention"), "Add", &[&output, &attended], &[]);
            }
            let next = match layer + 1 < sizes.layers {
                true => format!("{prefix}layers.{}.input_layernorm", layer + 1),
                false => format!("{prefix}final_layer_norm"),
            };
            (normal, state) = norm.of_sum(graph, &next, [&state, &output], hidden)?;
        }
        let module = if config.flag("tie_word_embeddings", false)? { &table } else { "embed_out" };
        let head = Head { module, hidden, vocabulary: sizes.vocabulary, bias: None, softcap: None };
        head.add_to(graph, &tokens, options.logits, &normal)?;
        Ok(sizes.generation(vec![None; sizes.layers]))
    }
}

/// Of a part of each head; older configs have names of their own for its size and for the base.
fn frequencies(config: &Config, size: usize) -> Result<Frequencies, Error> {
    let (share, theta) = (config.real("rotary_pct", 0.25)?, config.real("rotary_emb_base", 10_000.0)?);
    let inner = config.object("rope_parameters")?.unwrap_or_default();
    let share = inner.real("partial_rotary_factor", config.real("partial_rotary_factor", share)?)?;
    let theta = inner.real("rope_theta", config.real("rope_theta", theta)?)?;
    let turned = (size as f64 * share) as usize;
    if turned == 0 || turned > size {
        return Err(config.wrong("rotary_pct", "a share of a head's numbers, up to 1"));
    }
    let scaled = config.get("rope_scaling").is_some() || inner.get("rope_type").is_some_and(|kind| kind != "default");
    if scaled {
        return Err(config.wrong("rope_scaling", "null"));
    }
    Frequencies::unscaled(config, "rotary_pct", turned, theta)
}

/// `[batch, sequence, heads, 3, size]` as all queries, all keys, all values.
fn side_by_side(graph: &mut Builder, name: &str, projected: &Value, heads: usize, size: usize) -> Value {
    let apart = graph.int64s(&[0, 0, heads as i64, 3, size as i64]);
    let together = graph.int64s(&[0, 0, (3 * heads * size) as i64]);
    let states = graph.node(&format!("{name}/heads"), "Reshape", &[projected, &apart], &[]);
    let order = [("perm", Attribute::Ints(&[0, 1, 3, 2, 4]))];
    let states = graph.node(&format!("{name}/heads"), "Transpose", &[&states], &order);
    graph.node(&format!("{name}/side_by_side"), "Reshape", &[&states, &together], &[])
}
