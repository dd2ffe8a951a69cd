//! Graphs that generate text: decoders with a cache of keys and values.
//!
//! # The graph of a decoder
//!
//! | input | type | shape |
//! | --- | --- | --- |
//! | `input_ids` | int32 | `[batch, sequence]` |
//! | `seqlens_k` | int32 | `[batch]`: a row's tokens so far, with those of this run, less 1 |
//! | `total_sequence_length` | int32 | scalar: the tokens so far of the longest row, with those of this run |
//! | `past.N.key`, `past.N.value` | float32 | `[batch, key heads, past_sequence, head size]` |
//!
//! | output | type | shape |
//! | --- | --- | --- |
//! | `logits` | float32 | `[batch, vocabulary]`, or `[batch, sequence, vocabulary]` ([`Logits`]) |
//! | `next` | int32 | `[batch, 1]`, or `[batch, sequence]`: the most likely token, which may be the next `input_ids` |
//! | `next_seqlens_k`, `next_total_sequence_length` | int32 | what the run after is given, if it takes one token of each row |
//! | `present.N.key`, `present.N.value` | float32 | `[batch, key heads, present_sequence, head size]` |
//!
//! # The cache
//!
//! It may grow: `past` of the first run is empty (`past_sequence` 0), and later runs are given `present` of the one
//! before. Or it is static: `past` and `present` are one buffer with room for so many tokens, of which slots that are not
//! written yet may hold anything finite. Numbers of a head beyond the model's own (where its size is no multiple of 8) are
//! zeros. [`GenerationOptions::capacity`] makes the room of a static cache part of the graph.
//!
//! # Rows of different lengths
//!
//! Padding is at the right, of any token, and `seqlens_k` says where a row ends: what is computed for padding is never
//! looked at, and the next token of a shorter row takes the padding's slot in the cache. So each row gives what it gives
//! alone. Padding at the left is not supported. A prompt may come in several runs where `batch` is 1; a batch's prompt comes
//! in one run, as onnxruntime's `GroupQueryAttention` has it.

mod architectures;
mod attention;
mod head;
mod norm;
pub mod seq2seq;
mod tokens;

pub use seq2seq::{EncoderDecoderGraphs, Seen, build_encoder_decoder_in, translates};

use crate::graph::{
    BuildOptions, BuiltGraph, Checkpoint, Config, Error, Files, IndexType, builder::Builder, folder::Folded,
    onnx::DataType,
};

/// The default of [`GenerationOptions::context`].
pub const CONTEXT: usize = 4096;

/// What the graph's metadata calls [`Generation::context`].
pub const CONTEXT_KEY: &str = "context";

/// What the graph's metadata calls the fewest tokens that a layer's tokens see, where that is less than the context.
pub const WINDOW_KEY: &str = "window";

/// What the graph's metadata calls the bound of attention's scores, where there is one. WebGPU ignores it.
pub const SOFTCAP_KEY: &str = "attention_softcap";

/// Which logits a decoder gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logits {
    /// Those of each row's last token.
    #[default]
    Last,
    /// Those of every token, for perplexity.
    All,
}

/// How to build a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationOptions {
    /// Which logits it gives.
    pub logits: Logits,
    /// How many positions the graph has room for, at most: its tables of rotary positions are that long, half a MiB for
    /// 2048 positions of heads of 64. No more than the model was trained for.
    pub context: usize,
    /// The room of a static cache, where it is the same for every run: `past_sequence` and `present_sequence` are this
    /// number, and `total_sequence_length` is a constant and no input, as WebNN asks for. `batch` is 1 then, unless each run
    /// takes one token.
    pub capacity: Option<usize>,
    /// What the graph was made of, such as the CID of the model's folder: kept in the graph's metadata as `parent`.
    pub parent: Option<String>,
}

impl Default for GenerationOptions {
    fn default() -> Self {
        Self { logits: Logits::Last, context: CONTEXT, capacity: None, parent: None }
    }
}

