//! What keeps content from coming or going, in words that say what to do next.

use std::path::PathBuf;

use pelago_content::Cid;

use crate::content::origin::OriginError;
use crate::content::retrieve::{FetchError, ProviderError};
use crate::content::{CarError, GatewayError, StoreError};
use crate::models::ModelError;

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
    #[error("{} is a folder on this machine: `pelago model add` adds it", path.display())]
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
    pub fn help(&self) -> String {
        match self {
            Self::Fetch(FetchError::NoSources { .. }) => {
                "name who has it: --source peer=URL, gateway=URL, kubo=URL or router=URL".to_owned()
            }
            _ => String::new(),
        }
    }
}
