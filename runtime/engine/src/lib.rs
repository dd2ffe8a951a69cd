//! From a request to its report: browsers that are opened when they are needed, the choice of a route and of a
//! precision, the run itself, and measurements of many runs.
//!
//! The engine knows no Jupyter, no terminal, no evaluator of Rust and no database: runs are recorded through
//! [`Recorder`], and browsers are seen through [`Fleet`] and [`Worker`], so that everything here but the pages
//! themselves is tested without either.

mod error;
mod fit;
mod fleet;
mod measure;
mod record;
mod route;
mod run;
mod task;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pelago_browser::assets::PageBundle;
use pelago_browser::pool::{Pool, PoolOptions};
use pelago_models::Network;
use pelago_models::prepare::{Prepared, Preparer, Served};
use pelago_protocol::{BrowserKind, Input, Observer, Request};
use pelago_text::EncodeOptions;

pub use error::{RecordError, RunError};
pub use fleet::{Fleet, Opened, Unloaded, Worker};
pub use measure::golden::{GOLDEN, Golden, GoldenCase, GoldenCompared, check as check_golden};
pub use measure::sweep::{Sweep, sweep};
pub use measure::tune::{Searched, TriedSoFar, tune};
pub use record::Recorder;
pub use route::{BrowserCapabilities, OptimalHardware, Route};
pub use run::Streaming;
pub use run::every_route::Attempt;
pub use run::report::hardware;

use self::fit::Fitter;
use self::fleet::HeldGraphs;
use self::record::Recording;
use self::route::Router;
use self::run::checked::Checked;

/// Runs models in browsers. Every method takes `&self` and may be called from several tasks at once.
#[derive(Debug)]
pub struct Engine {
    fleet: Arc<dyn Fleet>,
    preparer: Preparer,
    router: Router,
    recording: Recording,
    fitter: Fitter,
    held: HeldGraphs,
    /// Bytes that a page's sessions may hold in all.
    page_budget: u64,
}

impl Engine {
    /// Finds the browsers and starts the loopback server that their pages come from. A browser is opened when it is
    /// first needed.
    ///
    /// # Errors
    /// [`RunError`] where the page's files are missing or the server cannot listen.
    pub async fn start(
        browsers: PoolOptions,
        network: &Network,
        recorder: Arc<dyn Recorder>,
    ) -> Result<(Self, Arc<Pool>), RunError> {
        let store = network.models().store().clone();
        let served = Served::default();
        let content = fleet::StoreContent::new(store.clone(), served.clone(), network.arrivals().clone());
        let pool = Arc::new(Pool::start(browsers, Arc::new(PageBundle::open()?), Arc::new(content)).await?);
        let preparer = Preparer::new(store, network.clone(), served);
        Ok((Self::new(Arc::clone(&pool) as Arc<dyn Fleet>, preparer, recorder), pool))
    }

    /// An engine over any fleet.
    #[must_use]
    pub fn new(fleet: Arc<dyn Fleet>, preparer: Preparer, recorder: Arc<dyn Recorder>) -> Self {
        Self {
            router: Router::new(Arc::clone(&fleet), Arc::clone(&recorder)),
            fleet,
            preparer,
            recording: Recording::new(recorder),
            fitter: Fitter::default(),
            held: HeldGraphs::default(),
            page_budget: fit::page_budget(),
        }
    }

    /// The models as pages are told of them.
    #[must_use]
    pub fn preparer(&self) -> &Preparer {
        &self.preparer
    }

    /// What each browser can do. Opens those that are not open.
    pub async fn capabilities(&self, kind: BrowserKind, observer: Option<Observer>) -> Vec<BrowserCapabilities> {
        let mut all = Vec::new();
        for candidate in self.fleet.candidates() {
            if kind != BrowserKind::Auto && candidate.kind != kind {
                continue;
            }
            // One after another: browsers that start together slow each other.
            let opened = self.worker(&candidate.id, observer.as_ref()).await;
            all.push(BrowserCapabilities {
                installation: candidate.id.clone(),
                browser: candidate.kind,
                product: match &opened {
                    Ok(opened) => format!("{} {}", opened.worker.product(), opened.worker.version()),
                    Err(_) => candidate.id.to_string(),
                },
                capabilities: opened.map(|opened| opened.worker.capabilities().clone()),
            });
        }
        all
    }

    /// The route that `auto` takes for a model, and why: the fastest that this
    /// machine measured for it, else the best by adapter.
    ///
    /// # Errors
    /// [`RunError`] where the model is not known or no browser opens.
    pub async fn get_optimal_hardware(&self, model: &str) -> Result<OptimalHardware, RunError> {
        self.optimal_hardware(&Request::new(model, "")).await
    }

    /// The route that `auto` takes for a request, and why.
    ///
    /// # Errors
    /// As [`Engine::get_optimal_hardware`].
    pub async fn optimal_hardware(&self, request: &Request) -> Result<OptimalHardware, RunError> {
        let request = Checked::of(request.clone())?;
        let prepared = self.prepare(&request, None).await?;
        self.choose(&request, &prepared).await
    }

    /// Has every open page let go of a model's sessions, in all precisions; of all sessions where no model is named.
    ///
    /// # Errors
    /// Where the model is not known, or a page does not answer.
    pub async fn unload(&self, model: Option<&str>) -> Result<Vec<Unloaded>, RunError> {
        let graphs = match model {
            Some(model) => Some(self.preparer.graphs_of(self.preparer.root(model).await?)),
            None => None,
        };
        fleet::unload(&*self.fleet, graphs).await
    }

    /// The route of a request: what it names, or the best of what it leaves open.
    async fn route(&self, request: &Request, prepared: &Prepared) -> Result<Route, RunError> {
        Ok(self.choose(request, prepared).await?.route)
    }

    async fn choose(&self, request: &Request, prepared: &Prepared) -> Result<OptimalHardware, RunError> {
        // Only what is left open is chosen by the input's size.
        let is_open = request.platform == pelago_protocol::Platform::Auto;
        let tokens = if is_open { self.tokens(request, prepared).await } else { None };
        self.router.choose(request, prepared, tokens).await
    }

    /// Tokens of a request's texts; `None` where it has none, or where they cannot be told yet.
    async fn tokens(&self, request: &Request, prepared: &Prepared) -> Option<u64> {
        let Input::Texts(texts) = &request.input else { return None };
        if prepared.task().is_some_and(pelago_protocol::Task::generates) {
            let prompts = self.preparer.generator(prepared).await.ok()?.prompts(texts).ok()?;
            return Some(prompts.ids.len() as u64);
        }
        let model = self.preparer.text(prepared).await.ok()?;
        let options = EncodeOptions { prompt: request.prompt.as_deref(), on_long: request.on_long };
        Some(model.encode(texts, options).ok()?.ids.len() as u64)
    }
}
