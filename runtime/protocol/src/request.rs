//! What a session is asked to do, and what it asks of a page.

use serde::{Deserialize, Serialize};

use crate::{BrowserKind, ModelSource, Platform, Precision, PrecisionChoice, Tensor};

/// What a model is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Texts, one a row of the batch.
    Texts(Vec<String>),
    /// Named tensors, as the graph itself takes them. They never travel as text.
    #[serde(skip)]
    Tensors(Vec<Tensor>),
}

impl From<&str> for Input {
    fn from(text: &str) -> Self {
        Self::Texts(vec![text.to_owned()])
    }
}

impl From<String> for Input {
    fn from(text: String) -> Self {
        Self::Texts(vec![text])
    }
}

impl From<&[&str]> for Input {
    fn from(texts: &[&str]) -> Self {
        Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }
}

impl<const N: usize> From<[&str; N]> for Input {
    fn from(texts: [&str; N]) -> Self {
        Self::from(texts.as_slice())
    }
}

impl From<Vec<&str>> for Input {
    fn from(texts: Vec<&str>) -> Self {
        Self::from(texts.as_slice())
    }
}

impl From<Vec<Tensor>> for Input {
    fn from(tensors: Vec<Tensor>) -> Self {
        Self::Tensors(tensors)
    }
}

impl From<Vec<String>> for Input {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl Input {
    /// Rows of the batch: texts, or the first dimension of the first tensor.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tensors(tensors) => tensors.first().map_or(0, |tensor| tensor.shape.first().copied().unwrap_or(1)),
        }
    }
}

/// One run of a model, as a user asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// A name, a CID or a path.
    pub model: String,
    /// What the model is given.
    pub input: Input,
    /// The fp32 graph in the model's folder, e.g. `onnx/encoder_model.onnx`; `None` for the usual one.
    pub graph: Option<String>,
    /// Where in the page it runs.
    pub platform: Platform,
    /// Which browser runs it.
    pub browser: BrowserKind,
    /// Bits a weight.
    pub precision: PrecisionChoice,
    /// Whether critical layers keep a higher precision.
    pub mixed_precision: bool,
    /// How the precision is made, in place of the two above: a recipe's JSON, e.g.
    /// `{"bits":4,"overrides":[{"nodes":"/encoder/layer.0/*","bits":8}]}`.
    pub recipe: Option<String>,
    /// Bytes that the model may take where the precision is `auto`; `None` for what the machine has free.
    pub memory_limit: Option<u64>,
    /// Whether Firefox's own compute shader settings are used for audio models.
    pub use_firefox_optimizations: bool,
    /// Whether a software adapter is an error.
    pub require_real_hardware: bool,
    /// Whether nodes, or the whole graph, may run elsewhere than asked.
    pub allow_fallback: bool,
}

impl Request {
    /// A request with every option at its default.
    #[must_use]
    pub fn new(model: impl Into<String>, input: impl Into<Input>) -> Self {
        Self {
            model: model.into(),
            input: input.into(),
            graph: None,
            platform: Platform::Auto,
            browser: BrowserKind::Auto,
            precision: PrecisionChoice::Bits(Precision::Bits32),
            mixed_precision: false,
            recipe: None,
            memory_limit: None,
            use_firefox_optimizations: false,
            require_real_hardware: false,
            allow_fallback: false,
        }
    }
}

/// The `options` of `load`, `embed` and `run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct ExecutionOptions {
    /// Whether nodes may run elsewhere than on the header's `platform`.
    #[serde(default)]
    pub allow_fallback: bool,
    /// WebNN's device type, `cpu`, `gpu` or `npu`; `None` leaves it to the browser.
    #[serde(default)]
    pub webnn_device_type: Option<String>,
    /// Threads of wasm; `None` is one a core.
    #[serde(default)]
    pub threads: Option<u32>,
    /// Whether WebNN gets fixed shapes. On unless a measurement wants to see the difference.
    #[serde(default = "yes")]
    pub fixed_shapes: bool,
    /// Whether the run ends with scaling every embedding to length 1. `None`
    /// follows the model's own `modules.json`.
    #[serde(default)]
    pub normalize: Option<bool>,
}

