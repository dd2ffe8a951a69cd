//! The search for a mix of precisions that keeps within an error, each candidate
//! made, run in the page and compared with fp32 on wasm.

use pelago_models::prepare::{Making, Trial, Wanted};
use pelago_onnx::precision::{Failure, Found, Layer, Recipe, Search, auto};
use pelago_protocol::{LayerSensitivity, Observer, Platform, Precision, Request, Step, TuneRequest, Tuned};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::reference::Reference;
use super::samples::sample;
use crate::fit::SHADER_F16;
use crate::fleet::dispose;
use crate::run::candidate::Candidate;
use crate::{Engine, RunError};

/// Groups that a search may have.
const GROUPS_MAX: usize = 10_000;

/// A recipe to be measured, and where its error goes.
type Asked = (Recipe, oneshot::Sender<Result<f64, Failure>>);

/// How a search ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Searched {
    /// With the mix that it looked for.
    Found(Box<Tuned>),
    /// It was cancelled before.
    Cancelled(TriedSoFar),
}

/// What a search that was cancelled had tried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TriedSoFar {
    /// Models that were measured.
    pub runs: u64,
    /// The recipe with the fewest bits that kept within the error, as JSON, and its error.
    pub within: Option<(String, f64)>,
}

/// Finds the fewest bytes that keep within an error. Models that are tried are thrown away again. When `cancel` is
/// cancelled it ends at once and says what it had tried.
///
/// # Errors
/// [`RunError`] where the model cannot run at all, and [`RunError::Tune`] where nothing is near enough.
pub async fn tune(
    engine: &Engine,
    request: &TuneRequest,
    observer: Option<Observer>,
    cancel: &CancellationToken,
) -> Result<Searched, RunError> {
    check(request)?;
    let observer = observer.as_ref();
    let Some(begun) = cancel.run_until_cancelled(Begun::of(engine, request, observer)).await else {
        return Ok(Searched::Cancelled(TriedSoFar::default()));
    };
    let begun = begun?;
    let bytes_fp32 = begun.layers.iter().map(|layer| 4 * layer.shape.iter().product::<usize>() as u64).sum();
    let tuning = Tuning { engine, fp32: &begun.fp32, reference: &begun.reference, observer, cancel };
    let found = match tuning.search(request, begun.layers.clone(), begun.half).await? {
        Ok(found) => found,
        Err(tried) => return Ok(Searched::Cancelled(tried)),
    };
    Ok(Searched::Found(Box::new(Tuned {
        model_name: begun.fp32.prepared.source.name.clone(),
        model_cid: begun.fp32.prepared.source.cid.clone(),
        browser_product: begun.product,
        platform: begun.fp32.route.platform,
        recipe: found.recipe.to_json(),
        error: found.error,
        max_error: request.max_error,
        bytes: found.bytes,
        bytes_fp32,
        runs: found.runs,
        sensitivities: found
            .sensitivities
            .into_iter()
            .map(|it| LayerSensitivity { layers: it.layers, error: it.error, saved: it.saved })
            .collect(),
    })))
}

/// What a search begins with.
struct Begun {
    /// The model in fp32, on the route that it is tuned for.
    fp32: Candidate,
    /// What fp32 gave on wasm.
    reference: Reference,
    layers: Vec<Layer>,
    /// Whether the adapter computes in 16 bits.
    half: bool,
    product: String,
}

impl Begun {
    async fn of(engine: &Engine, request: &TuneRequest, observer: Option<&Observer>) -> Result<Self, RunError> {
        let asked = |platform, input| Request {
            graph: request.graph.clone(),
            browser: request.browser,
            platform,
            ..Request::new(request.model.clone(), input)
        };
        let (graph, given) = (request.graph.as_ref(), request.input.as_ref());
        let sample = sample(engine, &request.model, graph, given, None, observer).await?;
        let asked = |platform| Request { generate: sample.generate.clone(), ..asked(platform, sample.input.clone()) };
        let on_wasm = engine.candidate(asked(Platform::Wasm), observer).await?;
        if on_wasm.cids().nth(1).is_some() {
            return Err(RunError::Unsupported {
                what: format!("a mix of precisions for the several graphs of {}", on_wasm.prepared.source.name),
                advice: "measure one precision for all of them, with bench".into(),
            });
        }
        let output = engine.run(&on_wasm, observer).await?.output;
        let reference = Reference::of(engine, &on_wasm, output, observer).await?;
        let fp32 = engine.candidate(asked(request.platform), observer).await?;
        let layers = engine.preparer.layers(&fp32.prepared).await?;

        let worker = engine.worker(&fp32.route.installation, observer).await?.worker;
        let half = fp32.route.platform != Platform::WebGpu
            || worker.capabilities().webgpu.features.iter().any(|feature| feature == SHADER_F16);
        Ok(Self { half, product: worker.product().to_owned(), fp32, reference, layers })
    }
}

/// A search at work.
struct Tuning<'a> {
    engine: &'a Engine,
    /// The model in fp32, on the route that it is tuned for.
    fp32: &'a Candidate,
    /// What fp32 gave on wasm.
    reference: &'a Reference,
    observer: Option<&'a Observer>,
    cancel: &'a CancellationToken,
}

