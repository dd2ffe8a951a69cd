//! `is_complete_request` and its reply.

use pelago_cells::interpreter::Completeness;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
pub(crate) struct IsCompleteRequest {
    pub(crate) code: String,
}

pub(crate) fn reply(found: &Completeness) -> Value {
    match found {
        Completeness::Complete => json!({ "status": "complete" }),
        Completeness::Incomplete { indent } => json!({ "status": "incomplete", "indent": indent }),
        Completeness::Invalid { .. } => json!({ "status": "invalid" }),
    }
}
