//! A sweep: one model on every combination of browser, platform and precision.

use serde::{Deserialize, Serialize};

use crate::{BrowserKind, Input, ModelCid, Parity, Phases, Platform, Precision, SweepId};

/// What is to be measured: every combination of the lists. An empty list stands
/// for all that this machine has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRequest {
    /// A name, a CID or a path.
    pub model: String,
    /// What the model is given; `None` for the set made for its family.
    pub input: Option<Input>,
    /// The fp32 graph in the model's folder; `None` for the usual one.
    pub graph: Option<String>,
    /// Browsers.
    pub browsers: Vec<BrowserKind>,
    /// Platforms.
    pub platforms: Vec<Platform>,
    /// Precisions; empty for 32 alone.
    pub precisions: Vec<Precision>,
    /// Whether critical layers keep a higher precision; empty for not.
    pub mixed: Vec<bool>,
    /// Measured runs of each combination, after those that warm it up.
    pub repeat: u32,
    /// Runs of each combination that are not counted.
    pub warm_up: u32,
    /// Tokens that a model which makes text makes in each run, no fewer and no more; `None` for 32.
    pub max_new_tokens: Option<u32>,
}

crate::word::words! {
    /// How a combination ended.
    SweepOutcome, "sweep outcome" {
        /// It ran, and its output is one of the model.
        Measured = "measured",
        /// It cannot run here, for a reason that was known before.
        Refused = "refused",
        /// It ran into an error.
        Failed = "failed",
        /// It ran, and its output is not one of the model.
        Broken = "broken",
    }
}

/// One combination, and what was measured of it. Times are milliseconds of warm
/// runs in the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// The sweep that it belongs to.
    pub sweep_id: SweepId,
    /// The model's name.
    pub model_name: String,
    /// CID of the model's folder.
    pub model_cid: ModelCid,
    /// The kind of browser.
    pub browser: BrowserKind,
    /// The product's own name, e.g. `chrome-headless-shell`.
    pub browser_product: String,
    /// The browser's version; empty where it did not open.
    pub browser_version: String,
    /// The platform.
    pub platform: Platform,
    /// Bits a weight.
    pub precision: Precision,
    /// Whether critical layers kept a higher precision.
    pub mixed_precision: bool,
    /// How it ended.
    pub outcome: SweepOutcome,
    /// Why it did not end well, and what to do; `None` where it did.
    pub problem: Option<String>,
    /// True only where the adapter is known not to be a software one.
    pub is_real_hardware: Option<bool>,
    /// Runs that were measured, outliers among them.
    pub runs: u32,
    /// Of those, outliers: kept in every figure.
    pub outliers: u32,
    /// The fastest run.
    pub min_ms: Option<f64>,
    /// Median.
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Rows a second at the median.
    pub throughput_items_per_sec: Option<f64>,
    /// Median of the reference's time by this one's, from interleaved runs: above 1 is faster.
    pub speedup: Option<f64>,
    /// Lower end of its 95 % bootstrap interval.
    pub speedup_low: Option<f64>,
    /// Upper end of its 95 % bootstrap interval.
    pub speedup_high: Option<f64>,
    /// Phases of the cold start.
    pub phases: Phases,
    /// Memory of the page in MiB, where the browser tells.
    pub memory_usage_mb: Option<f64>,
    /// Bytes of the model's files that the page loads.
    pub model_bytes: Option<u64>,
    /// Distance from fp32 on wasm.
    pub parity: Option<Parity>,
    /// Of a model that makes text; `None` for others.
    pub generation: Option<GenerationSpeed>,
}

/// How fast text was made: medians of warm runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GenerationSpeed {
    /// Tokens of each run's answers.
    pub new_tokens: u64,
    /// Milliseconds from a run's start to its first token.
    pub time_to_first_token_ms: Option<f64>,
    /// Tokens of the prompts a second.
    pub prefill_tokens_per_sec: Option<f64>,
    /// Tokens after the first a second, of all rows together.
    pub decode_tokens_per_sec: Option<f64>,
    /// MiB of the cache of keys and values.
    pub kv_cache_mb: f64,
    /// Whether WebGPU's work for one token was recorded once and replayed.
    pub captured: bool,
}
