//! Tasks: what is sent to a page for an input, and what its answer becomes. One file each.

pub(crate) mod embed;
mod run;

use pelago_browser::link::{Message, RequestOptions};
use pelago_models::Prepared;
use pelago_protocol::{
    ErrorCode, ExecutionOptions, Graphs, Input, LoadResult, Observer, Output, PageCall, Platform, Request, Step, Tensor,
};
use tokio::sync::mpsc;

use self::embed::Embedded;
use crate::fit::budget_on;
use crate::fleet::{Worker, ask};
use crate::run::RUN_DEADLINE;
use crate::{Engine, Route, RunError};

/// Progress steps that may wait for an observer; one that is behind misses some.
const PROGRESS_QUEUE: usize = 64;

/// What a page did for a run.
pub(crate) struct Executed {
    pub(crate) load: LoadResult,
    pub(crate) processing_ms: f64,
    pub(crate) embed: Option<Embedded>,
    pub(crate) output: Output,
}

/// A request that is to be run in a page.
pub(crate) struct Asking<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) request: &'a Request,
    pub(crate) prepared: &'a Prepared,
    platform: Platform,
    pub(crate) worker: &'a dyn Worker,
    observer: Option<&'a Observer>,
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
        observer: Option<&Observer>,
    ) -> Result<Executed, RunError> {
        let graph = &prepared.graph().cid;
        let declares = !self.held.has(&route.installation, graph);
        let mut asking =
            Asking { engine: self, request, prepared, platform: route.platform, worker, observer, declares };
        let mut executed = asking.run().await;
        // The page, or its Worker, is another one than the one that held the graph.
        if !asking.declares && executed.as_ref().is_err_and(is_unknown_graph) {
            asking.declares = true;
            executed = asking.run().await;
        }
        match &executed {
            // One that built nothing changed nothing.
            Ok(done) if done.load.warm => {}
            Ok(done) => self.held.set(&route.installation, &done.load.held),
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
        match &self.request.input {
            Input::Texts(texts) => embed::embed(self, texts).await,
            Input::Tensors(tensors) => run::run(self, tensors).await,
        }
    }

    /// The graphs of the model as the page is told of them.
    async fn graphs(&self) -> Result<Graphs, RunError> {
        Ok(self.engine.preparer.graphs(self.prepared, self.declares).await?)
    }

    /// Sends the page a call and passes its progress on while it works.
    async fn send<C: PageCall>(&self, call: &C, tensors: Vec<Tensor>) -> Result<(C::Reply, Vec<Tensor>), RunError> {
        let options = ExecutionOptions {
            allow_fallback: self.request.allow_fallback,
            fixed_shapes: true,
            memory_budget: Some(budget_on(self.platform, self.engine.page_budget)),
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
            deadline: RUN_DEADLINE,
            progress: self.observer.map(|_| sender.clone()),
            repeat_safe: true,
        };
        drop(sender);
        let pass_on = async {
            while let Some(progress) = receiver.recv().await {
                if let Some(observer) = self.observer {
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
