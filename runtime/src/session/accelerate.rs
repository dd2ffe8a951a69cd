//! One run: choose a route, have the page, run the model, report and record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use pelago_browser::link::{Message, RequestOptions};
use pelago_browser::pool::{Opened, Page};
use pelago_protocol::{
    EmbedResult, ExecutionOptions, Input, LoadResult, Parity, Platform, Report, Request, RunData, RunResult, Tensor,
};
use pelago_text::{EncodeOptions, TextModel, Tokens};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use super::checked::{Checked, check_family};
use super::fit::{SHADER_F16, budget_on};
use super::source::{Making, Prepared, Wanted};
use super::{Observer, Route, Session, SessionError, Step, report};

/// How long one request to a page may take, the fetch and compile of a model among it.
pub(super) const RUN_DEADLINE: Duration = Duration::from_secs(600);

/// Progress steps that may wait for an observer; one that is behind misses some.
const PROGRESS_QUEUE: usize = 64;

/// Bytes of text that are tokenized at once, some tens of microseconds.
const INLINE_TEXT: usize = 4096;

/// What a model gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// One vector a text.
    Embeddings {
        /// `[batch, hidden]`
        shape: [usize; 2],
        /// Row-major.
        values: Vec<f32>,
    },
    /// The graph's own outputs.
    Tensors(Vec<Tensor>),
}

/// A run that ended well: its report is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What was asked, what ran, and how long each part took.
    pub report: Report,
    /// What the model gave.
    pub output: Output,
}

/// What the page did for a run, by either kind of request.
pub(super) struct Executed {
    pub(super) load: LoadResult,
    pub(super) processing_ms: f64,
    pub(super) embed: Option<Embedded>,
    pub(super) output: Output,
}

/// What was done with texts.
pub(super) struct Embedded {
    pub(super) tokens: Tokens,
    /// On this machine, before the page.
    pub(super) tokenize_ms: f64,
    pub(super) run_ms: f64,
    /// In the page, and what the modules after it do here.
    pub(super) pool_ms: f64,
    pub(super) padded_tokens: usize,
    /// What is done beside the graph, by its names.
    pub(super) modules: Vec<String>,
    /// Whether the model's folder says how to pool.
    pub(super) says_pooling: bool,
    /// How the vectors are meant to be compared.
    pub(super) similarity: Option<String>,
}

impl Session {
    /// Runs a model and records the run. Dropping the future cancels the run in
    /// the page; browsers and models stay as they are.
    ///
    /// # Errors
    /// [`SessionError`], with a code, a message and what to do.
    pub async fn accelerate(&self, request: &Request, observer: Option<Observer>) -> Result<Run, SessionError> {
        self.accelerate_compared(request, observer, |_| None).await
    }

    /// The same; the run is recorded with its distance from a reference, as `compare` finds it.
    pub(super) async fn accelerate_compared(
        &self,
        request: &Request,
        observer: Option<Observer>,
        compare: impl FnOnce(&Output) -> Option<Parity>,
    ) -> Result<Run, SessionError> {
        let (came, start) = (Utc::now(), Instant::now());
        let request = &Checked::of(request.clone())?;
        let prepared = self.prepare(request, observer.as_ref()).await?;
        check_family(request, prepared.source.family)?;
        if matches!(request.input, Input::Texts(_)) {
            // What is wrong with it is said before a browser opens.
            self.sources.text(&prepared).await?;
        }
        let route = self.route(request, &prepared).await?;
        let prepared = self.on_route(request, prepared, &route, observer.as_ref()).await?;
        match self.execute(request, &prepared, &route, start, observer.as_ref()).await {
            Ok(mut run) => {
                run.report.parity = compare(&run.output);
                self.record_or_warn(&mut run, &prepared, request).await;
                Ok(run)
            }
            Err(error) => {
                self.record_failure(&prepared, &route, (came, start.elapsed()), &error).await;
                Err(error)
            }
        }
    }

    /// The model, and the graph that a request asks for; that of fp32 where the route, which it depends on, is
    /// still to be found.
    pub(super) async fn prepare(
        &self,
        request: &Checked,
        observer: Option<&Observer>,
    ) -> Result<Prepared, SessionError> {
        let fp32 = Wanted { graph: request.graph.clone(), making: Making::FP32, platform: request.platform };
        let wanted = Wanted::of(request, request.platform)?;
        let known = wanted.as_ref().filter(|_| request.platform != Platform::Auto);
        match (self.sources.prepare(&request.model, known.unwrap_or(&fp32), observer).await, &wanted) {
            // A folder may publish that precision and no other.
            (Err(SessionError::NoVariant { .. } | SessionError::Graph { .. }), Some(wanted)) if known.is_none() => {
                self.sources.prepare(&request.model, wanted, observer).await
            }
            (prepared, _) => prepared,
        }
    }

