//! What can go wrong with the gateway itself, and the reasons for which it refuses a request.

use std::net::SocketAddr;

use hyper::StatusCode;
use pelago_dag::BlockError;

use super::coming::AGAIN_MS;

/// An error of starting or closing the gateway.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// An address that others can reach, without leave.
    #[error("{listen} can be reached from other machines: allow it with `beyond_loopback`, or listen on 127.0.0.1")]
    Public {
        /// The address.
        listen: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("the gateway cannot listen on {listen}: {source}; choose another port, or 0 for any")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Answers were still being sent when the time to close ran out. They were cut off.
    #[error("{connections} connections were cut off, because their answers were not through in time")]
    CutOff {
        /// Connections that were open at the end.
        connections: usize,
    },
}

/// Why a request is not answered with content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Bad(String),
    #[error("neither `format` nor an Accept header: add ?format=raw for a block or ?format=car for a CAR")]
    NoFormat,
    #[error(
        "{0} is not offered; this gateway deserialises nothing: ask for ?format=raw or ?format=car (version=1, order=dfs, dups=y or n)"
    )]
    NotOffered(String),
    #[error("there is nothing here: ask for /ipfs/<cid>?format=raw or /ipfs/<cid>/<path>?format=car")]
    NoSuchPath,
    #[error("{0} is not here, and this gateway asks nobody else")]
    NotHere(String),
    #[error("{0} is not here, and only what is was asked for")]
    NotCached(String),
    #[error("{0} is not here yet, but is being fetched: ask again in {AGAIN_MS} ms")]
    Coming(String),
    #[error("{0} is not allowed: GET, HEAD and OPTIONS are")]
    Method(String),
    #[error("bytes {wanted} were asked of {length}")]
    Range { wanted: String, length: u64 },
    #[error("too much is asked at once: try again in {RETRY_AFTER} s")]
    Busy,
    #[error("the gateway's store failed; its log says how")]
    Store,
}

/// Seconds after which one who was sent away may come again.
pub(super) const RETRY_AFTER: u64 = 1;

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Bad(_) | Self::NoFormat => StatusCode::BAD_REQUEST,
            Self::NotOffered(_) => StatusCode::NOT_ACCEPTABLE,
            Self::NoSuchPath | Self::NotHere(_) => StatusCode::NOT_FOUND,
            Self::NotCached(_) | Self::Coming(_) => StatusCode::PRECONDITION_FAILED,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Range { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Store => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What an error of the store is to the one who asks. Paths on this machine are not told.
    pub(super) fn of_store(error: &BlockError, only_if_cached: bool) -> Self {
        let not_here = |what: String| if only_if_cached { Self::NotCached(what) } else { Self::NotHere(what) };
        match error {
            BlockError::MissingBlock { cid } => not_here(format!("block {cid}")),
            BlockError::NoEntry { cid, path } => Self::NotHere(format!("an entry {path:?} under {cid}")),
            // A path through a node that is not one leads nowhere (path gateway specification, 404).
            BlockError::Node { cid, .. } => Self::NotHere(format!("a valid node {cid}")),
            BlockError::Unsupported { .. } => Self::Bad(error.to_string()),
            _ => {
                tracing::warn!(%error, "a request failed in the store");
                Self::Store
            }
        }
    }
}
