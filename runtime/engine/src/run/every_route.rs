//! A request on every browser and platform of this machine, side by side.

use std::time::Instant;

use chrono::Utc;
use pelago_protocol::{BrowserKind, Observer, Output, Parity, Platform, Request, Run};

use super::checked::{Checked, check_task};
use crate::measure::distance::{distance, reference_of};
use crate::{Engine, Route, RunError};

/// One route of many, and how it went.
#[derive(Debug)]
pub struct Attempt {
    /// The route.
    pub route: Route,
    /// The run, or why there is none.
    pub outcome: Result<Run, RunError>,
}

impl Engine {
    /// Runs on every browser and platform of this machine, wasm first: its fp32
    /// result is the reference that the others are measured against. Each run
    /// that ends well is recorded.
    ///
    /// # Errors
    /// [`RunError`] where no route can even be tried; the failure of one
    /// route is in its [`Attempt`].
    pub async fn accelerate_every_route(
        &self,
        request: &Request,
        observer: Option<Observer>,
    ) -> Result<Vec<Attempt>, RunError> {
        let request = &Checked::of(request.clone())?;
        let prepared = self.prepare(request, observer.as_ref()).await?;
        check_task(request, &prepared.source)?;
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
                Ok(prepared) => self.execute(&asked, &prepared, &route, start, observer.as_ref().into()).await,
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
                    self.keep(run, &prepared, &asked).await;
                }
                Err(error) => {
                    self.recording.failure(&prepared, &route, (came, start.elapsed()), error).await;
                }
            }
            attempts.push(Attempt { route, outcome });
        }
        if attempts.is_empty() { Err(self.fleet.no_browser(BrowserKind::Auto).into()) } else { Ok(attempts) }
    }
}