    /// The graph for a route, where the request left open what it depends on.
    pub(super) async fn on_route(
        &self,
        request: &Request,
        prepared: Prepared,
        route: &Route,
        observer: Option<&Observer>,
    ) -> Result<Prepared, SessionError> {
        let (wanted, predicted_mb) = match Wanted::of(request, route.platform)? {
            Some(wanted) => (wanted, None),
            None => {
                let (wanted, predicted) = self.fitting(request, &prepared, route, observer).await?;
                (wanted, Some(predicted))
            }
        };
        if prepared.wanted.same_graph(&wanted) {
            return Ok(prepared.of(wanted, predicted_mb));
        }
        prepared.whole().await?;
        let prepared = self.sources.prepare(&request.model, &wanted, observer).await?;
        Ok(prepared.of(wanted, predicted_mb))
    }

    /// Runs on one route, without recording.
    pub(super) async fn execute(
        &self,
        request: &Checked,
        prepared: &Prepared,
        route: &Route,
        start: Instant,
        observer: Option<&Observer>,
    ) -> Result<Run, SessionError> {
        let started = Utc::now();
        check_family(request, prepared.source.family)?;
        let opened = self.open_page(&route.installation, observer).await?;
        let hardware = report::hardware(opened.page.capabilities(), route.platform);
        if request.require_real_hardware && hardware.is_real != Some(true) {
            return Err(SessionError::SoftwareHardware {
                browser: opened.page.product().to_owned(),
                platform: route.platform,
                reason: hardware.reason,
            });
        }
        check_adapter(request, prepared, route.platform, &opened.page)?;
        let before = prepared.served.total();
        let executed = match self.ask(request, prepared, route.platform, &opened.page, observer).await {
            Ok(executed) => executed,
            Err(error) => return Err(prepared.failure().await.unwrap_or(error)),
        };
        let arrived = prepared.whole().await?;
        let facts = report::Facts {
            request,
            prepared,
            route,
            opened: &opened,
            hardware,
            executed: &executed,
            arrived: arrived.as_ref(),
            bytes: prepared.served.since(&before),
            started,
            total: start.elapsed(),
        };
        Ok(Run { report: report::build(&facts), output: executed.output })
    }

    /// The page of a browser, with the opening of it told to whoever watches.
    pub(super) async fn open_page(&self, id: &str, observer: Option<&Observer>) -> Result<Opened, SessionError> {
        let known = self.pool.open_page(id).await;
        if let Some(page) = known {
            return Ok(Opened { page, took: None });
        }
        if let Some(observer) = observer {
            observer(Step::Opening { product: id.to_owned() });
        }
        let opened = self.pool.page(id).await;
        if let Some(observer) = observer {
            observer(Step::Opened { product: id.to_owned() });
        }
        Ok(opened?)
    }

    async fn ask(
        &self,
        request: &Request,
        prepared: &Prepared,
        platform: Platform,
        page: &Page,
        observer: Option<&Observer>,
    ) -> Result<Executed, SessionError> {
        let source = prepared.source.clone();
        let options = ExecutionOptions {
            allow_fallback: request.allow_fallback,
            fixed_shapes: true,
            memory_budget: Some(budget_on(platform, self.page_budget)),
            ..ExecutionOptions::default()
        };
        let message = |kind: &str, data: Value, tensors| {
            Ok::<_, SessionError>(Message {
                kind: kind.to_owned(),
                model_name: Some(prepared.source.name.clone()),
                platform: Some(platform),
                data,
                options: serde_json::to_value(&options)?,
                tensors,
            })
        };
        match &request.input {
            Input::Texts(texts) => {
                let model = &self.sources.text(prepared).await?;
                let began = Instant::now();
                let tokens = encode(model, request, texts).await?;
                let tokenize_ms = milliseconds(began);
                let (data, tensors) = model.embed_data(source, &tokens);
                let message = message("embed", serde_json::to_value(data)?, tensors)?;
                let (result, tensors): (EmbedResult, _) = watched(page, "embed", message, observer).await?;
                let ([rows, dimensions], values) = embeddings(page, tensors)?;
                if rows != tokens.lengths.len() {
                    let found = format!("{rows} vectors for {} rows", tokens.lengths.len());
                    return Err(SessionError::UnexpectedOutput { browser: page.product().to_owned(), found });
                }
                let began = Instant::now();
                let (values, dimensions) = model
                    .finish(&tokens, values, dimensions, result.pooled_by_graph, request.truncate_dim)
                    .map_err(|source| SessionError::Text { model: prepared.source.name.clone(), source })?;
                let finish_ms = milliseconds(began);
                let mut modules = model.modules();
                if result.pooled_by_graph {
                    modules = vec![result.pooling];
                }
                let embedded = Embedded {
                    tokenize_ms,
                    run_ms: result.run_ms,
                    pool_ms: result.pool_ms + finish_ms,
                    padded_tokens: result.padded_tokens,
                    says_pooling: result.pooled_by_graph || model.says_pooling(),
                    similarity: model.similarity().map(str::to_owned),
                    modules,
                    tokens,
                };
                Ok(Executed {
                    load: result.load,
                    processing_ms: tokenize_ms + result.processing_ms + finish_ms,
                    embed: Some(embedded),
                    output: Output::Embeddings { shape: [texts.len(), dimensions], values },
                })
            }
            Input::Tensors(inputs) => {
                let data = serde_json::to_value(RunData { model: source, outputs: Vec::new() })?;
                let (result, tensors): (RunResult, _) =
                    watched(page, "run", message("run", data, inputs.clone())?, observer).await?;
                Ok(Executed {
                    load: result.load,
                    processing_ms: result.processing_ms,
                    embed: None,
                    output: Output::Tensors(tensors),
                })
            }
        }
    }
}

