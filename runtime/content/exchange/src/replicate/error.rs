//! What can go wrong with replication, in words that say what to do next.

use std::time::Duration;

use pelago_dag::Cid;
use pelago_http::causes;

/// An error of a replica engine. Tokens never appear.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// An address that cannot be used.
    #[error("{address:?} cannot be used ({reason}): give an http or https address without user and query")]
    Address {
        /// The address, without a user.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A token or password that cannot stand in an HTTP header.
    #[error("the credentials cannot be used: they are empty or have characters that cannot be sent")]
    Credentials,
    /// TLS could not be set up.
    #[error("no HTTP client could be made: {source}")]
    Client {
        /// What went wrong.
        source: reqwest::Error,
    },
    /// The connection failed or broke.
    #[error("{url} could not be asked: {}; check that it runs", causes(source))]
    Connection {
        /// The address.
        url: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("{url} did not answer within {} s: ask again later", waited.as_secs_f32())]
    Silent {
        /// The address.
        url: String,
        /// How long it was waited.
        waited: Duration,
    },
    /// Access is refused (401, 403).
    #[error("{url} refuses access ({status}: {message}): check the token in the configuration")]
    Denied {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// It is busy or broken for now (408, 429, 5xx).
    #[error("{url} answers {status} ({message}): ask again later")]
    Unavailable {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
        /// The wait that it asks for.
        wait: Option<Duration>,
    },
    /// It refuses the request.
    #[error("{url} refuses the request ({status}: {message})")]
    Refused {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// An answer that the protocol does not know.
    #[error("{url} gave an answer that is not understood ({reason}): check that it is what the configuration says")]
    Unexpected {
        /// The address.
        url: String,
        /// Expected and found.
        reason: String,
    },
    /// Some peers could not be made to let a root go.
    #[error("{root} may still be at {}: remove it again when they answer", peers.join(", "))]
    Remains {
        /// The root.
        root: Box<Cid>,
        /// Each peer, and what it said.
        peers: Vec<String>,
    },
}
