//! Why the server does not start, and why it refuses a request.

use std::{net::SocketAddr, time::Duration};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    assets::AssetsError,
    link::{AttachmentId, NotAnId},
};

/// Why there is no server, or no page for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Another process listens on the configured port.
    #[error(
        "port {port} of 127.0.0.1 is taken: end the program that listens there, or configure another port or 0 for any free one"
    )]
    PortTaken {
        /// The configured port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system does not let the server listen.
    #[error("cannot listen on {address}: {source}; choose a port over 1023, or 0 for any free one")]
    Bind {
        /// Where it should listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no page to serve.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// The system gives no random numbers for a token.
    #[error("the operating system gives no random numbers: {message}; check that /dev/urandom is readable")]
    Random {
        /// What the system said.
        message: String,
    },
    /// No page took up the invitation.
    #[error(
        "no page said hello within {waited:?}: check that the browser opened the page and that its console shows no error"
    )]
    NobodyCame {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server stopped while an invitation was open.
    #[error("the server stopped before a page took up the invitation: start it again")]
    Stopped,
}

/// Why a request is refused. The text goes to the browser: it says what is wrong
/// without repeating a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this server answers to http://{expected} alone, not to {found:?}")]
    Host { expected: String, found: String },
    #[error("requests from {found:?} are not answered, only those of this server's own page")]
    Origin { found: String },
    #[error("a WebSocket must say its Origin")]
    NoOrigin,
    #[error("requests from other sites ({found}) are not answered")]
    Site { found: String },
    #[error("only GET and HEAD are answered")]
    Method,
    #[error("a token is needed: open the address that the session gave")]
    NoToken,
    #[error("this token is not valid, no longer or never: ask the session for a new invitation")]
    Token,
    #[error("this invitation was already used: a page that is opened again or reloaded needs a new one")]
    Used,
    #[error("model files are given to invited pages alone: the cookie of this server is missing or not valid")]
    Cookie,
    #[error(
        "an attachment goes to the page of its message alone: the token of that page is missing (Authorization: Bearer)"
    )]
    NoBearer,
    #[error("this page has not said hello on its socket yet")]
    NoHello,
    #[error("only GET is answered here: an attachment is given once")]
    AttachmentMethod,
    #[error(transparent)]
    NotAnId(#[from] NotAnId),
    #[error("there is no attachment {id}: no message to this page names it, or its request has ended")]
    NoAttachment { id: AttachmentId },
    #[error("attachment {id} was used already: each is given once")]
    AttachmentUsed { id: AttachmentId },
    #[error("there is nothing at {path:?}")]
    NotFound { path: String },
    #[error("this is no WebSocket handshake: {message}")]
    Handshake { message: String },
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound { .. } | Self::NoAttachment { .. } => StatusCode::NOT_FOUND,
            Self::AttachmentUsed { .. } => StatusCode::GONE,
            Self::Method | Self::AttachmentMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Handshake { .. } | Self::NotAnId(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        plain(self.status(), &self)
    }
}

/// A status with a line of text that no cache keeps.
pub(super) fn plain(status: StatusCode, text: &dyn std::fmt::Display) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, format!("{text}\n")).into_response()
}
