//! Content from others and for others: models fetched by CID from the sources
//! that the user named, brought from where they are published, written to and
//! read from CAR files, and served.
//!
//! How blocks travel and how they are checked is `pelago-content`'s business;
//! here is which sources are asked, what becomes a model, and who is told.

mod archive;
mod arrival;
mod error;
mod fetch;
mod lead;
mod options;
mod publish;

pub(crate) use arrival::{Arrival, Arrivals, Arrived};
pub use error::NetworkError;
pub use fetch::Got;
pub(crate) use fetch::is_absent;
pub use options::{HUGGING_FACE, NetworkOptions, SourceAddress, SourceKind};
pub use publish::PublishedModel;

use std::sync::Arc;

use crate::content::retrieve::{Bandwidth, Routing, Source};
use crate::content::{Gateway, GatewayOptions};
use crate::models::Models;

/// How the names of scratch folders begin, and how long those of the dead are kept.
const SCRATCH: &str = ".scratch-";
const SCRATCH_KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// The network side of a store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Network {
    models: Models,
    options: Arc<NetworkOptions>,
    sources: Vec<Source>,
    routers: Vec<Routing>,
    download: Bandwidth,
    arrivals: Arrivals,
}

impl Network {
    /// The network as the options say. Nobody is spoken to yet.
    ///
    /// # Errors
    ///
    /// `Source` where an address cannot be used.
    pub fn new(models: Models, options: NetworkOptions) -> Result<Self, NetworkError> {
        let (mut sources, mut routers) = (Vec::new(), Vec::new());
        for address in &options.sources {
            match address.open()? {
                options::Opened::Source(source) => sources.push(source),
                options::Opened::Router(router) => routers.push(router),
            }
        }
        let download = options.download_limit.map_or_else(Bandwidth::default, |limit| Bandwidth::limited(limit.get()));
        Ok(Self { models, options: Arc::new(options), sources, routers, download, arrivals: Arrivals::default() })
    }

    /// Serves what the store has, to whoever can reach the address. Nothing is fetched for others.
    ///
    /// # Errors
    ///
    /// `Serve` where the address cannot be listened on, or is not loopback and that was not allowed.
    pub async fn serve(&self, options: GatewayOptions) -> Result<Gateway, NetworkError> {
        Ok(Gateway::start(Arc::new(self.models.store().clone()), options).await?)
    }

    /// A folder for what is made before it is content; it goes when it is dropped. What a killed process left is
    /// swept away after a day.
    pub(crate) fn scratch(&self) -> std::io::Result<tempfile::TempDir> {
        let staging = &self.options.staging;
        std::fs::create_dir_all(staging)?;
        for left in std::fs::read_dir(staging)?.flatten() {
            let is_scratch = left.file_name().to_string_lossy().starts_with(SCRATCH);
            let old = left.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
            if is_scratch && old.is_some_and(|old| old > SCRATCH_KEPT) {
                // Another process may be first.
                let _ = std::fs::remove_dir_all(left.path());
            }
        }
        tempfile::Builder::new().prefix(SCRATCH).tempdir_in(staging)
    }

    /// What comes just now, for who reads it meanwhile.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// The models that it fetches for.
    #[must_use]
    pub fn models(&self) -> &Models {
        &self.models
    }
}
