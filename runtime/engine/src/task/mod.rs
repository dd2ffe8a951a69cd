//! Tasks: what is sent to a page for an input, and what its answer becomes. One file each.

mod batches;
pub(crate) mod embed;
pub(crate) mod generate;
pub(crate) mod head;
mod run;
pub(crate) mod score;
mod stops;

use std::collections::BTreeMap;
use std::time::Instant;

use pelago_browser::link::{Message, RequestOptions};
use pelago_models::Prepared;
use pelago_protocol::{
    ErrorCode, ExecutionOptions, Graphs, Input, LoadResult, Observer, Output, PARTS_AHEAD, PageCall, Platform, Request,
    Role, Step, Task, Tensor,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::embed::Embedded;
use self::generate::Generated;
use self::head::Headed;
use self::score::Scored;
use crate::fit::budget_on;
use crate::fleet::{Worker, ask};
use crate::run::candidate::Candidate;
use crate::run::{Listening, RUN_DEADLINE};
use crate::{Engine, Route, RunError};

/// Progress steps that may wait for an observer; one that is behind misses some.
const PROGRESS_QUEUE: usize = 64;

/// What a page did for a run.
pub(crate) struct Executed {
    /// How the session of each graph came to be.
    pub(crate) loads: BTreeMap<Role, LoadResult>,
    pub(crate) processing_ms: f64,
    pub(crate) did: Did,
    pub(crate) output: Output,
}

/// What is known of a run beside its sessions.
pub(crate) enum Did {
    /// A graph ran on tensors.
    Ran,
    Embedded(Embedded),
    Generated(Generated),
    Headed(Headed),
}

impl Executed {
    /// Whether every session was there before.
    pub(crate) fn is_warm(&self) -> bool {
        self.loads.values().all(|load| load.warm)
    }

    pub(crate) fn embedded(&self) -> Option<&Embedded> {
        if let Did::Embedded(embedded) = &self.did { Some(embedded) } else { None }
    }

    pub(crate) fn generated(&self) -> Option<&Generated> {
        if let Did::Generated(generated) = &self.did { Some(generated) } else { None }
    }

    pub(crate) fn headed(&self) -> Option<&Headed> {
        if let Did::Headed(headed) = &self.did { Some(headed) } else { None }
    }
}

/// A request that is to be run in a page.
pub(crate) struct Asking<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) request: &'a Request,
    pub(crate) prepared: &'a Prepared,
    platform: Platform,
    pub(crate) worker: &'a dyn Worker,
    /// When the request came.
    start: Instant,
    listening: Listening<'a>,
    /// A text that the model is asked what it says of, in place of the request's own task.
    scored: Option<&'a Scored>,
    /// Whether the page is told what graphs declare.
    declares: bool,
}

impl Engine {
    /// Runs the task of a request's input.
    pub(crate) async fn task(
        &self,
        request: &Request,
        prepared: &Prepared,
        route: &Route,
        worker: &dyn Worker,
        start: Instant,
        listening: Listening<'_>,
    ) -> Result<Executed, RunError> {
        let platform = route.platform;
        let asking = Asking {
            engine: self,
            request,
            prepared,
            platform,
            worker,
            start,
            listening,
            scored: None,
            declares: true,
        };
        self.asked(asking, route).await
    }

    /// What a model says of a text on a candidate's route.
    ///
    /// # Errors
    /// [`RunError::UnexpectedOutput`] for an answer without logits, and those of the page.
    pub(crate) async fn score(
        &self,
        candidate: &Candidate,
        scored: &Scored,
        observer: Option<&Observer>,
    ) -> Result<Vec<f32>, RunError> {
        let Candidate { asked, prepared, route } = candidate;
        let worker = self.worker(&route.installation, observer).await?.worker;
        let asking = Asking {
            engine: self,
            request: asked,
            prepared,
            platform: route.platform,
            worker: &*worker,
            start: Instant::now(),
            listening: observer.into(),
            scored: Some(scored),
            declares: true,
        };
        score::logits(self.asked(asking, route).await?, scored, &*worker)
    }

