//! A session: live browsers, models by CID, and the results of every run.
//!
//! It returns values and DataFrames. It knows no terminal, no Jupyter message
//! and no environment variable; front ends pass [`SessionOptions`] in.

mod accelerate;
mod candidate;
mod checked;
mod choice;
mod content;
mod diagnosis;
mod distance;
mod error;
mod fit;
mod frames;
mod golden;
mod inputs;
mod medians;
mod options;
mod page_memory;
mod record;
mod report;
mod routes;
mod source;
mod sweep;
mod tune;

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use pelago_browser::assets::PageBundle;
use pelago_browser::pool::Pool;
use tokio::sync::Mutex;

pub use accelerate::{Output, Run};
pub use choice::{OptimalHardware, Route};
pub use diagnosis::{Diagnosis, Verdict, verdicts};
pub use error::SessionError;
pub use fit::Fit;
pub use frames::sensitivities_frame;
pub use golden::{GOLDEN, Golden, GoldenCase, GoldenCompared};
pub use options::{Observer, SessionOptions, Step};
pub use page_memory::Unloaded;
pub use routes::{Attempt, BrowserCapabilities};
pub use sweep::Sweep;

use crate::content::{Store, StoreError, StoreOptions};
use crate::models::Models;
use crate::network::Network;
use crate::results::Results;

/// Live browsers, models and results. Cheap to share: every method takes
/// `&self` and may be called from several tasks at once.
#[derive(Debug)]
pub struct Session {
    pool: Pool,
    network: Network,
    results: Results,
    sources: source::Sources,
    /// What runs that are alike took on each route.
    measured: std::sync::Mutex<medians::Medians>,
    /// Bytes that a page's sessions may hold in all.
    page_budget: u64,
    /// Precisions that `auto` took, with the memory that was predicted.
    fitted: Mutex<HashMap<fit::Question, (source::Wanted, f64)>>,
    /// Ids of failures, until a run of the same model goes well on the same route.
    failed: std::sync::Mutex<HashMap<record::Failed, String>>,
}

impl Session {
    /// Opens the stores and finds the browsers. A browser is opened when it is
    /// first needed.
    ///
    /// # Errors
    /// [`SessionError`] where a folder cannot be used or the loopback server cannot listen.
    pub async fn open(options: SessionOptions) -> Result<Self, SessionError> {
        let network = Self::open_network(&options).await?;
        let store = network.models().store().clone();
        let results = Results::at(options.results.clone()).await?;
        let served = content::Served::default();
        let content = Arc::new(content::StoreContent::new(store.clone(), served.clone(), network.arrivals().clone()));
        let pool = Pool::start(options.browsers, Arc::new(PageBundle::open()?), content).await?;
        let sources = source::Sources::new(store, network.clone(), served);
        Ok(Self {
            pool,
            network,
            results,
            sources,
            page_budget: fit::page_budget(),
            measured: std::sync::Mutex::default(),
            fitted: Mutex::default(),
            failed: std::sync::Mutex::default(),
        })
    }

    /// The models and where more of them come from, without browsers or results.
    ///
    /// # Errors
    /// [`SessionError`] where the folder or a source cannot be used.
    pub async fn open_network(options: &SessionOptions) -> Result<Network, SessionError> {
        let folder = options.store.clone();
        let quota = options.store_quota.map(NonZeroU64::get);
        let open = move || {
            let store = Store::open_with(folder, StoreOptions { quota, ..StoreOptions::default() })?;
            Ok::<_, SessionError>(Models::open(store)?)
        };
        let opened = tokio::task::spawn_blocking(open).await;
        let models = opened.map_err(|source| StoreError::Worker { source })??;
        Ok(Network::new(models, options.network.clone())?)
    }

    /// Where models come from, beside this machine.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The models of this machine.
    #[must_use]
    pub fn models(&self) -> &Models {
        self.network.models()
    }

    /// The results of every run.
    #[must_use]
    pub fn results(&self) -> &Results {
        &self.results
    }

    /// The browsers of this machine, open or not.
    #[must_use]
    pub fn browsers(&self) -> &Pool {
        &self.pool
    }

    /// Closes every browser and writes what is still to be written.
    pub async fn close(&self) {
        self.pool.close().await;
        if let Err(error) = self.results.close().await {
            // The journal keeps every row; the next session absorbs it.
            tracing::warn!(%error, "results stay in the journal for now");
        }
    }
}
