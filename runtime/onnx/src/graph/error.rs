//! Why a checkpoint could not be made into a graph.

use std::io;

/// What is wrong with a checkpoint, and what would do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no checkpoint: its config is absent, or all of its weights.
    #[error("there is no {file}: a graph is built of config.json and safetensors files, which must be in one folder")]
    NoCheckpoint {
        /// Relative to the model's folder.
        file: String,
    },
    /// A folder that is not within the model's.
    #[error("{folder:?} is not a path within the model's folder: do not trust the model")]
    FolderName {
        /// What was asked for.
        folder: String,
    },
    /// A file of the model could not be read.
    #[error("cannot read {file}: {source}; the model needs config.json and its safetensors files in one folder")]
    Read {
        /// Relative to the model's folder.
        file: String,
        /// As the source of the files gave it.
        source: io::Error,
    },
    /// A file that should hold JSON does not.
    #[error("{file} is not the JSON it should be ({source}): add the model again from an undamaged copy")]
    Json {
        /// Relative to the model's folder.
        file: String,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// A setting of `config.json` is absent or of another kind.
    #[error(
        "config.json: {field} is {actual} where {expected} was expected: use the config.json that the checkpoint came \
             with, or a model that comes with an ONNX file"
    )]
    Setting {
        /// Its key.
        field: &'static str,
        /// What would do.
        expected: String,
        /// What is there, as JSON; `absent` where nothing is.
        actual: String,
    },
    /// No builder for this architecture.
    #[error(
        "no graph builder for model_type {model_type:?}: use one of {}, or a model that comes with an ONNX file",
        supported.join(", ")
    )]
    UnsupportedArchitecture {
        /// `model_type` of `config.json`; empty where it has none.
        model_type: String,
        /// Every `model_type` that has a builder.
        supported: Vec<&'static str>,
    },
    /// The file ends before its header does, or its header is absurdly long.
    #[error("{file} is not a whole safetensors file: a header of {length} bytes in {size} bytes; download it again")]
    HeaderLength {
        /// Relative to the model's folder.
        file: String,
        /// Length of the header as the file says it, in bytes.
        length: u64,
        /// Length of the file, in bytes.
        size: u64,
    },
    /// A tensor's bytes lie outside the file.
    #[error(
        "{file}: {tensor} is said to be at bytes {begin}..{end} of {size} bytes of data: the file is truncated or its \
         header lies; download it again"
    )]
    Offsets {
        /// Relative to the model's folder.
        file: String,
        /// Which tensor.
        tensor: String,
        /// First byte, from the end of the header.
        begin: u64,
        /// One past the last byte.
        end: u64,
        /// Bytes of data that the file has.
        size: u64,
    },
    /// A tensor's bytes do not fill its shape.
    #[error(
        "{file}: {tensor} of {dtype} {shape:?} is said to have {actual} bytes, which do not fill that shape: the \
         header lies; download it again"
    )]
    Length {
        /// Relative to the model's folder.
        file: String,
        /// Which tensor.
        tensor: String,
        /// Element type, as safetensors writes it.
        dtype: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes between its offsets.
        actual: u64,
    },
    /// The index of a sharded checkpoint names a file outside the folder.
    #[error("model.safetensors.index.json: {tensor} is in {file:?}, which is not a plain file name: do not trust it")]
    ShardName {
        /// Which tensor.
        tensor: String,
        /// What the index says.
        file: String,
    },
    /// The checkpoint lacks a tensor that its config asks for.
    #[error("the checkpoint has no {tensor} of shape {expected:?}: it does not fit its config.json, or is incomplete")]
    MissingTensor {
        /// Its full name.
        tensor: String,
        /// The shape that the config asks for.
        expected: Vec<usize>,
    },
    /// A tensor has another shape than the config asks for.
    #[error("{tensor} should be {expected:?} but is {actual:?}: config.json belongs to another checkpoint")]
    Shape {
        /// Its full name.
        tensor: String,
        /// The shape that the config asks for.
        expected: Vec<usize>,
        /// The shape it has.
        actual: Vec<usize>,
    },
    /// A tensor has an element type that weights are not kept in.
    #[error("{tensor} is {actual}; weights must be F32, F16, BF16 or F64: use an unquantised checkpoint")]
    ElementType {
        /// Its full name.
        tensor: String,
        /// As safetensors writes it.
        actual: String,
    },
}

impl Error {
    /// Whether nothing is wrong with the checkpoint, but no graph can be built of
    /// it: there is none, or it has an architecture, a setting or an element type
    /// that has no builder. A model's own ONNX file may then serve instead.
    ///
    /// All others mean a checkpoint that is damaged or does not fit its config,
    /// which nothing may replace in silence.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self,
            Self::NoCheckpoint { .. }
                | Self::Setting { .. }
                | Self::UnsupportedArchitecture { .. }
                | Self::ElementType { .. }
        )
    }
}
