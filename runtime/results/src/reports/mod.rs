//! Many runs in one report: by route, with parity, content, reliability and what the
//! machine was. It knows values; pages of it are Markdown, HTML and JSON
//! (`docs/report.schema.json`), each without anything from outside.

mod charts;
mod compare;
mod gather;
mod moment;

use serde::{Deserialize, Serialize};

use pelago_statistics::Ratio;

pub use compare::{Change, Compared, RouteChange, compare};
pub use gather::gather;
pub use moment::{NoMoment, moment};

/// Which runs a report is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Not before this.
    pub since: Option<chrono::DateTime<chrono::Utc>>,
    /// Before this.
    pub until: Option<chrono::DateTime<chrono::Utc>>,
    /// The model's name or CID.
    pub model: Option<String>,
}

/// A report over many runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Of this layout: [`Summary::VERSION`].
    pub version: u32,
    /// When it was made, RFC 3339 in UTC.
    pub generated: String,
    /// Of runs not before this.
    pub since: Option<String>,
    /// Of runs before this.
    pub until: Option<String>,
    /// Of this model alone.
    pub model: Option<String>,
    /// The machine that made the report.
    pub machine: Machine,
    /// Browsers that ran something.
    pub browsers: Vec<Browser>,
    /// Adapters that WebGPU gave.
    pub adapters: Vec<AdapterUse>,
    /// Runs by route.
    pub routes: Vec<RouteSummary>,
    /// How much faster routes are than wasm.
    pub acceleration: Vec<Acceleration>,
    /// The newest sweep's combinations.
    pub sweep: Vec<Combination>,
    /// Where the models' bytes came from.
    pub content: ContentSummary,
    /// What went wrong.
    pub reliability: Reliability,
    /// What runs cost beside time.
    pub efficiency: Efficiency,
}

impl Summary {
    /// The version of the JSON layout.
    pub const VERSION: u32 = 1;

    /// Its charts, those that have a mark: latency, accuracy, browser by model, phases.
    #[must_use]
    pub fn charts(&self) -> Vec<pelago_protocol::chart::Chart> {
        charts::charts(self)
    }
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system's name, e.g. `linux`.
    pub os: String,
    /// The processor's architecture, e.g. `x86_64`.
    pub architecture: String,
    /// Cores that this process may use.
    pub cores: Option<u32>,
    /// The load average when the report was made.
    pub load_average: Option<f64>,
    /// The largest load average that a run was recorded with: figures taken on a busy machine say little.
    pub largest_load_of_a_run: Option<f64>,
}

/// A browser that ran something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Browser {
    /// The product's own name.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Runs.
    pub runs: u64,
}

/// An adapter that WebGPU gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdapterUse {
    /// The browser's own name.
    pub product: String,
    /// As the browser says; may be empty.
    pub vendor: String,
    /// As the browser says; may be empty.
    pub architecture: String,
    /// As the browser says; may be empty.
    pub device: String,
    /// As the browser says; may be empty.
    pub description: String,
    /// Whether it is known not to be a software one.
    pub is_real_hardware: bool,
    /// Runs.
    pub runs: u64,
}

/// Runs of one model, on one route, of inputs of one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteSummary {
    /// The model's name.
    pub model: String,
    /// The browser's own name.
    pub product: String,
    /// The platform.
    pub platform: String,
    /// Bits a weight.
    pub precision: u8,
    /// Whether critical layers kept a higher precision.
    pub mixed_precision: bool,
    /// Threads of wasm.
    pub threads: u32,
    /// Rows of the batch.
    pub batch_size: u64,
    /// Tokens of the batch, where there are tokens.
    pub tokens: Option<u64>,
    /// Whether it is known not to have run on a software adapter.
    pub is_real_hardware: bool,
    /// Runs, cold ones among them.
    pub runs: u64,
    /// Milliseconds in the page of each warm run, in the order of time: the newest
    /// [`RouteSummary::SAMPLES`]. All figures below but the phases are of these.
    pub samples_ms: Vec<f64>,
    /// Of these, outside Tukey's fences; kept in every figure.
    pub outliers: u64,
    /// The fastest.
    pub min_ms: Option<f64>,
    /// Median.
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Rows a second at the median.
    pub throughput_items_per_sec: Option<f64>,
    /// Median of the phase, of the runs that had it.
    pub open_ms: Option<f64>,
    /// Median of the phase, of the runs that had it.
    pub fetch_ms: Option<f64>,
    /// Median of the phase, of the runs that had it.
    pub compile_ms: Option<f64>,
    /// Median of the phase, of the runs that had it.
    pub first_run_ms: Option<f64>,
    /// The largest memory of the page in MiB, where the browser tells.
    pub memory_peak_mb: Option<f64>,
    /// The least cosine with fp32 that was measured.
    pub cosine: Option<f64>,
    /// The largest difference from fp32 that was measured.
    pub max_abs_error: Option<f64>,
    /// The worst verdict: `exact`, `close`, `degraded` or `broken`.
    pub verdict: Option<String>,
}

