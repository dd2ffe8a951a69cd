//! The routes of this machine: which there are, which one a request takes, and
//! running on all of them.

use std::sync::PoisonError;
use std::time::Instant;

use chrono::Utc;

use pelago_browser::driver::Target;
use pelago_browser::pool::Candidate;
use pelago_protocol::{BrowserKind, Capabilities, Input, Parity, Platform, Request};

use pelago_text::EncodeOptions;

use super::accelerate::Run;
use super::checked::{Checked, check_family};
use super::choice::{by_capabilities, preference};
use super::distance::{distance, reference_of};
use super::medians::{Likeness, Medians, Place};
use super::source::Prepared;
use super::{Observer, OptimalHardware, Output, Route, Session, SessionError};
use crate::results::Filter;

/// Warm runs of a model that are looked at to choose a route for it.
const HISTORY: u64 = 500;

/// A browser and what it can do, or why it cannot be asked.
#[derive(Debug)]
pub struct BrowserCapabilities {
    /// The browser's id.
    pub installation: String,
    /// The kind of browser.
    pub browser: BrowserKind,
    /// Product name and version; the id again for a remote one that did not open.
    pub product: String,
    /// What it can do.
    pub capabilities: Result<Capabilities, SessionError>,
}

/// One route of many, and how it went.
#[derive(Debug)]
pub struct Attempt {
    /// The route.
    pub route: Route,
    /// The run, or why there is none.
    pub outcome: Result<Run, SessionError>,
}

impl Session {
    /// What each browser can do. Opens those that are not open.
    pub async fn capabilities(&self, kind: BrowserKind, observer: Option<Observer>) -> Vec<BrowserCapabilities> {
        let mut all = Vec::new();
        for candidate in self.pool.candidates() {
            if kind != BrowserKind::Auto && candidate.kind != kind {
                continue;
            }
            // One after another: browsers that start together slow each other.
            let opened = self.open_page(&candidate.id, observer.as_ref()).await;
            all.push(BrowserCapabilities {
                installation: candidate.id.clone(),
                browser: candidate.kind,
                product: match &opened {
                    Ok(opened) => format!("{} {}", opened.page.product(), opened.page.version()),
                    Err(_) => candidate.id.clone(),
                },
                capabilities: opened.map(|opened| opened.page.capabilities().clone()),
            });
        }
        all
    }

    /// The route that `auto` takes for a model, and why: the fastest that this
    /// machine measured for it, else the best by adapter.
    ///
    /// # Errors
    /// [`SessionError`] where the model is not known or no browser opens.
    pub async fn get_optimal_hardware(&self, model: &str) -> Result<OptimalHardware, SessionError> {
        self.optimal_hardware(&Request::new(model, "")).await
    }

    /// The route that `auto` takes for a request, and why.
    ///
    /// # Errors
    /// As [`Session::get_optimal_hardware`].
    pub async fn optimal_hardware(&self, request: &Request) -> Result<OptimalHardware, SessionError> {
        let request = Checked::of(request.clone())?;
        let prepared = self.prepare(&request, None).await?;
        self.choose(&request, &prepared).await
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
        let request = &Checked::of(request.clone())?;
        let prepared = self.prepare(request, observer.as_ref()).await?;
        check_family(request, prepared.source.family)?;
        let mut routes = Vec::new();
        let mut attempts = Vec::new();
        for found in self.capabilities(BrowserKind::Auto, observer.clone()).await {
            let route = |platform| Route { installation: found.installation.clone(), browser: found.browser, platform };
            match found.capabilities {
                Ok(capabilities) => {
                    let available = [
                        (Platform::Wasm, true),
                        (Platform::WebGpu, capabilities.webgpu.available),
                        (Platform::WebNn, capabilities.webnn.available),
                    ];
                    routes.extend(available.iter().filter(|(_, there)| *there).map(|(platform, _)| route(*platform)));
                }
                Err(error) => attempts.push(Attempt { route: route(Platform::Auto), outcome: Err(error) }),
            }
        }
        routes.sort_by_key(|route| route.platform != Platform::Wasm);
        let mut reference: Option<(Output, String)> = None;
        for route in routes {
            let asked = Request { platform: route.platform, browser: route.browser, ..(**request).clone() };
            let asked = Checked::of(asked)?;
            let (came, start) = (Utc::now(), Instant::now());
            let mut outcome = match self.on_route(request, prepared.clone(), &route, observer.as_ref()).await {
                Ok(prepared) => self.execute(&asked, &prepared, &route, start, observer.as_ref()).await,
                Err(error) => Err(error),
            };
            match &mut outcome {
                Ok(run) => {
                    match &reference {
                        Some((output, name)) => {
                            let parity = distance(output, &run.output);
                            run.report.parity = parity.map(|parity| Parity { reference: name.clone(), ..parity });
                        }
                        None => reference = Some((run.output.clone(), reference_of(&run.report))),
                    }
                    self.record_or_warn(run, &prepared, &asked).await;
                }
                Err(error) => {
                    self.record_failure(&prepared, &route, (came, start.elapsed()), error).await;
                }
            }
            attempts.push(Attempt { route, outcome });
        }
        if attempts.is_empty() { Err(self.pool.no_browser(BrowserKind::Auto).into()) } else { Ok(attempts) }
    }

