//! What goes wrong in a session: each error has a code for scripts, a message
//! for people and what to do next.

use pelago_browser::link::LinkError;
use pelago_browser::pool::PoolError;
use pelago_protocol::{ErrorCode, Platform, Precision};

use crate::content::StoreError;
use crate::graph;
use crate::models::ModelError;
use crate::network::NetworkError;
use crate::results::ResultsError;

/// An error of a session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
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
        source: graph::Error,
    },
    /// A text, or what the model's folder says of texts.
    #[error("{model}: {source}")]
    Text {
        /// The model's name.
        model: String,
        /// What is wrong.
        source: pelago_text::Error,
    },
    /// A golden file.
    #[error("{file}: {problem}")]
    Golden {
        /// The file.
        file: String,
        /// What was expected, and what to do.
        problem: String,
    },
    /// The results.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A DataFrame.
    #[error("a table could not be made: {0}")]
    Frame(#[from] polars::error::PolarsError),
    /// A browser.
    #[error("{}", message(.0))]
    Browser(#[from] PoolError),
    /// The page's bundle.
    #[error(transparent)]
    Page(#[from] pelago_browser::assets::AssetsError),
    /// A software adapter, where real hardware is required.
    #[error("{platform} in {browser} is not real hardware: {reason}")]
    SoftwareHardware {
        /// The browser's product name.
        browser: String,
        /// The platform that was asked for.
        platform: Platform,
        /// How that is known.
        reason: String,
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
        source: crate::onnx::Error,
    },
    /// The adapter lacks what a precision needs.
    #[error("{browser} cannot run {precision} bit on {platform}: its adapter has no `{missing}`")]
    PrecisionUnavailable {
        /// The browser's product name.
        browser: String,
        /// The platform.
        platform: Platform,
        /// The precision.
        precision: Precision,
        /// The feature of WebGPU.
        missing: &'static str,
    },
    /// No precision fits.
    #[error(
        "no precision of {model} fits {platform}: the smallest needs {}, and there is room for {}",
        bytesize::ByteSize(*least),
        bytesize::ByteSize(*limit)
    )]
    NothingFits {
        /// The model's name.
        model: String,
        /// The platform.
        platform: Platform,
        /// Bytes that the smallest would need.
        least: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// The folder in which a precision is made.
    #[error("a folder for a precision cannot be made: {source}; free space, or choose another home with --home")]
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
    /// A recipe's file.
    #[error("cannot {action} the recipe {}: {source}", path.display())]
    Recipe {
        /// What was tried, e.g. `read`.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No mix of precisions is near enough to fp32, or one could not be measured.
    #[error("{model}: {source}")]
    Tune {
        /// The model's name.
        model: String,
        /// Why not.
        source: crate::onnx::Error,
    },
    /// Something that is not built.
    #[error("{what} is not available")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What to do instead.
        help: String,
    },
    /// Nothing to run on.
    #[error("{what}")]
    EmptyInput {
        /// What is empty.
        what: String,
    },
    /// The page's answer lacks what was asked.
    #[error("{browser} answered {found} where an embedding of shape [batch, hidden] was due")]
    UnexpectedOutput {
        /// The browser's product name.
        browser: String,
        /// What came instead.
        found: String,
    },
    /// A task that panicked or was cancelled.
    #[error("{what} ended before its result: {source}")]
    Task {
        /// What it was to do.
        what: &'static str,
        /// How it ended.
        source: tokio::task::JoinError,
    },
    /// A request that has no JSON form.
    #[error("the request cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What the page said, without the advice that [`SessionError::help`] repeats.
fn message(error: &PoolError) -> String {
    match (error, error.page()) {
        (PoolError::Link { product, .. }, Some(page)) => format!("{product}: {}", page.message),
        _ => error.to_string(),
    }
}

impl SessionError {
    /// A word that scripts can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Content(_) => "content",
            Self::Model(_) => "model",
            Self::Network(_) => "network",
            Self::Graph { .. } => "graph",
            Self::Text { source, .. } => text_code(source),
            Self::Golden { .. } => "golden",
            Self::Precision { .. } => "precision",
            Self::PrecisionUnavailable { .. } => "precision_unavailable",
            Self::NothingFits { .. } => "nothing_fits",
            Self::Scratch { .. } => "scratch",
            Self::Gone { .. } => "gone",
            Self::Recipe { .. } => "recipe",
            Self::Tune { .. } => "tune",
            Self::Results(_) => "results",
            Self::Frame(_) => "frame",
            Self::Browser(error) => pool_code(error),
            Self::Page(_) => "page",
            Self::SoftwareHardware { .. } => "software_hardware",
            Self::NoVariant { .. } => "no_variant",
            Self::Unsupported { .. } => "unsupported",
            Self::EmptyInput { .. } => ErrorCode::EmptyInput.as_str(),
            Self::UnexpectedOutput { .. } => "unexpected_output",
            Self::Task { .. } => "task",
            Self::Json(_) => "json",
        }
    }

    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn help(&self) -> String {
        if let Self::Browser(error) = self
            && let Some(page) = error.page()
        {
            return page.help.clone();
        }
        match self {
            Self::Browser(PoolError::BrowserLost { .. }) => {
                "run it again: the browser is opened anew, and nothing else was lost".to_owned()
            }
            Self::Browser(PoolError::NoBrowser { .. }) => {
                "`pelago doctor` shows what was found and the command that mends it".to_owned()
            }
            Self::SoftwareHardware { .. } => {
                "leave --require-real-hardware out, or run where the browser has a GPU (`pelago capabilities`)"
                    .to_owned()
            }
            Self::NoVariant { .. } => {
                "use --precision 32, or add the model again from a folder that holds that file".to_owned()
            }
            Self::PrecisionUnavailable { .. } => {
                "choose 32, or 8 or 4 bits without mixed precision, or auto; or --platform wasm".to_owned()
            }
            Self::NothingFits { .. } => {
                "raise --memory-limit, close other programs, or choose a precision and let it fail where it will"
                    .to_owned()
            }
            Self::Tune { .. } => "allow a larger error, or more bits among the choices".to_owned(),
            Self::Gone { .. } => "let no other program write there, and run it again".to_owned(),
            Self::Unsupported { help, .. } => help.clone(),
            Self::Text { source: pelago_text::Error::TooLong { .. }, .. } => {
                "shorten it, or have it cut (--on-long truncate) or read in pieces (--on-long split)".to_owned()
            }
            Self::Network(error) => error.help(),
            Self::EmptyInput { .. } => "give at least one text or tensor".to_owned(),
            Self::UnexpectedOutput { .. } | Self::Frame(_) | Self::Json(_) | Self::Task { .. } => {
                "page and program may be of different builds: build both again with `make build`".to_owned()
            }
            Self::Content(_)
            | Self::Model(_)
            | Self::Graph { .. }
            | Self::Text { .. }
            | Self::Golden { .. }
            | Self::Precision { .. }
            | Self::Scratch { .. }
            | Self::Recipe { .. }
            | Self::Results(_)
            | Self::Browser(_)
            | Self::Page(_) => String::new(),
        }
    }

    /// Whether the same request may be sent again as it is.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Browser(PoolError::BrowserLost { .. }) => true,
            Self::Browser(PoolError::Link { source, .. }) => source.is_repeatable(),
            _ => false,
        }
    }
}

fn text_code(error: &pelago_text::Error) -> &'static str {
    use pelago_text::Error;
    match error {
        Error::TooLong { .. } => ErrorCode::InputTooLong.as_str(),
        Error::NoTokens { .. } => ErrorCode::EmptyInput.as_str(),
        Error::NoPrompt { .. } => "no_prompt",
        Error::Unsupported { .. } => "unsupported_model",
        Error::Dimensions { .. } => "dimensions",
        _ => ErrorCode::InvalidModel.as_str(),
    }
}

fn pool_code(error: &PoolError) -> &'static str {
    match error {
        PoolError::NoBrowser { .. } => "no_browser",
        PoolError::Launch(_) => "launch",
        PoolError::Open { .. } | PoolError::NoHello { .. } => "open",
        PoolError::Link { source, .. } if matches!(**source, LinkError::Deadline { .. }) => "deadline",
        PoolError::Link { .. } => error.page().map_or("link", |page| page.code.as_str()),
        PoolError::BrowserLost { .. } => "browser_lost",
        PoolError::Server(_) => "server",
        PoolError::Answer { .. } => "unexpected_output",
        _ => "browser",
    }
}