impl RouteSummary {
    /// Browser, platform, precision and input size in one line.
    #[must_use]
    pub fn label(&self) -> String {
        let mixed = if self.mixed_precision { " mixed" } else { "" };
        let threads = if self.platform == "wasm" { format!(" ×{}", self.threads) } else { String::new() };
        let tokens = self.tokens.map_or(String::new(), |tokens| format!(", {tokens} tokens"));
        let (batch, bits) = (self.batch_size, self.precision);
        format!("{} {}{threads} {bits} bit{mixed}, batch {batch}{tokens}", self.product, self.platform)
    }

    /// Samples that a report keeps of a route.
    pub const SAMPLES: u64 = 1000;

    /// Whether an output was not one of the model: never a success.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.verdict.as_deref() == Some("broken")
    }
}

/// How much faster a route is than another of the same browser, on the same inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acceleration {
    /// The model's name.
    pub model: String,
    /// The browser's own name.
    pub product: String,
    /// The platform.
    pub platform: String,
    /// Bits a weight.
    pub precision: u8,
    /// Rows of the batch.
    pub batch_size: u64,
    /// What it is compared with: `wasm, 1 thread` or `wasm, N threads` (the browser's CPU path).
    pub against: String,
    /// Median of that by median of this: above 1 is faster.
    pub speedup: Ratio,
}

/// A combination of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Combination {
    /// The model's name.
    pub model: String,
    /// The browser's own name.
    pub product: String,
    /// The platform.
    pub platform: String,
    /// Bits a weight.
    pub precision: u8,
    /// Whether critical layers kept a higher precision.
    pub mixed_precision: bool,
    /// `measured`, `refused`, `failed` or `broken`.
    pub outcome: String,
    /// Why it did not end well.
    pub problem: Option<String>,
    /// Median.
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Against the reference, from interleaved runs: above 1 is faster.
    pub speedup: Option<f64>,
    /// Lower end of its 95 % interval.
    pub speedup_low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub speedup_high: Option<f64>,
    /// Bytes of the model's files.
    pub model_bytes: Option<u64>,
    /// Memory of the page in MiB, where the browser tells.
    pub memory_usage_mb: Option<f64>,
    /// Cosine with fp32.
    pub cosine: Option<f64>,
    /// Largest difference from fp32.
    pub max_abs_error: Option<f64>,
    /// `exact`, `close`, `degraded` or `broken`.
    pub verdict: Option<String>,
}

/// Where the models' bytes came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContentSummary {
    /// Share of runs for which no byte came over a network; `None` without runs.
    pub cache_hit_rate: Option<f64>,
    /// Bytes by tier and source, the most first.
    pub sources: Vec<SourceBytes>,
    /// Median of cold runs' total time without the content cache by that with it: what the cache saves.
    pub cache_speedup: Option<Ratio>,
}

/// Bytes from one tier of this machine, or from one source on the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceBytes {
    /// `memory`, `disk`, or the source's name.
    pub source: String,
    /// `memory`, `disk`, `peer`, `gateway` or `kubo`.
    pub kind: String,
    /// Verified bytes.
    pub bytes: u64,
    /// Median of its rates, bytes a second, where they were measured.
    pub rate: Option<f64>,
}

/// What went wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Runs that ended well.
    pub runs: u64,
    /// Runs whose output was not one of the model.
    pub broken: u64,
    /// Runs that a browser was asked for and that ended in an error.
    pub failures: u64,
    /// Share of failed and broken ones of all; `None` without any.
    pub error_rate: Option<f64>,
    /// Failures by the error's word, the most first.
    pub codes: Vec<CodeCount>,
    /// Failures that a run of the same session went well after.
    pub recoveries: u64,
    /// Median of these runs' total time in ms: how long it took to have a result again.
    pub recovery_p50_ms: Option<f64>,
}

/// How often an error came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeCount {
    /// The error's word.
    pub code: String,
    /// How often.
    pub count: u64,
}

/// What runs cost beside time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Efficiency {
    /// The largest memory of a page in MiB, where a browser tells.
    pub memory_peak_mb: Option<f64>,
    /// Share of runs that found browser and connection open.
    pub connection_reuse: Option<f64>,
    /// Share of runs that found the model's session there.
    pub session_reuse: Option<f64>,
}

#[cfg(test)]
mod tests;