    /// The route of a request: what it names, or the best of what it leaves open.
    pub(super) async fn route(&self, request: &Request, prepared: &Prepared) -> Result<Route, SessionError> {
        Ok(self.choose(request, prepared).await?.route)
    }

    async fn choose(&self, request: &Request, prepared: &Prepared) -> Result<OptimalHardware, SessionError> {
        let family = prepared.source.family;
        if let (BrowserKind::Auto, Some(kind)) = (request.browser, self.pool.discovery().unusable.first()) {
            // The user named one: another must not run in its place.
            return Err(self.pool.no_browser(*kind).into());
        }
        let mut candidates = self
            .pool
            .candidates()
            .iter()
            .filter(|candidate| request.browser == BrowserKind::Auto || candidate.kind == request.browser)
            .collect::<Vec<_>>();
        candidates.sort_by_key(|candidate| match &candidate.target {
            Target::Installed(found) => preference(found, request.platform, family),
            Target::Remote(_) => 0,
        });
        let Some(first) = candidates.first() else { return Err(self.pool.no_browser(request.browser).into()) };
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
            && let Some((candidate, platform, seconds)) = self.fastest(&candidates, request, prepared).await?
        {
            return Ok(OptimalHardware {
                route: route(candidate, platform),
                family,
                reason: "the fastest that this machine measured for this model".to_owned(),
                measured_processing_time: Some(seconds),
            });
        }
        let opened = self.open_page(&first.id, None).await?;
        let (platform, reason) = by_capabilities(opened.page.capabilities());
        Ok(OptimalHardware { route: route(first, platform), family, reason, measured_processing_time: None })
    }

    /// The route with the least median of warm runs that are like this one, among browsers that are still here. The
    /// results are asked once for what earlier sessions measured; what this one runs is added as it ends.
    async fn fastest<'a>(
        &self,
        candidates: &[&'a Candidate],
        request: &Request,
        prepared: &Prepared,
    ) -> Result<Option<(&'a Candidate, Platform, f64)>, SessionError> {
        let likeness = Likeness::of(request, prepared, self.tokens(request, prepared).await);
        if !self.medians().knows(&likeness) {
            let model = Some(likeness.model().to_owned());
            let history = self.results.history(Filter { limit: Some(HISTORY), model, ..Filter::default() }).await?;
            self.medians().learn(likeness.clone(), history)?;
        }
        let medians = self.medians();
        let here = medians.of(&likeness).filter_map(|(place, seconds)| {
            let candidate = candidates.iter().find(|candidate| is_of(place, candidate))?;
            Some((*candidate, place.platform, seconds))
        });
        Ok(here.min_by(|(_, _, a), (_, _, b)| a.total_cmp(b)))
    }

    /// Tokens of a request's texts; `None` where it has none, or where they cannot be told yet.
    async fn tokens(&self, request: &Request, prepared: &Prepared) -> Option<u64> {
        let Input::Texts(texts) = &request.input else { return None };
        let model = self.sources.text(prepared).await.ok()?;
        let options = EncodeOptions { prompt: request.prompt.as_deref(), on_long: request.on_long };
        Some(model.encode(texts, options).ok()?.ids.len() as u64)
    }

    pub(super) fn medians(&self) -> std::sync::MutexGuard<'_, Medians> {
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
