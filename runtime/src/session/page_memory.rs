//! The memory of a page, and having it let go of models.

use pelago_browser::link::{Message, RequestOptions};
use pelago_browser::pool::Page;
use pelago_protocol::{Dispose, DisposeResult};

use super::SessionError;
use super::accelerate::RUN_DEADLINE;

/// MiB that a page holds now; `None` where the browser does not tell.
pub(super) async fn held(page: &Page) -> Option<f64> {
    // No graph has this CID: nothing is let go of.
    dispose(page, String::new()).await.ok()?.memory_usage_mb
}

/// Has a page let go of a graph's sessions.
pub(super) async fn dispose(page: &Page, graph: String) -> Result<DisposeResult, SessionError> {
    let message = Message {
        kind: "dispose".to_owned(),
        model_name: None,
        platform: None,
        data: serde_json::to_value(Dispose { graph: Some(graph), keep: 0 })?,
        options: serde_json::Value::Null,
        tensors: Vec::new(),
    };
    let options = RequestOptions { deadline: RUN_DEADLINE, progress: None, repeat_safe: true };
    Ok(page.ask("dispose", message, options).await?.0)
}
