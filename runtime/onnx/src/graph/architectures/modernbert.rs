//! ModernBERT (Warner et al. 2024): rotary positions, norms before layers, gated
//! feed-forward parts, and windows in two of three layers.

use crate::graph::{
    Config, Error,
    activation::Activation,
    attention::{self, Heads, Span},
    builder::{Builder, Value},
    encoder,
    rotary::{Frequencies, Rotary},
};

use super::{Architecture, layer_types};

pub(super) struct ModernBert;

/// The settings that its parts share.
struct Sizes {
    hidden: usize,
    intermediate: usize,
    epsilon: f32,
    activation: Activation,
    norm_bias: bool,
    attention_bias: bool,
    mlp_bias: bool,
}

impl Architecture for ModernBert {
    fn model_types(&self) -> &'static [&'static str] {
        &["modernbert"]
    }

    fn prefixes(&self) -> (&'static [&'static str], &'static str) {
        (&["", "model."], "embeddings.tok_embeddings.weight")
    }

    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error> {
        let layers = config.layers("num_hidden_layers")?;
        let (hidden, count) = config.heads("hidden_size", "num_attention_heads")?;
        let sizes = Sizes {
            hidden,
            intermediate: config.count("intermediate_size")?,
            epsilon: config.number("norm_eps", 1e-5)?,
            activation: Activation::read(config, "hidden_activation")?,
            norm_bias: config.flag("norm_bias", false)?,
            attention_bias: config.flag("attention_bias", false)?,
            mlp_bias: config.flag("mlp_bias", false)?,
        };
        let size = hidden / count;
        let places = config.length("max_position_embeddings", Some(8192))?;
        let window = config.length("local_attention", Some(128))? / 2;
        let sliding = layer_types(config, layers, "global_attn_every_n_layers", 3, |layer, every| layer % every != 0)?;

        let input_ids = graph.index_input("input_ids");
        let attention_mask = graph.index_input("attention_mask");
        let words = config.count("vocab_size")?;
        let rows = encoder::embedding(graph, "embeddings.tok_embeddings", &input_ids, words, hidden)?;
        let mut state = sizes.norm(graph, "embeddings.norm", &rows)?;

        let positions = encoder::range(graph, "position_ids", &input_ids);
        let distances = attention::distances(graph, &positions);
        let mask = attention::mask_bias(graph, &attention_mask);
        let mut kinds = Vec::new();
        for (slides, name, field, theta, span) in [
            (false, "full_attention", "global_rope_theta", 160_000.0, Span::Full),
            (true, "sliding_attention", "local_rope_theta", 10_000.0, Span::Within(window)),
        ] {
            let frequencies = frequencies(config, name, field, size, theta)?;
            if !sliding.contains(&slides) {
                kinds.push(None);
                continue;
            }
            let rotary = Rotary::new(graph, &format!("rotary_emb/{name}"), &positions, &frequencies, places);
            kinds.push(Some((rotary, span.bias(graph, &mask, &distances))));
        }
        for (layer, slides) in sliding.into_iter().enumerate() {
            let Some((rotary, bias)) = &kinds[usize::from(slides)] else { continue };
            let divisor = Some((size as f32).sqrt());
            let heads = Heads { count, keys: count, size, divisor, rotary: Some(rotary), bias };
            state = sizes.layer(graph, &heads, layer, state)?;
        }
        Ok((sizes.norm(graph, "final_norm", &state)?, hidden))
    }
}

/// Those of one kind of layer: `rope_parameters` has an object for each, older
/// configs a setting, with `rope_scaling` for both.
fn frequencies(
    config: &Config,
    kind: &'static str,
    field: &'static str,
    size: usize,
    theta: f64,
) -> Result<Frequencies, Error> {
    let theta = config.real(field, theta)?;
    let inner = match config.object("rope_parameters")? {
        Some(outer) => outer.object(kind)?,
        None => config.object("rope_scaling")?,
    };
    Frequencies::scaled(config, "rope_parameters", &inner.unwrap_or_default(), size, theta)
}

impl Sizes {
    fn norm(&self, graph: &mut Builder, name: &str, input: &Value) -> Result<Value, Error> {
        let norm = if self.norm_bias { encoder::layer_norm } else { encoder::layer_norm_unbiased };
        norm(graph, name, input, self.hidden, self.epsilon)
    }

    fn layer(&self, graph: &mut Builder, heads: &Heads, layer: usize, state: Value) -> Result<Value, Error> {
        let Self { hidden, intermediate, activation, attention_bias, mlp_bias, .. } = *self;
        let module = |name: &str| format!("layers.{layer}.{name}");
        // The embeddings' norm is the first layer's.
        let normal = if layer == 0 { state.clone() } else { self.norm(graph, &module("attn_norm"), &state)? };
        let name = module("attn.Wqkv");
        let mut part = |number: usize| {
            let rows = number * hidden..(number + 1) * hidden;
            encoder::linear_rows(graph, &name, &normal, hidden, 3 * hidden, attention_bias, rows)
        };
        let [query, key, value] = [part(0)?, part(1)?, part(2)?];
        let context = heads.attend(graph, &module("attn"), [&query, &key, &value], None)?;
        let name = module("attn.Wo");
        let output = encoder::linear_with(graph, &name, &context, hidden, hidden, attention_bias)?;
        let state = graph.node(&format!("{name}/residual"), "Add", &[&state, &output], &[]);

        let normal = self.norm(graph, &module("mlp_norm"), &state)?;
        let (name, rows) = (module("mlp.Wi"), 2 * intermediate);
        let gate = encoder::linear_rows(graph, &name, &normal, hidden, rows, mlp_bias, 0..intermediate)?;
        let up = encoder::linear_rows(graph, &name, &normal, hidden, rows, mlp_bias, intermediate..rows)?;
        let gate = activation.add_to(graph, &name, &gate);
        let wide = graph.node(&name, "Mul", &[&gate, &up], &[]);
        let name = module("mlp.Wo");
        let output = encoder::linear_with(graph, &name, &wide, intermediate, hidden, mlp_bias)?;
        Ok(graph.node(&format!("{name}/residual"), "Add", &[&state, &output], &[]))
    }
}
