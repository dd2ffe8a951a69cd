//! What keeps content from coming or going, in words that say what to do next.

use std::path::PathBuf;

use pelago_content::Cid;
use pelago_protocol::{Advice, Setting};

use crate::library::ModelError;
use pelago_content::ipns::{NameError, ResolveError};
use pelago_content::origin::OriginError;
use pelago_content::replicate::ReplicaError;
use pelago_content::retrieve::{FetchError, ProviderError};
use pelago_content::{CarError, GatewayError, StoreError};

/// An error of the network side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The address of a source cannot be used.
    #[error(transparent)]
    Source {
        /// Why not.
        source: ProviderError,
    },
    /// Nobody gave what was asked for.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A text that is no IPNS name.
    #[error(transparent)]
    IpnsName(#[from] NameError),
    /// An IPNS name leads to no content.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A model's name that follows no IPNS name.
    #[error("{name} follows no IPNS name: `pelago model get ipns://… --name {name}` has it follow one")]
    NotFollowed {
        /// The name.
        name: String,
    },
    /// A record that is older than what was seen before.
    #[error(
        "{from} says what {ipns} stood for at record {found}, but record {known} was seen before: it is behind, or \
         misleads; ask another source"
    )]
    Older {
        /// The IPNS name.
        ipns: String,
        /// The record's number.
        found: u64,
        /// The highest that was seen.
        known: u64,
        /// The source.
        from: String,
    },
    /// Who holds replicas.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// Replicas cannot be asked for as the user named it.
    #[error("replicas cannot be ordered: {reason}")]
    Order {
        /// What is missing or too much, and what to do.
        reason: &'static str,
    },
    /// A gateway would be announced where nobody can reach it.
    #[error(
        "{listen} can be reached from this machine alone, so it is not announced to the network: listen on an \
         address of the network (--listen 0.0.0.0:8081 --beyond-loopback)"
    )]
    Unreachable {
        /// The address.
        listen: std::net::SocketAddr,
    },
    /// A hub or a web server.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The gateway.
    #[error(transparent)]
    Serve(#[from] GatewayError),
    /// A CAR file.
    #[error("{}: {source}", path.display())]
    Car {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CarError,
    },
    /// A CAR of several DAGs.
    #[error("{} has {found} roots, a model has one: write a CAR of one model", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// A file of the user's.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that is no content address, where one is needed.
    #[error("{} is a folder on this machine, and no content address", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The task of a fetch did not end as it should.
    #[error("a fetch broke off: {source}; ask again, it goes on from its verified blocks")]
    Task {
        /// What ended it.
        source: tokio::task::JoinError,
    },
    /// The path leads nowhere, as the blocks on it prove.
    #[error("{root} has nothing at {path:?}")]
    Path {
        /// The root.
        root: Box<Cid>,
        /// The path.
        path: String,
    },
}

impl NetworkError {
    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::Fetch(FetchError::NoSources { .. }) => Advice::from("name who has it: ")
                .setting(Setting::Source)
                .text(" peer=URL, gateway=URL, kubo=URL or router=URL"),
            Self::Model(error) => error.advice(),
            Self::Folder { .. } => Advice::none().command("model add").text(" adds it"),
            _ => Advice::none(),
        }
    }
}
