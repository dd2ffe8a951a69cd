//! The architectures that have a builder: one file each, listed in [`ALL`].

mod bert;
mod distilbert;
mod mpnet;
mod roberta;

use super::{
    Config, Error,
    builder::{Builder, Value},
};

/// Every architecture.
pub(super) const ALL: &[&dyn Architecture] = &[&bert::Bert, &roberta::Roberta, &distilbert::DistilBert, &mpnet::MpNet];

/// A way to lay out a checkpoint's tensors as a graph.
pub trait Architecture: Sync {
    /// The values of `model_type` in `config.json` that it stands for.
    fn model_types(&self) -> &'static [&'static str];

    /// What the names of its tensors may begin with, and one tensor that every
    /// checkpoint has.
    #[doc(hidden)]
    fn prefixes(&self) -> (&'static [&'static str], &'static str);

    /// Adds the nodes; gives the last hidden state, `[batch, sequence,
    /// hidden]`, and the size of `hidden`.
    #[doc(hidden)]
    fn add_to(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error>;
}
