//! Why a page could not be had, or was lost while it worked.

use std::sync::Arc;

use pelago_protocol::{BrowserKind, InstallationId, PageError};

use crate::driver::{BrowserError, LaunchError};
use crate::link::LinkError;
use crate::server::ServerError;

/// An error of the pool. Callers that waited for one opening have the same error,
/// so it can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// No such browser is installed, or it lacks its driver.
    #[error("no usable {} was found: {}", if *kind == BrowserKind::Auto { "browser" } else { kind.as_str() }, if problems.is_empty() { "none is installed".to_owned() } else { problems.join("; ") })]
    NoBrowser {
        /// The kind that was asked for.
        kind: BrowserKind,
        /// What was found instead, each with what to do.
        problems: Vec<String>,
    },
    /// The browser did not start.
    #[error(transparent)]
    Launch(Arc<LaunchError>),
    /// The browser started and did not open the page.
    #[error("{product} started but did not open Pelago's page: {source}")]
    Open {
        /// The browser's product name.
        product: String,
        /// Why.
        source: Arc<BrowserError>,
    },
    /// The browser opened the page, and the page did not connect.
    #[error("{product} opened Pelago's page, which did not connect: {source}")]
    NoHello {
        /// The browser's product name.
        product: String,
        /// Why not.
        source: Arc<ServerError>,
    },
    /// The page did not report back, or a request to it failed.
    #[error("{product}: {source}")]
    Link {
        /// The browser's product name.
        product: String,
        /// Why.
        source: Arc<LinkError>,
    },
    /// The pool was closed while the browser was being opened.
    #[error("{id} was closed while it was being opened; ask for it again to open it")]
    Closed {
        /// The browser's id.
        id: InstallationId,
    },
    /// The browser, its tab or its driver ended while a request was with it.
    #[error("{product} was lost while it worked: {reason}")]
    BrowserLost {
        /// The browser's product name.
        product: String,
        /// What is known of how.
        reason: String,
    },
    /// The loopback server did not start.
    #[error(transparent)]
    Server(Arc<ServerError>),
    /// The page answered something that is not what the request promises.
    #[error("{product} answered `{request}` with something else than was asked: {source}")]
    Answer {
        /// The browser's product name.
        product: String,
        /// The type of the request.
        request: &'static str,
        /// What is wrong with it.
        source: Arc<serde_json::Error>,
    },
}

impl From<LaunchError> for PoolError {
    fn from(error: LaunchError) -> Self {
        Self::Launch(Arc::new(error))
    }
}

impl From<ServerError> for PoolError {
    fn from(error: ServerError) -> Self {
        Self::Server(Arc::new(error))
    }
}

impl PoolError {
    /// What the page itself said, where it was the page that refused.
    #[must_use]
    pub fn page(&self) -> Option<&PageError> {
        match self {
            Self::Link { source, .. } => match &**source {
                LinkError::Page { error } => Some(error),
                _ => None,
            },
            _ => None,
        }
    }
}