impl GenerationOptions {
    /// Tokens that a row may have, of a model that was trained for so many.
    fn room(&self, trained: usize) -> usize {
        trained.min(self.context).min(self.capacity.unwrap_or(usize::MAX))
    }
}

/// What generating text with a decoder needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Layers, each of which has a key and a value in the cache.
    pub layers: usize,
    /// The cache's heads.
    pub key_heads: usize,
    /// The numbers that the cache has of each head: the model's, up to the next multiple of 8.
    pub head_size: usize,
    /// The cache's element type in the graph that is built.
    pub cache_dtype: DataType,
    /// Tokens that a row may have, prompt and answer together.
    pub context: usize,
    /// Tokens that the model was trained for.
    pub trained_context: usize,
    /// How many tokens there are: the length of a row of logits.
    pub vocabulary: usize,
    /// How many tokens each layer's tokens see, themselves among them; none where they see all.
    pub windows: Vec<Option<usize>>,
}

/// A decoder's graph, and what generating text with it needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderGraph {
    /// The graph, in the role `model`.
    pub model: BuiltGraph,
    /// What it is given and gives.
    pub generation: Generation,
}

/// Whether a checkpoint of this config has a builder for generating text.
#[must_use]
pub fn decodes(config: &Config) -> bool {
    find(config).is_some()
}

/// Builds the decoder of a checkpoint in a folder of the model; its own folder where that is empty. Reads its config
/// and the headers of its safetensors files.
///
/// # Errors
/// As [`build`](super::build).
pub fn build_decoder_in(files: &dyn Files, folder: &str, options: &GenerationOptions) -> Result<DecoderGraph, Error> {
    let files = Folded::new(files, folder)?;
    let config = Config::read_in(&files)?;
    config.refuse_quantised()?;
    // Microsoft publishes Phi-3 with code of its own, which computes what transformers' does.
    let own_code = config.object("auto_map")?.is_some_and(|map| map.contains("AutoModelForCausalLM"));
    if own_code && config.model_type() != "phi3" {
        return Err(config.wrong("auto_map", format_args!("no code of its own for a {}", config.model_type())));
    }
    decoder(&config, &Checkpoint::read_in(&files)?, options)
}

/// The decoder of a config and its tensors.
pub(crate) fn decoder(
    config: &Config,
    checkpoint: &Checkpoint,
    options: &GenerationOptions,
) -> Result<DecoderGraph, Error> {
    let Some(architecture) = find(config) else {
        let supported = architectures::ALL.iter().flat_map(|architecture| architecture.model_types()).copied();
        let model_type = config.model_type().to_owned();
        return Err(Error::UnsupportedArchitecture { model_type, supported: supported.collect() });
    };
    let own = BuildOptions { index_type: IndexType::Int32, parent: options.parent.clone() };
    let mut graph = Builder::new(checkpoint, &own);
    let generation = architecture.add_to(&mut graph, config, options)?;
    graph.note(CONTEXT_KEY, generation.context);
    if let Some(window) = generation.windows.iter().flatten().filter(|window| **window < generation.context).min() {
        graph.note(WINDOW_KEY, window);
    }
    Ok(DecoderGraph { model: graph.done(config.model_type()), generation })
}

fn find(config: &Config) -> Option<&'static dyn architectures::Causal> {
    let model_type = config.model_type();
    architectures::ALL.iter().find(|architecture| architecture.model_types().contains(&model_type)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page of tasks names what has a builder, and nothing else.
    #[test]
    fn the_page_of_tasks_names_every_architecture() {
        let page = include_str!("../../../../../docs/tasks.md");
        let row = |task: &str, types: Vec<&'static str>| {
            let mut types = types;
            types.sort_unstable();
            let types = types.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
            format!("| `{task}` | {types} |")
        };
        let decoders = architectures::ALL.iter().flat_map(|architecture| architecture.model_types()).copied();
        for row in [row("text-generation", decoders.collect()), row("text2text-generation", seq2seq::model_types())] {
            assert!(page.contains(&row), "docs/tasks.md lacks {row}");
        }
    }
}