impl Tuning<'_> {
    /// The search blocks a thread of its own, which asks for each error here. Where it is cancelled, what it tried.
    async fn search(
        &self,
        request: &TuneRequest,
        layers: Vec<Layer>,
        half: bool,
    ) -> Result<Result<Found, TriedSoFar>, RunError> {
        let choices = choices(request, half);
        let least = choices.iter().copied().min().unwrap_or(32);
        let most_runs = (choices.len() + request.groups.min(layers.len())) as u64;
        let base = Recipe::standard(least);
        let base = if self.fp32.route.platform == Platform::Wasm { base.with_plain_tables() } else { base };
        let search = Search { base, choices, budget: request.max_error, groups: request.groups };
        let (ask, mut asked) = mpsc::channel::<Asked>(1);
        let searching = tokio::task::spawn_blocking(move || {
            auto(&layers, &search, |recipe| {
                let (answer, answered) = oneshot::channel();
                // The session side is gone where the user ended the search.
                ask.blocking_send((recipe.clone(), answer)).map_err(|_| "the search was ended")?;
                answered.blocking_recv().map_err(|_| "the search was ended")?
            })
        });
        let (mut runs, mut failed) = (0, None);
        let mut within: Option<(Recipe, f64)> = None;
        while let Some((recipe, answer)) = asked.recv().await {
            if let Some(observer) = self.observer {
                let what = format!("measuring {} bit, {} layers raised", recipe.bits, recipe.overrides.len());
                observer(Step::Measuring { what, done: runs.min(most_runs), total: most_runs });
            }
            let Some(error) = self.error_of(recipe.clone()).await else {
                // The search ends where nobody answers it.
                let within = within.map(|(recipe, error)| (recipe.to_json(), error));
                return Ok(Err(TriedSoFar { runs, within }));
            };
            runs += 1;
            if let Ok(error) = error
                && error <= request.max_error
                && within.as_ref().is_none_or(|(best, _)| size(&recipe) < size(best))
            {
                within = Some((recipe, error));
            }
            let told = error.map_err(|error| {
                let text = error.to_string();
                failed = Some(error);
                text.into()
            });
            // A search that does not wait any more ends by itself.
            let _ = answer.send(told);
        }
        let found = searching.await.map_err(|error| RunError::Task { what: "the search", source: error })?;
        match failed {
            Some(error) => Err(error),
            None => {
                found.map(Ok).map_err(|source| RunError::Tune { model: self.fp32.prepared.source.name.clone(), source })
            }
        }
    }

    /// The error of a precision's output, as [`TuneRequest::max_error`] has it; infinite where it is not one of the model. `None` where the
    /// search was cancelled.
    async fn error_of(&self, recipe: Recipe) -> Option<Result<f64, RunError>> {
        let wanted =
            Wanted { making: Making::Recipe(recipe), ..self.fp32.prepared.wanted.clone() }.on(self.fp32.route.platform);
        let trial = self.engine.preparer.trial(&self.fp32.prepared, wanted);
        let trial = match self.cancel.run_until_cancelled(trial).await? {
            Ok(trial) => trial,
            Err(error) => return Some(Err(error.into())),
        };
        let outcome = self.cancel.run_until_cancelled(self.measure(&trial)).await;
        self.engine.preparer.discard(trial).await;
        outcome
    }

    async fn measure(&self, trial: &Trial) -> Result<f64, RunError> {
        let candidate = Candidate {
            asked: self.fp32.asked.clone(),
            prepared: trial.prepared.clone(),
            route: self.fp32.route.clone(),
        };
        let run = match self.engine.run(&candidate, self.observer).await {
            Ok(run) => self.reference.distance(self.engine, &candidate, &run.output, self.observer).await,
            Err(error) => Err(error),
        };
        if candidate.prepared.graph().cid != self.fp32.prepared.graph().cid
            && let Some(worker) = self.engine.fleet.opened(&self.fp32.route.installation).await
        {
            dispose(&*worker, candidate.prepared.graph().cid.clone()).await?;
        }
        let parity = match run {
            Ok(parity) => parity,
            // The page itself refuses outputs that are no numbers.
            Err(error) if error.code() == pelago_protocol::ErrorCode::NotFinite.as_str() => None,
            Err(error) => return Err(error),
        };
        let finite = parity.filter(|parity| parity.nan_count == 0);
        Ok(finite.map_or(f64::INFINITY, |parity| match parity.generation {
            Some(generation) => generation.mean_kl_divergence,
            None => 1.0 - parity.cosine,
        }))
    }
}

/// What orders recipes of one search by their bytes: bits, then how many layers have more.
fn size(recipe: &Recipe) -> (u8, usize) {
    (recipe.bits, recipe.overrides.len())
}

fn choices(request: &TuneRequest, half: bool) -> Vec<u8> {
    if !request.choices.is_empty() {
        return request.choices.iter().map(|precision| precision.bits()).collect();
    }
    let all = [Precision::Bits4, Precision::Bits8, Precision::Bits16, Precision::Bits32];
    all.iter().filter(|precision| half || **precision != Precision::Bits16).map(|precision| precision.bits()).collect()
}

fn check(request: &TuneRequest) -> Result<(), RunError> {
    let refused = |what: String, advice: &'static str| Err(RunError::Unsupported { what, advice: advice.into() });
    if !(0.0..2.0).contains(&request.max_error) {
        let what = format!("an allowed error of {}", request.max_error);
        let advice = "give 1 less the least cosine that you accept, or nats for a model that makes text, e.g. 0.001";
        return refused(what, advice);
    }
    if !(1..=GROUPS_MAX).contains(&request.groups) {
        return refused(format!("a search in {} groups", request.groups), "give 1 to 10000");
    }
    Ok(())
}
