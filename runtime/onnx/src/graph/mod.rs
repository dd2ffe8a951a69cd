//! Makes an ONNX graph of a checkpoint (`config.json` and safetensors), without
//! copying a weight: the graph's initializers point into the safetensors files.
//!
//! | a checkpoint gives | function | inputs and outputs |
//! | --- | --- | --- |
//! | states of tokens | [`build`], [`build_in`] | [`BuiltGraph`] |
//! | labels, tokens, answers | [`build_head_in`] | [`heads`] |
//! | text that continues a text | [`build_decoder_in`] | [`generation`] |
//! | text of another text | [`build_encoder_decoder_in`] | [`generation::seq2seq`] |
//!
//! [`Kind::of`] tells them apart. Where the files come from, where the graph is kept and what runs it are not known here.

mod activation;
mod architectures;
mod attention;
mod builder;
mod checkpoint;
mod config;
mod decoder;
mod encoder;
mod error;
mod folder;
pub mod generation;
pub mod heads;
mod kind;
mod rotary;
mod rotary_encoder;
mod table;

#[cfg(test)]
mod tests;

pub use crate::files::{Files, Folder};
pub use crate::proto as onnx;
pub use architectures::Architecture;
pub use checkpoint::{Checkpoint, Location};
pub use config::Config;
pub use error::Error;
pub(crate) use generation::decoder;
pub use generation::{
    CONTEXT, CONTEXT_KEY, DecoderGraph, EncoderDecoderGraphs, Generation, GenerationOptions, Logits, SOFTCAP_KEY, Seen,
    WINDOW_KEY, build_decoder_in, build_encoder_decoder_in, decodes, translates,
};
pub use heads::{Head, HeadGraph, build_head_in};
pub use kind::Kind;
pub use table::build_table_in;

/// The element type of a graph's index inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexType {
    /// 32 bit: what WebGPU and WebNN have.
    #[default]
    Int32,
    /// 64 bit: what exporters write and transformers.js gives. Their conversion
    /// runs on the CPU provider in a browser.
    Int64,
}

/// How to build a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// The element type of `input_ids`, `attention_mask` and `token_type_ids`.
    pub index_type: IndexType,
    /// What the graph was made of, such as the CID of the model's folder: kept
    /// in the graph's metadata as `parent`.
    pub parent: Option<String>,
}

/// A graph and the files that it needs beside it.
///
/// Inputs: `input_ids`, `attention_mask` and, where the model has them,
/// `token_type_ids`, each `[batch, sequence]`. Output: `last_hidden_state`,
/// float32 `[batch, sequence, hidden]`. Decoders and heads have others
/// ([`generation`], [`heads`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltGraph {
    /// The ONNX file. Equal checkpoints and options give equal bytes.
    pub onnx: Vec<u8>,
    /// The files that its weights are in, as its external data names them:
    /// relative to the model's folder.
    pub external: Vec<String>,
    /// Whether it must be converted before it runs in a browser, since
    /// onnxruntime-web has no kernels for the element type of some weights
    /// (bfloat16, double). [`convert`](crate::precision::convert) with any recipe
    /// does that; `Recipe::new(32)` keeps every bit of them.
    pub needs_conversion: bool,
}

/// The builder for a config's `model_type`, if there is one.
#[must_use]
pub fn supported(config: &Config) -> Option<&'static dyn Architecture> {
    let model_type = config.model_type();
    architectures::ALL.iter().find(|architecture| architecture.model_types().contains(&model_type)).copied()
}

/// Builds the graph of a checkpoint. Reads its config and the headers of its
/// safetensors files, a few tens of kB.
///
/// # Errors
/// [`Error`]: every variant; [`Error::is_unsupported`] tells what is damaged from
/// what has no builder.
pub fn build(files: &dyn Files, options: &BuildOptions) -> Result<BuiltGraph, Error> {
    build_in(files, "", options)
}

/// Builds the graph of a checkpoint in a folder of the model, such as
/// `0_Transformer`. The graph is for the model's own folder: its external data is
/// in `0_Transformer/model.safetensors`.
///
/// # Errors
/// As [`build`].
pub fn build_in(files: &dyn Files, folder: &str, options: &BuildOptions) -> Result<BuiltGraph, Error> {
    let files = folder::Folded::new(files, folder)?;
    let config = Config::read_in(&files)?;
    let Some(architecture) = supported(&config) else {
        let supported = architectures::ALL.iter().flat_map(|architecture| architecture.model_types()).copied();
        let model_type = config.model_type().to_owned();
        return Err(Error::UnsupportedArchitecture { model_type, supported: supported.collect() });
    };
    let (prefixes, probe) = architecture.prefixes();
    config.refuse_quantised()?;
    if !architecture.knows_own_code(&config) {
        config.refuse_own_code()?;
    }
    let checkpoint = Checkpoint::read_in(&files)?.with_prefix(prefixes, probe);
    let mut graph = builder::Builder::new(&checkpoint, options);
    let (state, hidden) = architecture.add_to(&mut graph, &config)?;
    Ok(graph.finish("last_hidden_state", state, hidden, config.model_type()))
}
