//! One run: choose a route, have a worker, run the model, report and record.

pub(crate) mod candidate;
pub(crate) mod checked;
pub(crate) mod every_route;
mod head;
mod listening;
pub(crate) mod report;

use std::time::{Duration, Instant};

use chrono::Utc;
use pelago_models::PrepareError;
use pelago_models::prepare::{Making, Prepared, Purpose, Wanted};
use pelago_protocol::{Input, Observer, Output, Parity, Platform, Request, Run, Step};

use self::checked::{Checked, check_task};
pub(crate) use self::listening::Listening;
pub use self::listening::Streaming;
use crate::fit::SHADER_F16;
use crate::fleet::{Opened, Worker};
use crate::{Engine, Route, RunError};

/// How long one request to a page may take, the fetch and compile of a model among it.
pub(crate) const RUN_DEADLINE: Duration = Duration::from_secs(600);

impl Engine {
    /// Runs a model and records the run. Dropping the future cancels the run in
    /// the page; browsers and models stay as they are.
    ///
    /// # Errors
    /// [`RunError`], with a code, a message and what to do.
    pub async fn accelerate(&self, request: &Request, observer: Option<Observer>) -> Result<Run, RunError> {
        self.accelerate_compared(request, observer, |_| None).await
    }

    /// The same, and gives parts of the output as they come. Where it is told to stop, the run ends well with what it
    /// has.
    ///
    /// # Errors
    /// As [`Engine::accelerate`]; [`RunError::CutShort`] after the first part.
    pub async fn stream(
        &self,
        request: &Request,
        observer: Option<Observer>,
        streaming: Streaming,
    ) -> Result<Run, RunError> {
        self.recorded(request, Listening { observer: observer.as_ref(), streaming: Some(&streaming) }, |_| None).await
    }

    /// The same; the run is recorded with its distance from a reference, as `compare` finds it.
    pub(crate) async fn accelerate_compared(
        &self,
        request: &Request,
        observer: Option<Observer>,
        compare: impl FnOnce(&Output) -> Option<Parity>,
    ) -> Result<Run, RunError> {
        self.recorded(request, observer.as_ref().into(), compare).await
    }

    async fn recorded(
        &self,
        request: &Request,
        listening: Listening<'_>,
        compare: impl FnOnce(&Output) -> Option<Parity>,
    ) -> Result<Run, RunError> {
        let observer = listening.observer;
        let (came, start) = (Utc::now(), Instant::now());
        let request = &Checked::of(request.clone())?;
        let prepared = self.prepare(request, observer).await?;
        check_task(request, &prepared.source)?;
        // What is wrong with it is said before a browser opens.
        match (&request.input, prepared.task()) {
            (Input::Tensors(_), _) => {}
            (_, Some(task)) if task.generates() => drop(self.preparer.generator(&prepared).await?),
            (_, Some(task)) if task.head().is_some() => drop(self.preparer.head_text(&prepared).await?),
            _ => drop(self.preparer.text(&prepared).await?),
        }
        let route = self.route(request, &prepared).await?;
        let prepared = self.on_route(request, prepared, &route, observer).await?;
        match self.execute(request, &prepared, &route, start, listening).await {
            Ok(mut run) => {
                run.report.parity = compare(&run.output);
                self.keep(&mut run, &prepared, request).await;
                Ok(run)
            }
            Err(error) => {
                self.recording.failure(&prepared, &route, (came, start.elapsed()), &error).await;
                Err(error)
            }
        }
    }

    /// The model, and the graph that a request asks for; that of fp32 where the route, which it depends on, is
    /// still to be found.
    pub(crate) async fn prepare(&self, request: &Checked, observer: Option<&Observer>) -> Result<Prepared, RunError> {
        let fp32 = Wanted {
            graph: request.graph.clone(),
            making: Making::FP32,
            platform: request.platform,
            purpose: Purpose::of(request),
        };
        let wanted = Wanted::of(request, request.platform)?;
        let known = wanted.as_ref().filter(|_| request.platform != Platform::Auto);
        Ok(match (self.preparer.prepare(&request.model, known.unwrap_or(&fp32), observer).await, &wanted) {
            // A folder may publish that precision and no other.
            (Err(PrepareError::NoVariant { .. } | PrepareError::Graph { .. }), Some(wanted)) if known.is_none() => {
                self.preparer.prepare(&request.model, wanted, observer).await?
            }
            (prepared, _) => prepared?,
        })
    }