/// Asks the page and passes its progress on while it works.
async fn watched<T: DeserializeOwned>(
    page: &Page,
    kind: &'static str,
    message: Message,
    observer: Option<&Observer>,
) -> Result<(T, Vec<Tensor>), SessionError> {
    let (sender, mut receiver) = mpsc::channel(PROGRESS_QUEUE);
    // A model changes nothing by running, so it may run twice.
    let options =
        RequestOptions { deadline: RUN_DEADLINE, progress: observer.map(|_| sender.clone()), repeat_safe: true };
    drop(sender);
    let pass_on = async {
        while let Some(progress) = receiver.recv().await {
            if let Some(observer) = observer {
                observer(Step::Page { product: page.product().to_owned(), progress });
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = page.ask(kind, message, options) => Ok(answer?),
        () = pass_on => unreachable!("the future that passes progress on never ends"),
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// Token ids. Much text is tokenized on a thread that may be busy for a while; for a little, the way there would take
/// longer than the work.
async fn encode(model: &Arc<TextModel>, request: &Request, texts: &[String]) -> Result<Tokens, SessionError> {
    let (prompt, on_long) = (request.prompt.clone(), request.on_long);
    let encoded = if texts.iter().map(String::len).sum::<usize>() <= INLINE_TEXT {
        model.encode(texts, EncodeOptions { prompt: prompt.as_deref(), on_long })
    } else {
        let (model, texts) = (Arc::clone(model), texts.to_vec());
        let encoded = tokio::task::spawn_blocking(move || {
            model.encode(&texts, EncodeOptions { prompt: prompt.as_deref(), on_long })
        });
        encoded.await.map_err(|source| SessionError::Task { what: "tokenizing", source })?
    };
    encoded.map_err(|source| SessionError::Text { model: request.model.clone(), source })
}

fn embeddings(page: &Page, tensors: Vec<Tensor>) -> Result<([usize; 2], Vec<f32>), SessionError> {
    let wrong = |found: String| SessionError::UnexpectedOutput { browser: page.product().to_owned(), found };
    let names = tensors.iter().map(|tensor| tensor.name.clone()).collect::<Vec<_>>();
    let Some(tensor) = tensors.into_iter().find(|tensor| tensor.name == "embedding") else {
        return Err(wrong(format!("the tensors {names:?}")));
    };
    let Ok(shape) = <[usize; 2]>::try_from(tensor.shape.as_slice()) else {
        return Err(wrong(format!("an embedding of shape {:?}", tensor.shape)));
    };
    let values = tensor.to_f32().map_err(|error| wrong(error.to_string()))?;
    Ok((shape, values))
}

/// Refuses a precision that the page's adapter has no shaders for, before anything is loaded.
fn check_adapter(request: &Request, prepared: &Prepared, platform: Platform, page: &Page) -> Result<(), SessionError> {
    let has = page.capabilities().webgpu.features.iter().any(|feature| feature == SHADER_F16);
    if !prepared.wanted.has_half() || platform != Platform::WebGpu || has || request.allow_fallback {
        return Ok(());
    }
    Err(SessionError::PrecisionUnavailable {
        browser: page.product().to_owned(),
        platform,
        precision: prepared.wanted.precision(),
        missing: SHADER_F16,
    })
}
