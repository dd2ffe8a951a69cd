//! The routes of this machine: which there are, and which one a request takes.

mod choice;
mod medians;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pelago_browser::driver::Target;
use pelago_browser::pool::Candidate;
use pelago_models::Prepared;
use pelago_protocol::{BrowserKind, Capabilities, InstallationId, Platform, Report, Request};

pub use choice::{OptimalHardware, Route};

use self::choice::{by_capabilities, preference};
use self::medians::{Likeness, Medians, Place};
use crate::RunError;
use crate::fleet::Fleet;
use crate::record::Recorder;

/// Warm runs of a model that are looked at to choose a route for it.
const HISTORY: u64 = 500;

/// A browser and what it can do, or why it cannot be asked.
#[derive(Debug)]
pub struct BrowserCapabilities {
    /// The browser's id.
    pub installation: InstallationId,
    /// The kind of browser.
    pub browser: BrowserKind,
    /// Product name and version; the id again for a remote one that did not open.
    pub product: String,
    /// What it can do.
    pub capabilities: Result<Capabilities, RunError>,
}

/// Chooses routes, by what earlier runs took.
#[derive(Debug)]
pub(crate) struct Router {
    fleet: Arc<dyn Fleet>,
    recorder: Arc<dyn Recorder>,
    /// What runs that are alike took on each route.
    measured: Mutex<Medians>,
}

impl Router {
    pub(crate) fn new(fleet: Arc<dyn Fleet>, recorder: Arc<dyn Recorder>) -> Self {
        Self { fleet, recorder, measured: Mutex::default() }
    }

    /// Takes a run that just ended; `asked` is the recipe that it was asked for.
    pub(crate) fn learn(&self, report: &Report, asked: Option<String>) {
        self.medians().add(report, asked);
    }

    /// The route of a request, and why: what it names, or the best of what it leaves open. `tokens` are those of its
    /// texts, where there are any.
    pub(crate) async fn choose(
        &self,
        request: &Request,
        prepared: &Prepared,
        tokens: Option<u64>,
    ) -> Result<OptimalHardware, RunError> {
        let family = prepared.source.family;
        if let (BrowserKind::Auto, Some(kind)) = (request.browser, self.fleet.discovery().unusable.first()) {
            // The user named one: another must not run in its place.
            return Err(self.fleet.no_browser(*kind).into());
        }
        let mut candidates = self
            .fleet
            .candidates()
            .iter()
            .filter(|candidate| request.browser == BrowserKind::Auto || candidate.kind == request.browser)
            .collect::<Vec<_>>();
        candidates.sort_by_key(|candidate| match &candidate.target {
            Target::Installed(found) => preference(found, request.platform),
            Target::Remote(_) => 0,
        });
        let Some(first) = candidates.first() else { return Err(self.fleet.no_browser(request.browser).into()) };
        let route = |candidate: &Candidate, platform| Route {
            installation: candidate.id.clone(),
            browser: candidate.kind,
            platform,
        };
        if request.platform != Platform::Auto {
            return Ok(OptimalHardware {
                route: route(first, request.platform),
                family,
                reason: format!("{} was asked for", request.platform),
                measured_processing_time: None,
            });
        }
        if !request.require_real_hardware
            && let Some((candidate, platform, seconds)) =
                self.fastest(&candidates, Likeness::of(request, prepared, tokens)).await?
        {
            return Ok(OptimalHardware {
                route: route(candidate, platform),
                family,
                reason: "the fastest that this machine measured for this model".to_owned(),
                measured_processing_time: Some(seconds),
            });
        }
        let opened = self.fleet.open(&first.id).await?;
        let (platform, reason) = by_capabilities(opened.worker.capabilities());
        Ok(OptimalHardware { route: route(first, platform), family, reason, measured_processing_time: None })
    }

    /// The route with the least median of warm runs that are like this one, among browsers that are still here. The
    /// recorder is asked once for what earlier sessions measured; what this one runs is added as it ends.
    async fn fastest<'a>(
        &self,
        candidates: &[&'a Candidate],
        likeness: Likeness,
    ) -> Result<Option<(&'a Candidate, Platform, f64)>, RunError> {
        if !self.medians().knows(&likeness) {
            let earlier = self.recorder.measured(likeness.model(), HISTORY).await.map_err(RunError::Record)?;
            self.medians().learn(likeness.clone(), earlier);
        }
        let medians = self.medians();
        let here = medians.of(&likeness).filter_map(|(place, seconds)| {
            let candidate = candidates.iter().find(|candidate| is_of(place, candidate))?;
            Some((*candidate, place.platform, seconds))
        });
        Ok(here.min_by(|(_, _, a), (_, _, b)| a.total_cmp(b)))
    }

    fn medians(&self) -> MutexGuard<'_, Medians> {
        // A run is put in whole, so a panic elsewhere leaves none half done.
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(place: &Place, candidate: &Candidate) -> bool {
    match &candidate.target {
        Target::Installed(found) => found.product.name() == place.product && found.version == place.version,
        Target::Remote(_) => false,
    }
}