fn yes() -> bool {
    true
}

/// The `data` of `load`: make the session ready without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LoadData {
    /// The model.
    pub model: ModelSource,
    /// Batch and sequence length to be ready for, where the platform fixes shapes.
    pub shape: Option<[usize; 2]>,
}

/// The `data` of `embed`: texts to vectors. The answer carries the tensor
/// `embedding`, float32 `[batch, hidden]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EmbedData {
    /// The model.
    pub model: ModelSource,
    /// One a row.
    pub texts: Vec<String>,
}

/// The `data` of `run`: any graph on the message's tensors. The answer carries
/// the graph's outputs under their own names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RunData {
    /// The model.
    pub model: ModelSource,
    /// Outputs wanted, by name; empty for all.
    pub outputs: Vec<String>,
}

/// The `data` of `dispose`: which sessions to let go of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Dispose {
    /// Only sessions of this graph, by CID.
    pub graph: Option<String>,
    /// How many of the most recently used to keep.
    pub keep: usize,
}

/// The answer to `dispose`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DisposeResult {
    /// Sessions let go of.
    pub disposed: usize,
    /// Sessions still held.
    pub held: usize,
    /// Memory of the page in MiB after that, where the browser tells.
    pub memory_usage_mb: Option<f64>,
}

/// The `data` of `cancel`. It has no answer of its own: the request that it
/// names ends with the error `cancelled`, or with its result if that came first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Cancel {
    /// The `id` of the request to end.
    #[cfg_attr(test, ts(type = "number"))]
    pub target: u64,
}

/// What is true of an onnxruntime session for as long as it lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionFacts {
    /// The provider that onnxruntime placed the graph on, by its own name.
    pub execution_provider: String,
    /// Where its nodes are.
    pub placement: crate::Placement,
    /// Threads of wasm.
    pub threads: u32,
    /// `jspi` or `asyncify`: which build of onnxruntime-web runs.
    pub build: String,
    /// Batch and sequence length, where they are fixed.
    pub fixed_shape: Option<[usize; 2]>,
    /// WebNN's device type, where WebNN runs.
    pub webnn_device_type: Option<String>,
    /// `MLContext.accelerated`, where the browser has it.
    pub webnn_accelerated: Option<bool>,
}

/// The answer to `load`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LoadResult {
    /// The session that is ready now.
    pub session: SessionFacts,
    /// Whether it was ready before.
    pub warm: bool,
    /// Milliseconds of the fetch of all files; `None` where nothing was fetched.
    pub fetch_ms: Option<f64>,
    /// Milliseconds of building the session; `None` where it was there.
    pub compile_ms: Option<f64>,
    /// Milliseconds of the first run, which readies kernels and shaders; `None` where it was done before.
    pub first_run_ms: Option<f64>,
    /// Memory of the page in MiB, where the browser tells.
    pub memory_usage_mb: Option<f64>,
}

/// The answer to `embed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EmbedResult {
    /// How the session came to be, for this request.
    pub load: LoadResult,
    /// Milliseconds of tokenising.
    pub tokenize_ms: f64,
    /// Milliseconds of the graph.
    pub run_ms: f64,
    /// Milliseconds of pooling and normalising.
    pub pool_ms: f64,
    /// Milliseconds of the three together, by one clock.
    pub processing_ms: f64,
    /// Tokens of each text, without padding.
    pub tokens: Vec<usize>,
    /// Batch and sequence length that ran, with padding.
    pub padded_shape: [usize; 2],
    /// `mean`, `cls`, …: the model's own pooling.
    pub pooling: String,
    /// Whether vectors were scaled to length 1.
    pub normalized: bool,
}

/// The answer to `run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RunResult {
    /// How the session came to be, for this request.
    pub load: LoadResult,
    /// Milliseconds of the graph.
    pub processing_ms: f64,
}
