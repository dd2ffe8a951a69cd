//! Tasks: what is sent to a page for an input, and what its answer becomes. One file each.

pub(crate) mod embed;
mod run;

use pelago_browser::link::{Message, RequestOptions};
use pelago_models::Prepared;
use pelago_protocol::{
    ExecutionOptions, Input, LoadResult, Observer, Output, PageCall, Platform, Request, Step, Tensor,
};
use tokio::sync::mpsc;

use self::embed::Embedded;
use crate::fit::budget_on;
use crate::fleet::{Worker, ask};
use crate::run::RUN_DEADLINE;
use crate::{Engine, RunError};

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
}

impl Engine {
    /// Runs the task of a request's input.
    pub(crate) async fn task(
        &self,
        request: &Request,
        prepared: &Prepared,
        platform: Platform,
        worker: &dyn Worker,
        observer: Option<&Observer>,
    ) -> Result<Executed, RunError> {
        let asking = Asking { engine: self, request, prepared, platform, worker, observer };
        match &request.input {
            Input::Texts(texts) => embed::embed(&asking, texts).await,
            Input::Tensors(tensors) => run::run(&asking, tensors).await,
        }
    }
}

impl Asking<'_> {
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
