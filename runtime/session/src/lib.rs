//! A session: live browsers, models by CID, and the results of every run.
//!
//! It returns values and DataFrames. It knows no terminal, no Jupyter message
//! and no environment variable; front ends pass [`SessionOptions`] in.

mod diagnosis;
mod error;
mod frames;
mod options;
mod recorder;

use std::num::NonZeroU64;
use std::sync::Arc;

use pelago_browser::pool::Pool;
use pelago_content::{Store, StoreError, StoreOptions};
use pelago_engine::{Engine, Recorder};
use pelago_models::{Models, Network};
use pelago_protocol::{BrowserKind, Observer, Request, Run, SweepRequest, TuneRequest};
use pelago_results::Results;

pub use diagnosis::{Diagnosis, Verdict, lines as capability_lines, verdicts};
pub use error::SessionError;
pub use frames::{models_frame, sensitivities_frame};
pub use options::SessionOptions;
pub use pelago_engine::{
    Attempt, BrowserCapabilities, GOLDEN, Golden, GoldenCase, GoldenCompared, OptimalHardware, Route, RunError,
    Searched, Streaming, Sweep, TriedSoFar, Unloaded,
};
/// Ends what takes long: it is handed to each such call.
pub use tokio_util::sync::CancellationToken;

use self::recorder::ResultsRecorder;

/// Live browsers, models and results. Cheap to share: every method takes
/// `&self` and may be called from several tasks at once.
#[derive(Debug)]
pub struct Session {
    engine: Engine,
    browsers: Arc<Pool>,
    network: Network,
    results: Results,
}

impl Session {
    /// Opens the stores and finds the browsers. A browser is opened when it is
    /// first needed.
    ///
    /// # Errors
    /// [`SessionError`] where a folder cannot be used or the loopback server cannot listen.
    pub async fn open(options: SessionOptions) -> Result<Self, SessionError> {
        let network = Self::open_network(&options).await?;
        let results = Results::at(options.results.clone()).await?;
        let recorder: Arc<dyn Recorder> = Arc::new(ResultsRecorder(results.clone()));
        let (engine, browsers) = Engine::start(options.browsers, &network, recorder).await?;
        Ok(Self { engine, browsers, network, results })
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
        &self.browsers
    }

    /// Runs a model and records the run. Dropping the future cancels the run in
    /// the page; browsers and models stay as they are.
    ///
    /// # Errors
    /// [`SessionError`], with a code, a message and what to do.
    pub async fn accelerate(&self, request: &Request, observer: Option<Observer>) -> Result<Run, SessionError> {
        Ok(self.engine.accelerate(request, observer).await?)
    }

    /// The same, and gives parts of the output as they come. Where it is told to stop, the run ends well with what it
    /// has.
    ///
    /// # Errors
    /// As [`Session::accelerate`].
    pub async fn stream(
        &self,
        request: &Request,
        observer: Option<Observer>,
        streaming: Streaming,
    ) -> Result<Run, SessionError> {
        Ok(self.engine.stream(request, observer, streaming).await?)
    }

    /// Runs on every browser and platform of this machine, wasm first: its fp32
    /// result is the reference that the others are measured against. Each run
    /// that ends well is recorded.
    ///
    /// # Errors
    /// [`SessionError`] where no route can even be tried; the failure of one
    /// route is in its [`Attempt`].
    pub async fn accelerate_every_route(
        &self,
        request: &Request,
        observer: Option<Observer>,
    ) -> Result<Vec<Attempt>, SessionError> {
        Ok(self.engine.accelerate_every_route(request, observer).await?)
    }

    /// What each browser can do. Opens those that are not open.
    pub async fn capabilities(&self, kind: BrowserKind, observer: Option<Observer>) -> Vec<BrowserCapabilities> {
        self.engine.capabilities(kind, observer).await
    }

    /// The route that `auto` takes for a model, and why: the fastest that this
    /// machine measured for it, else the best by adapter.
    ///
    /// # Errors
    /// [`SessionError`] where the model is not known or no browser opens.
    pub async fn get_optimal_hardware(&self, model: &str) -> Result<OptimalHardware, SessionError> {
        Ok(self.engine.get_optimal_hardware(model).await?)
    }

    /// The route that `auto` takes for a request, and why.
    ///
    /// # Errors
    /// As [`Session::get_optimal_hardware`].
    pub async fn optimal_hardware(&self, request: &Request) -> Result<OptimalHardware, SessionError> {
        Ok(self.engine.optimal_hardware(request).await?)
    }

    /// Measures a model on every combination of browser, platform and precision that is asked for. Every run that
    /// ends well is recorded as any other, too. When `cancel` is cancelled it ends at once: what was measured until
    /// then is recorded and given back.
    ///
    /// # Errors
    /// [`SessionError`] where the model or the input cannot be used at all, or the reference does not run.
    /// What keeps one combination from running is in its row.
    pub async fn sweep(
        &self,
        request: &SweepRequest,
        observer: Option<Observer>,
        cancel: &CancellationToken,
    ) -> Result<Sweep, SessionError> {
        Ok(pelago_engine::sweep(&self.engine, request, observer, cancel).await?)
    }

    /// Finds the mix of precisions with the fewest bytes that keeps within an error. Models that are tried are thrown
    /// away again. When `cancel` is cancelled it ends at once and says what it had tried.
    ///
    /// # Errors
    /// [`SessionError`] where the model cannot run at all, and [`RunError::Tune`] where nothing is near enough.
    pub async fn tune(
        &self,
        request: &TuneRequest,
        observer: Option<Observer>,
        cancel: &CancellationToken,
    ) -> Result<Searched, SessionError> {
        Ok(pelago_engine::tune(&self.engine, request, observer, cancel).await?)
    }

    /// The golden file of a model's own folder.
    ///
    /// # Errors
    /// [`RunError::Golden`] where there is none; those of finding the model.
    pub async fn golden(&self, model: &str, observer: Option<&Observer>) -> Result<Golden, SessionError> {
        Ok(Golden::of_model(&self.engine, model, observer).await?)
    }

    /// Runs a model on the texts of a golden file and compares. `route` says where and how it runs; its input and
    /// prompt are the file's. Each run is recorded with its distance.
    ///
    /// # Errors
    /// As [`Session::accelerate`].
    pub async fn check_golden(
        &self,
        golden: &Golden,
        route: &Request,
        observer: Option<Observer>,
    ) -> Result<Vec<GoldenCompared>, SessionError> {
        Ok(pelago_engine::check_golden(&self.engine, golden, route, observer).await?)
    }

    /// Has every open page let go of a model's sessions, in all precisions; of all sessions where no model is named.
    ///
    /// # Errors
    /// Where the model is not known, or a page does not answer.
    pub async fn unload(&self, model: Option<&str>) -> Result<Vec<Unloaded>, SessionError> {
        Ok(self.engine.unload(model).await?)
    }

    /// Closes every browser and writes what is still to be written.
    pub async fn close(&self) {
        self.browsers.close().await;
        if let Err(error) = self.results.close().await {
            // The journal keeps every row; the next session absorbs it.
            tracing::warn!(%error, "results stay in the journal for now");
        }
    }
}
