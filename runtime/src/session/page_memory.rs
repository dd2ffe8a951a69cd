//! The memory of a page, and having it let go of models.

use pelago_browser::link::{Message, RequestOptions};
use pelago_browser::pool::Page;
use pelago_protocol::{Dispose, DisposeResult};

use super::accelerate::RUN_DEADLINE;
use super::{Session, SessionError};

/// What a page let go of.
#[derive(Clone, Debug, PartialEq)]
pub struct Unloaded {
    /// The browser's product name.
    pub browser: String,
    /// Sessions of onnxruntime that it let go of.
    pub unloaded: u64,
    /// Those that it still holds.
    pub held: u64,
    /// Memory of the page after that in MiB, where the browser tells.
    pub memory_mb: Option<f64>,
}

impl Session {
    /// Has every open page let go of a model's sessions, in all precisions; of all sessions where no model is named.
    ///
    /// # Errors
    /// Where the model is not known, or a page does not answer.
    pub async fn unload(&self, model: Option<&str>) -> Result<Vec<Unloaded>, SessionError> {
        let graphs = match model {
            Some(model) => self.sources.graphs_of(self.models().root(model).await?).into_iter().map(Some).collect(),
            None => vec![None],
        };
        let mut all = Vec::new();
        for candidate in self.pool.candidates() {
            let Some(page) = self.pool.open_page(&candidate.id).await else { continue };
            // The first question is of no graph: what is held, where nothing is to be let go of.
            let mut result = ask(&page, Some(String::new())).await?;
            let mut unloaded = 0;
            for graph in &graphs {
                result = ask(&page, graph.clone()).await?;
                unloaded += result.disposed as u64;
            }
            all.push(Unloaded {
                browser: page.product().to_owned(),
                unloaded,
                held: result.held as u64,
                memory_mb: result.memory_usage_mb,
            });
        }
        Ok(all)
    }
}

/// MiB that a page holds now; `None` where the browser does not tell.
pub(super) async fn held(page: &Page) -> Option<f64> {
    // No graph has this CID: nothing is let go of.
    dispose(page, String::new()).await.ok()?.memory_usage_mb
}

/// Has a page let go of a graph's sessions.
pub(super) async fn dispose(page: &Page, graph: String) -> Result<DisposeResult, SessionError> {
    ask(page, Some(graph)).await
}

async fn ask(page: &Page, graph: Option<String>) -> Result<DisposeResult, SessionError> {
    let message = Message {
        kind: "dispose".to_owned(),
        model_name: None,
        platform: None,
        data: serde_json::to_value(Dispose { graph, keep: 0 })?,
        options: serde_json::Value::Null,
        tensors: Vec::new(),
    };
    let options = RequestOptions { deadline: RUN_DEADLINE, progress: None, repeat_safe: true };
    Ok(page.ask("dispose", message, options).await?.0)
}
