//! The routes of this machine: which there are, which one a request takes, and
//! running on all of them.

use std::time::Instant;

use chrono::Utc;

use pelago_browser::driver::Target;
use pelago_browser::pool::Candidate;
use pelago_protocol::{BrowserKind, Capabilities, Parity, Platform, Precision, Request};

use polars::prelude::{DataFrame, IntoLazy, col, lit};

use super::accelerate::Run;
use super::choice::{by_capabilities, preference};
use super::distance::{distance, reference_of};
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
        let request = Request::new(model, "");
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
        let prepared = self.prepare(request, observer.as_ref()).await?;
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
            let asked = Request { platform: route.platform, browser: route.browser, ..request.clone() };
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
                    self.record(run, &prepared).await?;
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

    /// The route with the least median of warm runs of a like batch, among
    /// browsers that are still here. Asked of the results once a session: what
    /// was measured since then would rarely say otherwise, and a question takes
    /// longer than a short run.
    async fn fastest<'a>(
        &self,
        candidates: &[&'a Candidate],
        request: &Request,
        prepared: &Prepared,
    ) -> Result<Option<(&'a Candidate, Platform, f64)>, SessionError> {
        let batch = request.input.items() as u64;
        let precision = request.precision.named().unwrap_or(Precision::Bits32);
        let key = (prepared.source.cid.clone(), precision, batch.next_power_of_two());
        let mut known = self.measured.lock().await;
        if !known.contains_key(&key) {
            let filter = Filter { limit: Some(HISTORY), model: Some(prepared.source.cid.clone()), ..Filter::default() };
            let medians = medians(self.results.history(filter).await?, precision, batch)?;
            known.insert(key.clone(), medians);
        }
        let medians = known.get(&key).map_or(&[][..], Vec::as_slice);
        let here = medians.iter().filter_map(|median| {
            let candidate = candidates.iter().find(|candidate| median.is_of(candidate))?;
            Some((*candidate, median.platform, median.processing_time))
        });
        Ok(here.min_by(|(_, _, a), (_, _, b)| a.total_cmp(b)))
    }
}

/// What earlier runs on one route took.
#[derive(Clone, Debug)]
pub(super) struct Median {
    product: String,
    version: String,
    platform: Platform,
    /// Seconds.
    processing_time: f64,
}

impl Median {
    fn is_of(&self, candidate: &Candidate) -> bool {
        match &candidate.target {
            Target::Installed(found) => found.product.name() == self.product && found.version == self.version,
            Target::Remote(_) => false,
        }
    }
}

/// The median of warm runs by route, of batches between half and twice as large.
fn medians(history: DataFrame, precision: Precision, batch: u64) -> Result<Vec<Median>, SessionError> {
    let like = col("warm")
        .and(col("precision").eq(lit(precision.bits())))
        .and(col("batch_size").gt_eq(lit(batch / 2)))
        .and(col("batch_size").lt_eq(lit(batch * 2)));
    let frame = history
        .lazy()
        .filter(like)
        .group_by([col("browser_product"), col("browser_version"), col("platform")])
        .agg([col("processing_time").median()])
        .collect()?;
    let [product, version, platform] =
        ["browser_product", "browser_version", "platform"].map(|name| frame.column(name).and_then(|found| found.str()));
    let (product, version, platform) = (product?, version?, platform?);
    let seconds = frame.column("processing_time")?.f64()?;
    let rows = product.iter().zip(version.iter()).zip(platform.iter()).zip(seconds.iter());
    Ok(rows
        .filter_map(|(((product, version), platform), seconds)| {
            Some(Median {
                product: product?.to_owned(),
                version: version?.to_owned(),
                platform: platform?.parse().ok()?,
                processing_time: seconds?,
            })
        })
        .collect())
}
