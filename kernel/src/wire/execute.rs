//! `execute_request` and its reply.

use std::collections::BTreeMap;

use pelago_cells::interpreter::CellError;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A cell to run.
#[derive(Debug, Deserialize)]
pub(crate) struct ExecuteRequest {
    pub(crate) code: String,
    /// Publish nothing and count nothing.
    #[serde(default)]
    pub(crate) silent: bool,
    #[serde(default = "yes")]
    pub(crate) store_history: bool,
    /// Expressions to evaluate after the cell, by names of the client's own.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) user_expressions: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) allow_stdin: bool,
    /// Whether a failure aborts the requests that wait.
    #[serde(default = "yes")]
    pub(crate) stop_on_error: bool,
}

fn yes() -> bool {
    true
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The cell ran.
pub(crate) fn ok(count: u64, user_expressions: &Map<String, Value>, payload: &[Value]) -> Value {
    json!({ "status": "ok", "execution_count": count, "user_expressions": user_expressions, "payload": payload })
}

/// The cell failed.
pub(crate) fn failed(count: u64, error: &CellError) -> Value {
    let mut content = output(error);
    content["status"] = "error".into();
    content["execution_count"] = count.into();
    content["user_expressions"] = json!({});
    content["payload"] = json!([]);
    content
}

/// The cell did not run, since one before it failed.
pub(crate) fn aborted(count: u64) -> Value {
    json!({ "status": "aborted", "execution_count": count, "user_expressions": {}, "payload": [] })
}

/// What a failing cell publishes as `error`.
pub(crate) fn output(error: &CellError) -> Value {
    json!({ "ename": error.name, "evalue": error.value, "traceback": error.traceback })
}

/// Text for the front end's pager.
pub(crate) fn page(data: Map<String, Value>) -> Value {
    json!({ "source": "page", "data": data, "start": 0 })
}
