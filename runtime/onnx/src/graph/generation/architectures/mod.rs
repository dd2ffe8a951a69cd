//! The architectures that generate text: one file each, listed in [`ALL`].

mod gemma;
mod gpt2;
mod gpt_neox;
mod layers;
mod llama;
mod phi3;

use crate::graph::{Config, Error, builder::Builder, onnx::DataType};

use super::{Generation, GenerationOptions, attention::cached_size};

/// Every architecture.
pub(super) const ALL: &[&dyn Causal] = &[&llama::Llama, &phi3::Phi3, &gemma::Gemma, &gpt2::Gpt2, &gpt_neox::GptNeoX];

/// A way to lay out a checkpoint's tensors as a decoder.
pub(in crate::graph) trait Causal: Sync {
    /// The values of `model_type` in `config.json` that it stands for.
    fn model_types(&self) -> &'static [&'static str];

    /// Adds the nodes, inputs and outputs.
    fn add_to(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error>;
}

/// A decoder's sizes.
struct Sizes {
    hidden: usize,
    layers: usize,
    heads: usize,
    keys: usize,
    /// Numbers of a head.
    size: usize,
    vocabulary: usize,
    /// Positions that the model was trained for.
    trained: usize,
    /// Positions of the graph.
    context: usize,
}

impl Sizes {
    /// What is said of the graph, whose layers have these windows.
    fn generation(&self, windows: Vec<Option<usize>>) -> Generation {
        Generation {
            layers: self.layers,
            key_heads: self.keys,
            head_size: cached_size(self.size),
            cache_dtype: DataType::Float,
            context: self.context,
            trained_context: self.trained,
            vocabulary: self.vocabulary,
            windows,
        }
    }
}

/// What comes before the names of a model's tensors: nothing where it was saved without its head.
fn prefix(graph: &Builder<'_>, prefix: &'static str, probe: &str) -> &'static str {
    if graph.has_weight(&format!("{prefix}{probe}")) { prefix } else { "" }
}
