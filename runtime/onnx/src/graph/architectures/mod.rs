//! The architectures that have a builder: one file each, listed in [`ALL`].

mod albert;
mod bert;
mod buckets;
mod deberta;
mod distilbert;
mod electra;
mod ernie;
mod gemma3;
mod gte;
mod inputs;
mod jina;
mod llama;
mod modernbert;
mod mpnet;
mod nomic_bert;
mod roberta;
mod t5;

pub(super) use gemma3::frequencies as gemma3_frequencies;
pub(super) use llama::key_heads;
pub(super) use t5::{T5, feed_forward as t5_feed_forward};

use super::{
    Config, Error,
    builder::{Builder, Value},
};

/// Every architecture.
pub(super) const ALL: &[&dyn Architecture] = &[
    &bert::Bert,
    &roberta::Roberta,
    &distilbert::DistilBert,
    &mpnet::MpNet,
    &albert::Albert,
    &electra::Electra,
    &ernie::Ernie,
    &deberta::DebertaV2,
    &modernbert::ModernBert,
    &nomic_bert::NomicBert,
    &gte::Gte,
    &t5::T5,
    &llama::Llama,
    &gemma3::Gemma3,
];

/// A way to lay out a checkpoint's tensors as a graph.
pub trait Architecture: Sync {
    /// The values of `model_type` in `config.json` that it stands for.
    fn model_types(&self) -> &'static [&'static str];

    /// What the names of its tensors may begin with, and one tensor that every
    /// checkpoint has.
    #[doc(hidden)]
    fn prefixes(&self) -> (&'static [&'static str], &'static str);

    /// Whether it stands for what a checkpoint's own code computes too, for those
    /// that come with such code (`auto_map` names one for `AutoModel`).
    #[doc(hidden)]
    fn knows_own_code(&self, config: &Config) -> bool {
        let _ = config;
        false
    }

    /// Adds the nodes; gives the last hidden state, `[batch, sequence,
    /// hidden]`, and the size of `hidden`.
    #[doc(hidden)]
    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error>;
}

/// Which layers see a window only: as `layer_types` says, or, in configs without
/// it, by a layer's number and the number in `field`.
pub(super) fn layer_types(
    config: &Config,
    layers: usize,
    field: &'static str,
    default: usize,
    slides: fn(usize, usize) -> bool,
) -> Result<Vec<bool>, Error> {
    let wrong = || config.wrong("layer_types", "full_attention or sliding_attention for each layer");
    let slides_by_name = |name: &str| match name {
        "full_attention" => Ok(false),
        "sliding_attention" => Ok(true),
        _ => Err(wrong()),
    };
    if let Some(names) = config.words("layer_types", layers)? {
        return names.into_iter().map(slides_by_name).collect();
    }
    let number = config.length(field, Some(default))?;
    // A pattern of no layers is none; the first layer that slides may be the first.
    if number == 0 && field != "max_window_layers" {
        return Err(config.wrong(field, "a positive integer"));
    }
    Ok((0..layers).map(|layer| slides(layer, number)).collect())
}
