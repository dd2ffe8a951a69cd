//! What is wrong with a model, or with the name of one.

use std::path::PathBuf;

use crate::content::ContentError;
use crate::graph;

/// An error about a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The store.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// No folder.
    #[error("{} is not a folder: give the folder that holds config.json and the weights", path.display())]
    NotAFolder {
        /// What was given.
        path: PathBuf,
    },
    /// A file that a model must have.
    #[error("{} has no {expected}: a model's folder needs config.json, its weights (model.safetensors or an .onnx file) and, for text, tokenizer.json", path.display())]
    MissingFile {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        expected: String,
    },
    /// A file that should hold JSON.
    #[error("{} is not the JSON it should be ({source}): download the model again", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// The checkpoint's own files.
    #[error(transparent)]
    Checkpoint(#[from] graph::Error),
    /// An `.onnx` file that is none.
    #[error("{} is not an ONNX model: {reason}; download it again", path.display())]
    NotOnnx {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A name that cannot be one.
    #[error("{name:?} cannot be a model's name: {reason}")]
    InvalidName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A name that nobody gave.
    #[error("no model is named {name:?}; {}", if known.is_empty() { "none was added yet: `pelago model add FOLDER`".to_owned() } else { format!("there are {}", known.join(", ")) })]
    UnknownName {
        /// The name.
        name: String,
        /// Names there are, the nearest first.
        known: Vec<String>,
    },
    /// A folder that was never added.
    #[error("{} is a folder that was not added: run `pelago model add {}` first", path.display(), path.display())]
    NotAdded {
        /// The folder.
        path: PathBuf,
    },
    /// A family that neither config nor name tells.
    #[error(
        "the family of {name} is not known from its config.json (model_type {model_type:?}) or its name: add it with --family"
    )]
    UnknownFamily {
        /// The model's name.
        name: String,
        /// What its config says.
        model_type: String,
    },
}
