//! `history_request` and its reply.

use serde::Deserialize;
use serde_json::{Value, json};

/// Which cells of the past.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "hist_access_type", rename_all = "lowercase")]
pub(crate) enum Access {
    /// Lines `start..stop` of one session.
    Range {
        /// 0 is this one, negative ones count back from it.
        #[serde(default)]
        session: Option<i64>,
        /// First line.
        #[serde(default)]
        start: Option<i64>,
        /// Line after the last one; absent: to the end.
        #[serde(default)]
        stop: Option<i64>,
    },
    /// The last `n` cells of all sessions.
    Tail {
        #[serde(default)]
        n: Option<i64>,
    },
    /// The last `n` cells that match a glob.
    Search {
        #[serde(default)]
        pattern: Option<String>,
        #[serde(default)]
        n: Option<i64>,
        /// Of equal cells only the last.
        #[serde(default)]
        unique: Option<bool>,
    },
}

#[derive(Debug, Deserialize)]
pub(crate) struct HistoryRequest {
    #[serde(flatten)]
    pub(crate) access: Access,
    /// With what the cells gave.
    #[serde(default)]
    pub(crate) output: bool,
}

/// A cell of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) session: i64,
    pub(crate) line: i64,
    pub(crate) source: String,
    pub(crate) output: Option<String>,
}

pub(crate) fn reply(entries: &[Entry], with_output: bool) -> Value {
    let history = entries.iter().map(|entry| {
        if with_output {
            json!([entry.session, entry.line, [entry.source, entry.output]])
        } else {
            json!([entry.session, entry.line, entry.source])
        }
    });
    json!({ "status": "ok", "history": history.collect::<Vec<_>>() })
}
