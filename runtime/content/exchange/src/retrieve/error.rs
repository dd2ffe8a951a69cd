//! Why a source did not give what was asked of it, and why a fetch ended without its content.

use std::net::IpAddr;
use std::time::Duration;

use pelago_dag::{BlockError, Cid};
use pelago_http::{causes, find_cause};

use super::Kind;

/// What went wrong with one source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// Its address cannot be used.
    #[error(
        "the address {address:?} cannot be used ({reason}): use http:// or https://, a host, and a port if need be"
    )]
    Address {
        /// What was given, without a password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its name leads to addresses that it must not lead to.
    #[error("{host} leads to {address}, which is not a public address: name the host in the configuration to allow it")]
    Blocked {
        /// The host.
        host: String,
        /// The first address that was refused.
        address: IpAddr,
    },
    /// It sends its callers elsewhere.
    #[error("redirected to {to}, which is not followed: if you trust that host, name it in the configuration")]
    Redirect {
        /// Where to.
        to: String,
    },
    /// It does not have the block.
    #[error("does not have the block")]
    Lacks,
    /// It does not have the block yet, but is fetching it.
    #[error("does not have the block yet, and said to ask again in {} ms", wait.as_millis())]
    Coming {
        /// When it is worth asking again.
        wait: Duration,
    },
    /// It asks its callers to wait.
    #[error("asked to wait {} s", wait.as_secs())]
    Busy {
        /// How long.
        wait: Duration,
    },
    /// The HTTP exchange failed: no connection, or one that broke.
    #[error("the connection failed after {received} bytes: {}", causes(source))]
    Connection {
        /// Bytes of the body that had come.
        received: u64,
        /// What the client said.
        source: reqwest::Error,
    },
    /// It answered with a status that means neither the content nor its absence.
    #[error("answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The first line of what it said.
        message: String,
    },
    /// It answered with something else than was asked.
    #[error("answered with {found}, {expected} was expected")]
    Unexpected {
        /// What was asked.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// It did not begin to answer.
    #[error("gave no answer within {} s", waited.as_secs())]
    Silent {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It sends so slowly that it does more harm than good.
    #[error("sent {received} bytes within {} s, at least {least} were expected", window.as_secs())]
    Slow {
        /// Bytes that came within the window.
        received: u64,
        /// Bytes that were expected.
        least: u64,
        /// The window.
        window: Duration,
    },
    /// It sends more than a block or an answer can have.
    #[error("sent more than {limit} bytes, which is the most that is accepted")]
    TooLarge {
        /// The limit, bytes.
        limit: u64,
    },
    /// Its CAR is damaged, or lacks its end.
    #[error("sent a CAR that cannot be read on: {source}")]
    Car {
        /// What is wrong with it, and where.
        source: pelago_dag::car::CarError,
    },
    /// It sent bytes that are not those of the block. It is not asked again.
    #[error("sent wrong bytes: {source}")]
    Wrong {
        /// The block, and what was wrong.
        source: Box<BlockError>,
    },
    /// It sent blocks that nobody asked for.
    #[error("sent {bytes} bytes of blocks that nobody asked for")]
    Extra {
        /// Bytes of these blocks.
        bytes: u64,
    },
    /// Local discovery could not be begun.
    #[error("the local network cannot be searched: {source}; check that multicast is allowed")]
    Discovery {
        /// What the mDNS service said.
        source: mdns_sd::Error,
    },
    /// The code that asked it ended early.
    #[error("asking it ended early: {source}")]
    Worker {
        /// What became of it.
        source: tokio::task::JoinError,
    },
}

impl From<reqwest::Error> for ProviderError {
    /// An error before the first byte of a body. An address that the resolver refused is found among its causes.
    fn from(error: reqwest::Error) -> Self {
        Self::connection(0, error)
    }
}

impl ProviderError {
    pub(super) fn connection(received: u64, error: reqwest::Error) -> Self {
        if let Some(Self::Blocked { host, address }) = find_cause(&error) {
            return Self::Blocked { host: host.clone(), address: *address };
        }
        // An address that was asked belongs into the name of the source, not into each of its errors.
        Self::Connection { received, source: error.without_url() }
    }

    /// Whether the source is of no use from now on, whatever is asked of it.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Wrong { .. }
                | Self::Extra { .. }
                | Self::Blocked { .. }
                | Self::Redirect { .. }
                | Self::Address { .. }
        ) || matches!(self, Self::Status { status: 401 | 403 | 405, .. })
    }
}

/// A source that is not asked any more, or did not have the content, and why.
#[derive(Debug)]
pub struct Dropped {
    /// The source's name: its address.
    pub source: String,
    /// What it is.
    pub kind: Kind,
    /// What it did.
    pub error: ProviderError,
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.source, self.error)
    }
}

/// Why content could not be fetched. What was verified until then is kept: the next fetch goes on from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Something has to be fetched, and nobody can be asked.
    #[error("block {cid} is not here and no source is configured: add a peer, a gateway or a Kubo daemon")]
    NoSources {
        /// The first block that is missing.
        cid: Box<Cid>,
    },
    /// No source gives a block.
    #[error("no source gives block {cid}: {}", list(sources))]
    Unavailable {
        /// The block.
        cid: Box<Cid>,
        /// Each source and what it said.
        sources: Vec<Dropped>,
    },
    /// No verified byte came for too long.
    #[error(
        "nothing came for {} s, {blocks} blocks are missing: {}; try again, it goes on where it stopped",
        waited.as_secs(), list(sources)
    )]
    Stalled {
        /// How long.
        waited: Duration,
        /// Blocks that are known to be missing.
        blocks: u64,
        /// Each source and what it said last.
        sources: Vec<Dropped>,
    },
    /// The content is larger than what the caller accepts.
    #[error("{root} has at least {bytes} bytes, at most {limit} are accepted: raise the limit if you trust it")]
    TooLarge {
        /// The root.
        root: Box<Cid>,
        /// Bytes that it says it has, or that came.
        bytes: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// The content has more blocks than the caller accepts.
    #[error("{root} has more than {limit} blocks: raise the limit if you trust it")]
    TooManyBlocks {
        /// The root.
        root: Box<Cid>,
        /// The limit.
        limit: u64,
    },
    /// Links lead deeper than any content that is meant well.
    #[error("block {cid} lies more than {limit} links below its root: refused")]
    TooDeep {
        /// The block.
        cid: Box<Cid>,
        /// The limit, links.
        limit: u32,
    },
    /// The blocks could not be kept, or are no valid UnixFS, or have no such path.
    #[error(transparent)]
    Store(#[from] BlockError),
}

fn list(sources: &[Dropped]) -> String {
    let all: Vec<String> = sources.iter().map(Dropped::to_string).collect();
    if all.is_empty() { "there is none".to_owned() } else { all.join("; ") }
}