    /// The graph for a route, where the request left open what it depends on.
    pub(crate) async fn on_route(
        &self,
        request: &Request,
        prepared: Prepared,
        route: &Route,
        observer: Option<&Observer>,
    ) -> Result<Prepared, RunError> {
        let (wanted, predicted_mb) = match Wanted::of(request, route.platform)? {
            Some(wanted) => (wanted, None),
            None => {
                // The fitter asks it what it holds.
                self.worker(&route.installation, observer).await?;
                let places = (&self.preparer, &*self.fleet);
                let (wanted, predicted) = self.fitter.fit(places, request, &prepared, route, observer).await?;
                (wanted, Some(predicted))
            }
        };
        if prepared.wanted.same_graph(&wanted) {
            return Ok(prepared.of(wanted, predicted_mb));
        }
        prepared.wait_complete().await?;
        let prepared = self.preparer.prepare(&request.model, &wanted, observer).await?;
        Ok(prepared.of(wanted, predicted_mb))
    }

    /// Runs on one route, without recording.
    pub(crate) async fn execute(
        &self,
        request: &Checked,
        prepared: &Prepared,
        route: &Route,
        start: Instant,
        listening: Listening<'_>,
    ) -> Result<Run, RunError> {
        let started = Utc::now();
        check_task(request, &prepared.source)?;
        let opened = self.worker(&route.installation, listening.observer).await?;
        let hardware = report::hardware(opened.worker.capabilities(), route.platform);
        if request.require_real_hardware && hardware.is_real != Some(true) {
            return Err(RunError::SoftwareHardware {
                browser: opened.worker.product().to_owned(),
                platform: route.platform,
                reason: hardware.reason,
            });
        }
        check_adapter(request, prepared, route.platform, &*opened.worker)?;
        let before = prepared.served.total();
        let executed = match self.task(request, prepared, route, &*opened.worker, start, listening).await {
            Ok(executed) => executed,
            Err(error) => return Err(prepared.failure().await.map_or(error, RunError::from)),
        };
        let arrived = prepared.wait_complete().await?;
        // Reading it takes some milliseconds, and a run that built nothing changes little.
        let browser_memory_mb = if executed.is_warm() { None } else { opened.worker.browser_memory_mb().await };
        let facts = report::Facts {
            request,
            prepared,
            route,
            opened: &opened,
            hardware,
            executed: &executed,
            arrived: arrived.as_ref(),
            bytes: prepared.served.since(&before),
            browser_memory_mb,
            started,
            total: start.elapsed(),
        };
        Ok(Run { report: report::build(&facts), output: executed.output })
    }

    /// Records a run that ended well, and learns from it what the route takes.
    pub(crate) async fn keep(&self, run: &mut Run, prepared: &Prepared, asked: &Checked) {
        self.router.learn(&run.report, asked.recipe.clone());
        self.recording.run(run, prepared).await;
    }

    /// The worker of a browser, with the opening of it told to whoever watches.
    pub(crate) async fn worker(&self, id: &str, observer: Option<&Observer>) -> Result<Opened, RunError> {
        if let Some(worker) = self.fleet.opened(id).await {
            return Ok(Opened { worker, took: None });
        }
        if let Some(observer) = observer {
            observer(Step::Opening { product: id.to_owned() });
        }
        let opened = self.fleet.open(id).await;
        if let Some(observer) = observer {
            observer(Step::Opened { product: id.to_owned() });
        }
        Ok(opened?)
    }
}

/// Refuses a precision that the page's adapter has no shaders for, before anything is loaded.
fn check_adapter(
    request: &Request,
    prepared: &Prepared,
    platform: Platform,
    worker: &dyn Worker,
) -> Result<(), RunError> {
    let has = worker.capabilities().webgpu.features.iter().any(|feature| feature == SHADER_F16);
    if !prepared.wanted.has_half() || platform != Platform::WebGpu || has || request.allow_fallback {
        return Ok(());
    }
    Err(RunError::PrecisionUnavailable {
        browser: worker.product().to_owned(),
        platform,
        precision: prepared.wanted.precision(),
        missing: SHADER_F16,
    })
}
