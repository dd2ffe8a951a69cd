//! What is kept of runs beside their reports.

use crate::{BrowserKind, FailureId, ModelCid, Platform, Precision, RunId};

/// A run that a browser was asked for and that ended in an error. What was refused
/// before that, such as a model that nobody knows, is no failed run.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedRun {
    /// Unique, and in the order of time (UUID version 7).
    pub failure_id: FailureId,
    /// When the request came, RFC 3339.
    pub started: String,
    /// The model's name.
    pub model_name: String,
    /// CID of the model's folder.
    pub model_cid: ModelCid,
    /// The browser that was to run it.
    pub browser: BrowserKind,
    /// The platform that was to run it.
    pub platform: Platform,
    /// Bits a weight.
    pub precision: Precision,
    /// Whether critical layers were to keep a higher precision.
    pub mixed_precision: bool,
    /// The error's word for programs, e.g. `browser_lost`.
    pub code: String,
    /// The error's message.
    pub message: String,
    /// Seconds from the request's arrival to the error.
    pub total_time: f64,
    /// Of the machine, when it failed.
    pub load_average: Option<f64>,
}

/// What one source on the network gave for one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// The run that the model was fetched for.
    pub run_id: RunId,
    /// The source's name.
    pub source: String,
    /// `peer`, `gateway` or `kubo`.
    pub kind: String,
    /// Verified bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Its goodput, bytes a second, where it was measured.
    pub rate: Option<f64>,
    /// Milliseconds from question to answer, where they were measured.
    pub latency_ms: Option<f64>,
    /// Of its transfers of late, how many failed: 0 to 1.
    pub errors: f64,
}

/// What an earlier warm run took.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredRun {
    /// The browser's product name.
    pub product: String,
    /// The browser's version.
    pub version: String,
    /// The platform that ran it.
    pub platform: Platform,
    /// Bits a weight.
    pub precision: Precision,
    /// Whether critical layers had a higher precision.
    pub mixed_precision: bool,
    /// Rows of the batch.
    pub batch_size: u64,
    /// Tokens of all rows; `None` where the input had none.
    pub tokens: Option<u64>,
    /// Seconds in the page.
    pub seconds: f64,
}
