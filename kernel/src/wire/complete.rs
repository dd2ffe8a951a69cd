//! `complete_request` and its reply. Positions are code points, as the
//! interpreter's are.

use pelago_cells::interpreter::Completions;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
pub(crate) struct CompleteRequest {
    pub(crate) code: String,
    /// Absent: the end of the code.
    pub(crate) cursor_pos: Option<usize>,
}

pub(crate) fn reply(found: &Completions) -> Value {
    let types = found.matches.iter().map(|found_here| {
        let mut entry = json!({
            "start": found.start, "end": found.end, "text": found_here.text, "type": found_here.kind,
        });
        if let Some(detail) = &found_here.detail {
            entry["signature"] = detail.as_str().into();
        }
        entry
    });
    json!({
        "status": "ok",
        "matches": found.matches.iter().map(|found_here| &found_here.text).collect::<Vec<_>>(),
        "cursor_start": found.start,
        "cursor_end": found.end,
        // JupyterLab's extension: kinds and signatures beside the names.
        "metadata": { "_jupyter_types_experimental": types.collect::<Vec<_>>() },
    })
}
