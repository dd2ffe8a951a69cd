//! Measuring a model on every combination of browser, platform and precision.

use pelago_protocol::cells::{Call, Content, Reply};
use pelago_protocol::{BrowserKind, Input, Platform, Precision, SweepRequest, SweepRow, UnknownPrecision};
use polars::prelude::DataFrame;

use crate::place::from_here;
use crate::{Error, Plot, Result, Show, client, ipc, plot};

/// Measures `model` (a name, a CID or a path) once [`Bench::run`] is called: on all browsers and platforms of
/// this machine, in fp32, thirty times each, unless it is said otherwise.
pub fn bench(model: impl Into<String>) -> Bench {
    Bench {
        request: SweepRequest {
            model: from_here(model),
            input: None,
            graph: None,
            browsers: Vec::new(),
            platforms: Vec::new(),
            precisions: Vec::new(),
            mixed: Vec::new(),
            repeat: 30,
            warm_up: 2,
            max_new_tokens: None,
        },
        wrong: None,
    }
}

/// A sweep that is still to be asked for.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "nothing is measured before `.run()`"]
pub struct Bench {
    request: SweepRequest,
    /// A precision that there is not.
    wrong: Option<UnknownPrecision>,
}

impl Bench {
    /// What the model is given; a set made for its family otherwise.
    pub fn input(mut self, input: impl Into<Input>) -> Self {
        self.request.input = Some(input.into());
        self
    }

    /// The fp32 graph in the model's folder, where it has several, e.g. `onnx/encoder_model.onnx`.
    pub fn graph(mut self, path: impl Into<String>) -> Self {
        self.request.graph = Some(path.into());
        self
    }

    /// Which browsers; all of this machine otherwise.
    pub fn browsers(mut self, browsers: impl IntoIterator<Item = BrowserKind>) -> Self {
        self.request.browsers = browsers.into_iter().collect();
        self
    }

    /// Which platforms; all that a browser has otherwise.
    pub fn platforms(mut self, platforms: impl IntoIterator<Item = Platform>) -> Self {
        self.request.platforms = platforms.into_iter().collect();
        self
    }

    /// Bits a weight; 32 otherwise.
    pub fn precisions(mut self, bits: impl IntoIterator<Item = u8>) -> Self {
        match bits.into_iter().map(Precision::try_from).collect() {
            Ok(precisions) => self.request.precisions = precisions,
            Err(unknown) => self.wrong = Some(unknown),
        }
        self
    }

    /// Whether critical layers keep a higher precision: `[false, true]` measures both.
    pub fn mixed(mut self, mixed: impl IntoIterator<Item = bool>) -> Self {
        self.request.mixed = mixed.into_iter().collect();
        self
    }

    /// Measured runs of each combination.
    pub fn repeat(mut self, runs: u32) -> Self {
        self.request.repeat = runs;
        self
    }

    /// Runs of each combination that are not counted, beside its first.
    pub fn warm_up(mut self, runs: u32) -> Self {
        self.request.warm_up = runs;
        self
    }

    /// Tokens that a model which makes text makes in each run; 32 otherwise.
    pub fn max_new_tokens(mut self, tokens: u32) -> Self {
        self.request.max_new_tokens = Some(tokens);
        self
    }

    /// Measures and waits. What cannot run is a row that says why.
    ///
    /// # Errors
    /// [`Error`] where the model cannot be used at all; `interrupted` where the user ended it.
    pub fn run(self) -> Result<Sweep> {
        if let Some(unknown) = self.wrong {
            return Err(unknown.into());
        }
        match client::ask(Call::Bench { request: Box::new(self.request) })? {
            Reply::Sweep { rows, frame } => Ok(Sweep { rows, frame: ipc::read(&frame)? }),
            other => Err(Error::unexpected(&other)),
        }
    }
}

/// What was measured: one row a combination.
#[derive(Clone, Debug)]
pub struct Sweep {
    rows: Vec<SweepRow>,
    frame: DataFrame,
}

impl Sweep {
    /// One row a combination: `p50_ms`, `p90_ms`, `p99_ms`, `throughput_items_per_sec`, `speedup` over fp32 on
    /// wasm with its interval, load phases (ms), `memory_usage_mb` (MiB), `model_bytes`,
    /// `parity_cosine`, `parity_max_abs_error`, `parity_verdict`. Of models that make text also
    /// `time_to_first_token_ms`, `prefill_tokens_per_sec`, `decode_tokens_per_sec`, `kv_cache_mb` (MiB), and the distance
    /// of the text: `parity_first_different_token`, `parity_mean_kl_divergence` (nats), `parity_perplexity`.
    #[must_use]
    pub fn frame(&self) -> DataFrame {
        self.frame.clone()
    }

    /// Accuracy against latency, one mark a combination; [`Plot`] has other charts of [`Sweep::rows`].
    #[must_use]
    pub fn plot(&self) -> Plot {
        plot(&self.rows)
    }

    /// The same, as values.
    #[must_use]
    pub fn rows(&self) -> &[SweepRow] {
        &self.rows
    }
}

impl Show for Sweep {
    fn content(&self) -> Content {
        self.frame.content()
    }
}
