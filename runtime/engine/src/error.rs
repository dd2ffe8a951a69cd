//! What goes wrong in a run: each error has a code for scripts, a message
//! for people and what to do next.

use pelago_browser::link::LinkError;
use pelago_browser::pool::PoolError;
use pelago_protocol::{Advice, ErrorCode, PageError, Platform, Precision, Setting};

use pelago_content::StoreError;
use pelago_models::PrepareError;

/// Why something is not recorded.
pub type RecordError = Box<dyn std::error::Error + Send + Sync>;

/// An error of a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Finding a model, and making it ready to run.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A golden file.
    #[error("{file}: {problem}")]
    Golden {
        /// The file.
        file: String,
        /// What was expected, and what to do.
        problem: String,
    },
    /// What earlier runs measured cannot be read, or a run cannot be recorded.
    #[error(transparent)]
    Record(RecordError),
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
    /// A schema's file.
    #[error("cannot read the schema {}: {source}", path.display())]
    Schema {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
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
        source: pelago_onnx::Error,
    },
    /// Something that is not built.
    #[error("{what} is not available")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// What to do instead.
        advice: Advice,
    },
    /// Nothing to run on.
    #[error("{what}")]
    EmptyInput {
        /// What is empty.
        what: String,
    },
    /// The page's answer lacks what was asked.
    #[error("{browser} answered {found} where one result a row was due")]
    UnexpectedOutput {
        /// The browser's product name.
        browser: String,
        /// What came instead.
        found: String,
    },
    /// A text was ended before it had a token.
    #[error("{}, and there was no token yet", if *time { "time was up" } else { "it was told to stop" })]
    NoToken {
        /// Whether time was up; else somebody said so.
        time: bool,
    },
    /// The page was lost while it made text.
    #[error("the text ends after {tokens} tokens, which are kept: {source}")]
    CutShort {
        /// Tokens that came before.
        tokens: usize,
        /// What happened.
        source: Box<RunError>,
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

/// What the page said, without the advice that [`RunError::help`] repeats.
fn message(error: &PoolError) -> String {
    match (error, error.page()) {
        (PoolError::Link { product, .. }, Some(page)) => format!("{product}: {}", page.message),
        _ => error.to_string(),
    }
}

/// The page knows no front end: what is a setting is worded here.
fn page_advice(page: &PageError) -> Advice {
    match page.code {
        ErrorCode::FallbackRefused => {
            Advice::from("use another platform for this model, or ").setting(Setting::AllowFallback)
        }
        ErrorCode::PlatformUnavailable => Advice::from("use another platform or another browser; ")
            .command("capabilities")
            .text(" lists what each browser of this machine has"),
        _ => page.help.clone().into(),
    }
}

impl RunError {
    /// A word that scripts can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Prepare(error) => error.code(),
            Self::Golden { .. } => "golden",
            Self::PrecisionUnavailable { .. } => "precision_unavailable",
            Self::NothingFits { .. } => "nothing_fits",
            Self::Schema { .. } => "schema",
            Self::Recipe { .. } => "recipe",
            Self::Tune { .. } => "tune",
            Self::Record(_) => "results",
            Self::Browser(error) => pool_code(error),
            Self::CutShort { source, .. } => source.code(),
            Self::NoToken { time: true } => "no_token",
            Self::NoToken { time: false } => "interrupted",
            Self::Page(_) => "page",
            Self::SoftwareHardware { .. } => "software_hardware",
            Self::Unsupported { .. } => "unsupported",
            Self::EmptyInput { .. } => ErrorCode::EmptyInput.as_str(),
            Self::UnexpectedOutput { .. } => "unexpected_output",
            Self::Task { .. } => "task",
            Self::Json(_) => "json",
        }
    }

    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn advice(&self) -> Advice {
        if let Self::Browser(error) = self
            && let Some(page) = error.page()
        {
            return page_advice(page);
        }
        match self {
            Self::Prepare(error) => error.advice(),
            Self::Browser(PoolError::BrowserLost { .. }) => {
                "run it again: the browser is opened anew, and nothing else was lost".into()
            }
            Self::Browser(PoolError::NoBrowser { .. }) => {
                Advice::none().command("doctor").text(" shows what was found and the command that mends it")
            }
            Self::SoftwareHardware { .. } => Advice::from("leave ")
                .setting(Setting::RequireRealHardware)
                .text(" out, or run where the browser has a GPU (")
                .command("capabilities")
                .text(")"),
            Self::PrecisionUnavailable { .. } => {
                Advice::from("choose 32, or 8 or 4 bits without mixed precision, or auto; or ")
                    .set(Setting::Platform, "wasm")
            }
            Self::NothingFits { .. } => Advice::from("raise ")
                .setting(Setting::MemoryLimit)
                .text(", close other programs, or choose a precision and let it fail where it will"),
            Self::Tune { .. } => "allow a larger error, or more bits among the choices".into(),
            Self::Unsupported { advice, .. } => advice.clone(),
            Self::CutShort { source, .. } => source.advice(),
            Self::NoToken { time: true } => "allow more time: the first run of a model loads it".into(),
            Self::NoToken { time: false } => Advice::none(),
            Self::EmptyInput { .. } => "give at least one text or tensor".into(),
            Self::Golden { .. } => Advice::from("name a golden file with ")
                .setting(Setting::Golden)
                .text("; scripts/golden.py writes it with sentence-transformers"),
            Self::UnexpectedOutput { .. } | Self::Json(_) | Self::Task { .. } => {
                "page and program may be of different builds: build both again with `make build`".into()
            }
            Self::Schema { .. } | Self::Recipe { .. } | Self::Record(_) | Self::Browser(_) | Self::Page(_) => {
                Advice::none()
            }
        }
    }

    /// Whether the same request may be sent again as it is.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Browser(PoolError::BrowserLost { .. }) => true,
            Self::CutShort { source, .. } => source.is_repeatable(),
            Self::Browser(PoolError::Link { source, .. }) => source.is_repeatable(),
            _ => false,
        }
    }
}

impl From<StoreError> for RunError {
    fn from(error: StoreError) -> Self {
        PrepareError::from(error).into()
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
        PoolError::Closed { .. } => "closed",
        PoolError::Answer { .. } => "unexpected_output",
        _ => "browser",
    }
}