    async fn asked(&self, mut asking: Asking<'_>, route: &Route) -> Result<Executed, RunError> {
        asking.declares = asking.prepared.graphs().any(|(_, graph, _)| !self.held.has(&route.installation, &graph.cid));
        let mut executed = asking.run().await;
        // The page, or its Worker, is another one than the one that held the graph.
        if !asking.declares && executed.as_ref().is_err_and(is_unknown_graph) {
            asking.declares = true;
            executed = asking.run().await;
        }
        match &executed {
            // One that built nothing changed nothing.
            Ok(done) if done.is_warm() => {}
            // The session that was built last knows of all.
            Ok(done) => {
                let last = done.loads.values().max_by_key(|load| load.held.len());
                self.held.set(&route.installation, last.map_or(&[], |load| &load.held));
            }
            Err(_) => self.held.forget(&route.installation),
        }
        executed
    }
}

fn is_unknown_graph(error: &RunError) -> bool {
    matches!(error, RunError::Browser(error) if error.page().is_some_and(|page| page.code == ErrorCode::GraphUnknown))
}

impl Asking<'_> {
    async fn run(&self) -> Result<Executed, RunError> {
        if let Some(scored) = self.scored {
            return score::score(self, scored).await;
        }
        match (&self.request.input, self.prepared.task()) {
            (Input::Tensors(tensors), _) => run::run(self, tensors).await,
            (Input::Texts(_) | Input::Chat(_), Some(Task::TextGeneration | Task::Text2TextGeneration)) => {
                generate::generate(self).await
            }
            (Input::Texts(texts), Some(Task::FeatureExtraction)) => embed::embed(self, texts).await,
            (Input::Texts(_) | Input::Pairs(_), Some(task)) if task.head().is_some() => head::head(self, task).await,
            (Input::Texts(_) | Input::Pairs(_) | Input::Chat(_), task) => Err(RunError::Unsupported {
                what: task.map_or_else(|| "this model".to_owned(), |task| format!("the task {task}")),
                advice: "use a model of another task, or give the graph's own tensors in a cell of Rust".into(),
            }),
        }
    }

    /// The graphs of the model as the page is told of them.
    async fn graphs(&self) -> Result<Graphs, RunError> {
        Ok(self.engine.preparer.graphs(self.prepared, self.declares).await?)
    }

    /// Sends the page a call and passes its progress on while it works.
    async fn send<C: PageCall>(&self, call: &C, tensors: Vec<Tensor>) -> Result<(C::Reply, Vec<Tensor>), RunError> {
        self.send_streaming(call, tensors, None, None).await
    }

    /// The same; parts go to `parts`, and the page is told to stop where `stop` is cancelled.
    async fn send_streaming<C: PageCall>(
        &self,
        call: &C,
        tensors: Vec<Tensor>,
        parts: Option<mpsc::Sender<serde_json::Value>>,
        stop: Option<CancellationToken>,
    ) -> Result<(C::Reply, Vec<Tensor>), RunError> {
        let options = ExecutionOptions {
            allow_fallback: self.request.allow_fallback,
            fixed_shapes: true,
            memory_budget: Some(budget_on(self.platform, self.engine.page_budget)),
            parts: parts.as_ref().map(|_| PARTS_AHEAD as u32),
            ..ExecutionOptions::default()
        };
        let message = Message {
            model_name: Some(self.prepared.source.name.clone()),
            platform: Some(self.platform),
            options: serde_json::to_value(&options)?,
            tensors,
            ..Message::default()
        };
        let (sender, mut receiver) = mpsc::channel(PROGRESS_QUEUE);
        // A model changes nothing by running, so it may run twice.
        let options = RequestOptions {
            progress: self.listening.observer.map(|_| sender.clone()),
            parts,
            stop,
            ..RequestOptions::within(RUN_DEADLINE)
        };
        drop(sender);
        let pass_on = async {
            while let Some(progress) = receiver.recv().await {
                if let Some(observer) = self.listening.observer {
                    observer(Step::Page { product: self.worker.product().to_owned(), progress });
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = ask(self.worker, call, message, options) => answer,
            () = pass_on => unreachable!("the future that passes progress on never ends"),
        }
    }
}
