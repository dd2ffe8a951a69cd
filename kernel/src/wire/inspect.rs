//! `inspect_request` and its reply.

use pelago_cells::interpreter::Inspection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Debug, Deserialize)]
pub(crate) struct InspectRequest {
    pub(crate) code: String,
    /// Absent: the end of the code.
    pub(crate) cursor_pos: Option<usize>,
}

pub(crate) fn reply(found: Option<&Inspection>) -> Value {
    let data = found.map(data).unwrap_or_default();
    json!({ "status": "ok", "found": found.is_some(), "data": data, "metadata": {} })
}

/// As a MIME bundle.
pub(crate) fn data(found: &Inspection) -> Map<String, Value> {
    Map::from_iter([
        ("text/plain".to_owned(), found.text.as_str().into()),
        ("text/markdown".to_owned(), found.markdown.as_str().into()),
    ])
}
