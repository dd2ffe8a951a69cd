//! Graphs of encoder–decoders: three of one checkpoint.
//!
//! **Encoder** (role `encoder`): `input_ids`, `attention_mask` `[batch, sequence]`, int32, to `last_hidden_state`
//! `[batch, sequence, hidden]`. Padding is where the mask is 0.
//!
//! **Cross** (role `cross`), run once a text: `encoder_hidden_states` `[batch, encoder_sequence, hidden]` to what every
//! step of the decoder looks at, `cross.N.key` `[batch, heads, size, encoder_sequence]` and `cross.N.value`
//! `[batch, heads, encoder_sequence, size]`.
//!
//! **Decoder** (role `decoder`): as [a decoder's](super), and beside its inputs `encoder_attention_mask`
//! `[batch, encoder_sequence]`, int32, and all of `cross.N.key` and `cross.N.value`. T5's also takes `key_positions`
//! `[total_sequence]`, int32: 0, 1, 2, …, as many as `total_sequence_length`. Rows of a batch have equally many tokens in
//! the decoder, so `seqlens_k` is `total_sequence_length` less 1 in each.

mod bart;
mod cross;
mod positions;
mod t5;

use crate::graph::{
    BuildOptions, BuiltGraph, Checkpoint, Config, Error, Files, IndexType,
    builder::{Builder, Length, Value},
    folder::Folded,
    onnx::DataType,
};

use super::{CONTEXT_KEY, Generation, GenerationOptions};

/// Every architecture.
const ALL: &[&dyn EncoderDecoder] = &[&t5::T5, &bart::Bart];

/// The graphs of an encoder–decoder, and what generating text with them needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderDecoderGraphs {
    /// The graph in the role `encoder`.
    pub encoder: BuiltGraph,
    /// The graph in the role `cross`.
    pub cross: BuiltGraph,
    /// The graph in the role `decoder`.
    pub decoder: BuiltGraph,
    /// What the decoder is given and gives.
    pub generation: Generation,
    /// What it looks at of the encoder.
    pub seen: Seen,
}

/// What a decoder looks at of an encoder's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The width of the encoder's states.
    pub hidden: usize,
    /// Heads of `cross.N.key` and `cross.N.value`.
    pub heads: usize,
    /// Numbers of each.
    pub size: usize,
    /// Tokens that the encoder was trained for; none where it has no such bound.
    pub encoder_context: Option<usize>,
    /// Whether the decoder takes `key_positions`.
    pub key_positions: bool,
}

/// A way to lay out a checkpoint's tensors as encoder and decoder.
trait EncoderDecoder: Sync {
    /// The values of `model_type` in `config.json` that it stands for.
    fn model_types(&self) -> &'static [&'static str];

    /// Adds the encoder; gives its last states, and their width.
    fn encoder(&self, graph: &mut Builder<'_>, config: &Config) -> Result<(Value, usize), Error>;

    /// Adds the keys and values of every layer.
    fn cross(&self, graph: &mut Builder<'_>, config: &Config, states: &Value) -> Result<Seen, Error>;

    /// Adds the decoder.
    fn decoder(
        &self,
        graph: &mut Builder<'_>,
        config: &Config,
        options: &GenerationOptions,
    ) -> Result<Generation, Error>;
}

/// Whether a checkpoint of this config has a builder as an encoder–decoder.
#[must_use]
pub fn translates(config: &Config) -> bool {
    find(config).is_some()
}

#[cfg(test)]
pub(super) fn model_types() -> Vec<&'static str> {
    ALL.iter().flat_map(|architecture| architecture.model_types()).copied().collect()
}

fn find(config: &Config) -> Option<&'static dyn EncoderDecoder> {
    let model_type = config.model_type();
    ALL.iter().find(|architecture| architecture.model_types().contains(&model_type)).copied()
}

/// Builds the graphs of an encoder–decoder in a folder of the model; its own folder where that is empty.
///
/// # Errors
/// As [`build`](crate::graph::build).
pub fn build_encoder_decoder_in(
    files: &dyn Files,
    folder: &str,
    options: &GenerationOptions,
) -> Result<EncoderDecoderGraphs, Error> {
    let files = Folded::new(files, folder)?;
    let config = Config::read_in(&files)?;
    config.refuse_quantised()?;
    let Some(architecture) = find(&config) else {
        let supported = ALL.iter().flat_map(|architecture| architecture.model_types()).copied().collect();
        return Err(Error::UnsupportedArchitecture { model_type: config.model_type().to_owned(), supported });
    };
    let checkpoint = Checkpoint::read_in(&files)?;
    let own = BuildOptions { index_type: IndexType::Int32, parent: options.parent.clone() };

    let mut graph = Builder::new(&checkpoint, &own);
    let (states, hidden) = architecture.encoder(&mut graph, &config)?;
    let encoder = graph.finish("last_hidden_state", states, hidden, config.model_type());

    let mut graph = Builder::new(&checkpoint, &own);
    let shape = [Length::Symbol("batch"), Length::Symbol("encoder_sequence"), Length::Fixed(hidden)];
    let states = graph.input("encoder_hidden_states", DataType::Float, &shape);
    let seen = architecture.cross(&mut graph, &config, &states)?;
    let cross = graph.done(config.model_type());

    let mut graph = Builder::new(&checkpoint, &own);
    let generation = architecture.decoder(&mut graph, &config, options)?;
    graph.note(CONTEXT_KEY, generation.context);
    let decoder = graph.done(config.model_type());
    Ok(EncoderDecoderGraphs { encoder, cross, decoder, generation, seen })
}
