//! Content from others and for others: models fetched by CID from the sources
//! that the user named, brought from where they are published, written to and
//! read from CAR files, served, and held by others. Names follow IPNS names.
//!
//! How blocks travel and how they are checked is `pelago-content`'s business;
//! here is which sources are asked, what becomes a model, and who is told.

mod archive;
mod arrival;
mod discovery;
mod error;
mod fetch;
mod lead;
mod names;
mod options;
mod publish;
mod replicas;
mod serve;

pub use arrival::{Arrival, Arrivals, Arrived};
pub use error::NetworkError;
pub use fetch::Got;
pub(crate) use fetch::is_absent;
pub use names::{Followed, Refreshed};
pub use options::{HUGGING_FACE, NetworkOptions, SourceAddress, SourceKind};
pub use publish::PublishedModel;
pub use replicas::{ReplicaAddress, ReplicaKind, ReplicateOptions};
pub use serve::{HoldOptions, KeepOptions, ServeOptions, Serving};

use std::sync::Arc;

use crate::library::Models;
use pelago_content::ipns::NameSource;
use pelago_content::retrieve::{Bandwidth, Routing, Source};

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
    name_sources: Vec<NameSource>,
    download: Bandwidth,
    arrivals: Arrivals,
    background: names::Background,
}

impl Network {
    /// The network as the options say. Nobody is spoken to yet.
    ///
    /// # Errors
    ///
    /// `Source` where an address cannot be used; `Store`.
    pub fn new(models: Models, options: NetworkOptions) -> Result<Self, NetworkError> {
        names::make_tables(models.store())?;
        let (mut sources, mut routers, mut name_sources) = (Vec::new(), Vec::new(), Vec::new());
        for address in &options.sources {
            name_sources.extend(address.names()?);
            match address.open()? {
                options::Opened::Source(source) => sources.push(source),
                options::Opened::Router(router) => routers.push(*router),
            }
        }
        let download = options.download_limit.map_or_else(Bandwidth::default, |limit| Bandwidth::limited(limit.get()));
        let (options, background) = (Arc::new(options), names::Background::default());
        let arrivals = Arrivals::default();
        Ok(Self { models, options, sources, routers, name_sources, download, arrivals, background })
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
    #[must_use]
    pub fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// The models that it fetches for.
    #[must_use]
    pub fn models(&self) -> &Models {
        &self.models
    }
}
