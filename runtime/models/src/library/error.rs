//! What can be wrong with a model or its name, and what to do about it.

use std::path::PathBuf;

use pelago_content::StoreError;
use pelago_protocol::{Advice, Setting};

/// An error of the models area.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The content store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the folder could not be read.
    #[error("cannot read {}: {source}; check the path, and that you may read it", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no `config.json`, in the folder or in exactly one folder in it.
    #[error(
        "{} is no model folder: expected a config.json in it, found {found}; name the folder that holds config.json",
        folder.display()
    )]
    NoConfig {
        /// The folder.
        folder: PathBuf,
        /// What was found in its place.
        found: &'static str,
    },
    /// A graph by itself.
    #[error("{} holds an ONNX graph without a config.json, which would say what it is for", folder.display())]
    Bare {
        /// The folder.
        folder: PathBuf,
    },
    /// A JSON file does not hold what it must.
    #[error("{}: expected {expected}, found {actual}; download the file again", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// What it must hold.
        expected: &'static str,
        /// What it holds.
        actual: String,
    },
    /// One file that stands for a model.
    #[error("{} cannot be taken as a model: {problem}", file.display())]
    Archive {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file that was not downloaded.
    #[error("{} is a pointer of Git LFS, not the file: run `git lfs pull` in the clone, or download the file", file.display())]
    Pointer {
        /// The file.
        file: PathBuf,
    },
    /// What the folder says of texts.
    #[error("{}: {source}", folder.display())]
    Text {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        source: pelago_text::Error,
    },
    /// There are no weights that can be run.
    #[error(
        "{} holds no .safetensors, .onnx or .gguf files: convert the weights to safetensors, or export the model to ONNX",
        folder.display()
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// A text model without a tokenizer.
    #[error("{} is a text model, but has no tokenizer: expected one of {expected}; copy it from the model's source", folder.display())]
    NoTokenizer {
        /// The folder.
        folder: PathBuf,
        /// The files any of which would do.
        expected: String,
    },
    /// A file is shorter or longer than it says itself.
    #[error("{}: by its own header it has {expected} bytes, found {actual}; download the file again", file.display())]
    Length {
        /// The file.
        file: PathBuf,
        /// Bytes by the header.
        expected: u64,
        /// Bytes on the disk.
        actual: u64,
    },
    /// A safetensors header that is not one.
    #[error("{}: not a safetensors file: expected {expected}, found {actual}; download the file again", file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// What the format wants.
        expected: &'static str,
        /// What is there.
        actual: String,
    },
    /// A tensor whose place, dtype and shape contradict each other or its neighbour.
    #[error(
        "{}: tensor {tensor:?}: expected {expected}, found {actual}; the header is wrong: download the file again",
        file.display()
    )]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        tensor: String,
        /// What would be consistent.
        expected: String,
        /// What the header says.
        actual: String,
    },
    /// A shard, or a tensor in it, that the index names and that is not there.
    #[error("{} names {missing} in {shard:?}, which is not there: download all shards again", file.display())]
    Shard {
        /// The index file.
        file: PathBuf,
        /// The shard's file name.
        shard: String,
        /// What is missing: the file, or a tensor.
        missing: String,
    },
    /// A file that is not an ONNX model, or weights of one that are absent, too short or outside the folder.
    #[error("{}: {source}", folder.display())]
    Onnx {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with which of its files.
        source: pelago_onnx::Error,
    },
    /// A GGUF file that is damaged, or has what is not supported.
    #[error("{}: {source}", file.display())]
    Gguf {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: Box<pelago_onnx::gguf::Error>,
    },
    /// No rule knows the model.
    #[error(
        "the family of {name:?} is not known ({found}): name it, one of {}",
        pelago_protocol::Family::WORDS.join(", ")
    )]
    UnknownFamily {
        /// The model.
        name: String,
        /// The clues that did not help.
        found: String,
    },
    /// A name that no model has.
    #[error("no model is called {name:?}{}", suggestion(nearest))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// The nearest names, best first.
        nearest: Vec<String>,
    },
    /// A folder, where a model of the store is needed.
    #[error("{} is a folder that is no model's name", path.display())]
    NotAdded {
        /// The folder.
        path: PathBuf,
    },
    /// A name that did not stand for so many things.
    #[error("{name} cannot go back {steps}: it has stood for {known} so far")]
    NoHistory {
        /// The name.
        name: String,
        /// How far back was asked for.
        steps: usize,
        /// Entries of its history.
        known: usize,
    },
    /// A name that cannot be given.
    #[error("{name:?} cannot be a model's name ({reason})")]
    BadName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The content went while it was being named or linked.
    #[error("{cid} was removed by another process meanwhile: add it again")]
    Removed {
        /// The root.
        cid: Box<pelago_content::Cid>,
    },
    /// The task that did the work ended early.
    #[error("the check of {} ended early: {source}", folder.display())]
    Worker {
        /// The folder that was checked.
        folder: PathBuf,
        /// What became of it.
        source: tokio::task::JoinError,
    },
}

impl ModelError {
    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::Bare { .. } => Advice::from("name its family, e.g. ").set(Setting::Family, "vision"),
            Self::UnknownName { .. } => Advice::none()
                .command("model list")
                .text(" shows all, ")
                .command("model add")
                .text(" with a folder adds one"),
            Self::NotAdded { path } => {
                Advice::from("add it first: ").command("model add").text(format!(" {}", path.display()))
            }
            Self::NoHistory { .. } => Advice::none().command("model history").text(" with the name shows them"),
            Self::BadName { .. } => Advice::from("choose another with ").setting(Setting::Name),
            _ => Advice::none(),
        }
    }
}

fn suggestion(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!(" (nearest: {})", nearest.join(", ")) }
}
