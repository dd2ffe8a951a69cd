//! What goes wrong before a model can run: each error has a code for scripts, a message for people and what to do next.

use pelago_content::StoreError;
use pelago_protocol::{Advice, Setting};
use pelago_protocol::{ErrorCode, Precision};

use crate::library::ModelError;
use crate::network::NetworkError;

/// Why a model cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The store of models.
    #[error(transparent)]
    Content(#[from] StoreError),
    /// A model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Fetching a model, or giving it to others.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Building a graph from a checkpoint.
    #[error("the graph of {model} cannot be built: {source}")]
    Graph {
        /// The model's name.
        model: String,
        /// Why not.
        source: pelago_onnx::graph::Error,
    },
    /// A GGUF file that is damaged, or has what is not supported.
    #[error("{model}: {source}")]
    Gguf {
        /// The model's name.
        model: String,
        /// What is wrong with it.
        source: Box<pelago_onnx::gguf::Error>,
    },
    /// A GGUF file without a tokenizer.
    #[error("the GGUF file of {model} has no tokenizer")]
    NoTokenizer {
        /// The model's name.
        model: String,
    },
    /// A GGUF file's tokenizer.
    #[error("the tokenizer of {model} cannot be read: {source}")]
    GgufTokenizer {
        /// The model's name.
        model: String,
        /// What is wrong with it.
        source: crate::gguf::GgufTokenizerError,
    },
    /// Several GGUF files, of which none is named.
    #[error("the folder of {model} has no GGUF file, or several, and only one can be run")]
    SeveralGguf {
        /// The model's name.
        model: String,
    },
    /// A text, or what the model's folder says of texts.
    #[error("{model}: {source}")]
    Text {
        /// The model's name.
        model: String,
        /// What is wrong.
        source: pelago_text::Error,
    },
    /// A precision that the model's folder does not publish.
    #[error(
        "{model} has no {precision} bit variant: looked for {}; the folder has {}",
        expected.join(", "),
        if found.is_empty() { "no ONNX file".to_owned() } else { found.join(", ") }
    )]
    NoVariant {
        /// The model's name.
        model: String,
        /// The precision that was asked for.
        precision: Precision,
        /// Files that would have done.
        expected: Vec<String>,
        /// ONNX files that are there.
        found: Vec<String>,
    },
    /// Making another precision of a model.
    #[error("{model}: {source}")]
    Precision {
        /// The model's name.
        model: String,
        /// What its graph or its weights lack.
        source: pelago_onnx::Error,
    },
    /// The folder in which a precision is made.
    #[error("a folder for a precision cannot be made: {source}")]
    Scratch {
        /// What the system said.
        source: std::io::Error,
    },
    /// Content that this process made a moment ago.
    #[error("{what} that was just made, {root}, is not whole: something else changes the store's folder")]
    Gone {
        /// What was made.
        what: &'static str,
        /// CID of its folder.
        root: String,
    },
    /// A task that panicked or was cancelled.
    #[error("{what} ended before its result: {source}")]
    Task {
        /// What it was to do.
        what: &'static str,
        /// How it ended.
        source: tokio::task::JoinError,
    },
}

impl PrepareError {
    /// A word that scripts can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Content(_) => "content",
            Self::Model(_) => "model",
            Self::Network(_) => "network",
            Self::Graph { .. } => "graph",
            Self::Gguf { .. } | Self::SeveralGguf { .. } | Self::NoTokenizer { .. } | Self::GgufTokenizer { .. } => {
                "gguf"
            }
            Self::Text { source, .. } => text_code(source),
            Self::NoVariant { .. } => "no_variant",
            Self::Precision { .. } => "precision",
            Self::Scratch { .. } => "scratch",
            Self::Gone { .. } => "gone",
            Self::Task { .. } => "task",
        }
    }

    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoVariant { .. } => Advice::from("use ")
                .set(Setting::Precision, "32")
                .text(", or add the model again from a folder that holds that file"),
            Self::NoTokenizer { .. } => "put a tokenizer.json into its folder".into(),
            Self::SeveralGguf { .. } => {
                "add the file that is meant by itself: `pelago model add FOLDER/FILE.gguf`".into()
            }
            Self::Gone { .. } => "let no other program write there, and run it again".into(),
            Self::Text { source: pelago_text::Error::TooLong { .. }, .. } => {
                Advice::from("shorten it, or have it cut (")
                    .set(Setting::OnLong, "truncate")
                    .text(") or read in pieces (")
                    .set(Setting::OnLong, "split")
                    .text(")")
            }
            Self::Model(error) => error.advice(),
            Self::Network(error) => error.advice(),
            Self::Scratch { .. } => {
                Advice::from("free space, or choose another home (").setting(Setting::Home).text(")")
            }
            Self::Task { .. } => {
                "page and program may be of different builds: build both again with `make build`".into()
            }
            Self::Content(_)
            | Self::GgufTokenizer { .. }
            | Self::Graph { .. }
            | Self::Gguf { .. }
            | Self::Text { .. }
            | Self::Precision { .. } => Advice::none(),
        }
    }
}

fn text_code(error: &pelago_text::Error) -> &'static str {
    use pelago_text::Error;
    match error {
        Error::TooLong { .. } | Error::NoRoom { .. } => ErrorCode::InputTooLong.as_str(),
        Error::NoMask { .. } => "no_mask",
        Error::NoEntailment { .. } => "no_entailment",
        Error::Hypothesis { .. } | Error::Pieces { .. } => "unsupported",
        Error::NoTokens { .. } | Error::EmptyText { .. } => ErrorCode::EmptyInput.as_str(),
        Error::NoPrompt { .. } => "no_prompt",
        Error::Unsupported { .. } => "unsupported_model",
        Error::Dimensions { .. } => "dimensions",
        _ => ErrorCode::InvalidModel.as_str(),
    }
}
