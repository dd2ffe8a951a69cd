//! What goes wrong in a session: each error has a code for scripts, a message
//! for people and what to do next.

use pelago_browser::pool::PoolError;
use pelago_content::StoreError;
use pelago_engine::RunError;
use pelago_models::{ModelError, NetworkError, PrepareError};
use pelago_protocol::Advice;
use pelago_results::ResultsError;

/// An error of a session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A run, or what it needs.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The results.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A DataFrame.
    #[error("a table could not be made: {0}")]
    Frame(#[from] polars::error::PolarsError),
}

impl SessionError {
    /// A word that scripts can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Run(error) => error.code(),
            Self::Results(_) => "results",
            Self::Frame(_) => "frame",
        }
    }

    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::Run(error) => error.advice(),
            Self::Results(_) => Advice::none(),
            Self::Frame(_) => "page and program may be of different builds: build both again with `make build`".into(),
        }
    }

    /// Whether the same request may be sent again as it is.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_repeatable())
    }
}

impl From<PrepareError> for SessionError {
    fn from(error: PrepareError) -> Self {
        Self::Run(error.into())
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        PrepareError::from(error).into()
    }
}

impl From<ModelError> for SessionError {
    fn from(error: ModelError) -> Self {
        PrepareError::from(error).into()
    }
}

impl From<NetworkError> for SessionError {
    fn from(error: NetworkError) -> Self {
        PrepareError::from(error).into()
    }
}

impl From<serde_json::Error> for SessionError {
    fn from(error: serde_json::Error) -> Self {
        RunError::from(error).into()
    }
}

impl From<PoolError> for SessionError {
    fn from(error: PoolError) -> Self {
        RunError::from(error).into()
    }
}
