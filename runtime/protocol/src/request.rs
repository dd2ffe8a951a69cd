//! What a session is asked to do, and what it asks of a page.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::packed::{Attached, Attachments, PackedError};
use crate::{
    BrowserKind, ChatMessage, GenerateOptions, GraphCid, Graphs, HeadOptions, Platform, Precision, PrecisionChoice,
    Task, Tensor,
};

/// What a model is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Texts, one a row of the batch.
    Texts(Vec<String>),
    /// Pairs of texts, one a row of the batch: a question and its context, a query and a document, a premise and a
    /// hypothesis.
    Pairs(Vec<[String; 2]>),
    /// A chat: what was said so far.
    Chat(Vec<ChatMessage>),
    /// Named tensors, as the graph itself takes them.
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

impl From<Vec<[String; 2]>> for Input {
    fn from(pairs: Vec<[String; 2]>) -> Self {
        Self::Pairs(pairs)
    }
}

impl From<(&str, &str)> for Input {
    fn from((first, second): (&str, &str)) -> Self {
        Self::Pairs(vec![[first.to_owned(), second.to_owned()]])
    }
}

impl From<&[(&str, &str)]> for Input {
    fn from(pairs: &[(&str, &str)]) -> Self {
        Self::Pairs(pairs.iter().map(|(first, second)| [(*first).to_owned(), (*second).to_owned()]).collect())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Input {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self::from(pairs.as_slice())
    }
}

impl From<Vec<ChatMessage>> for Input {
    fn from(messages: Vec<ChatMessage>) -> Self {
        Self::Chat(messages)
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
    /// Rows of the batch: texts, pairs, or the first dimension of the first tensor.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Pairs(pairs) => pairs.len(),
            Self::Chat(_) => 1,
            Self::Tensors(tensors) => tensors.first().map_or(0, |tensor| tensor.shape.first().copied().unwrap_or(1)),
        }
    }
}

impl Attached for Input {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        match self {
            Self::Texts(_) | Self::Pairs(_) | Self::Chat(_) => {}
            Self::Tensors(tensors) => tensors.detach(attachments),
        }
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        match self {
            Self::Texts(_) | Self::Pairs(_) | Self::Chat(_) => Ok(()),
            Self::Tensors(tensors) => tensors.attach(attachments),
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
    /// The prompt that is put before each text, by its name in `config_sentence_transformers.json`; `None` for the
    /// model's default, an empty name for none.
    pub prompt: Option<String>,
    /// Dimensions that are kept of each vector, from the first; `None` for all.
    pub truncate_dim: Option<usize>,
    /// What happens to a text with more tokens than the model takes.
    pub on_long: OnLong,
    /// What is done with the model; `None` for what its configuration says.
    pub task: Option<Task>,
    /// How text is made, of models that make text.
    pub generate: GenerateOptions,
    /// How a head is asked, of models that have one.
    pub head: HeadOptions,
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
            prompt: None,
            truncate_dim: None,
            on_long: OnLong::Truncate,
            task: None,
            generate: GenerateOptions::default(),
            head: HeadOptions::default(),
            use_firefox_optimizations: false,
            require_real_hardware: false,
            allow_fallback: false,
        }
    }
}

/// A request to a page: its own type is the data of the message.
pub trait PageCall: Serialize {
    /// The `type` of the message.
    const TYPE: &'static str;
    /// The data of the answer.
    type Reply: serde::de::DeserializeOwned;
}

impl PageCall for EmbedData {
    const TYPE: &'static str = "embed";
    type Reply = EmbedResult;
}

impl PageCall for RunData {
    const TYPE: &'static str = "run";
    type Reply = RunResult;
}

impl PageCall for Dispose {
    const TYPE: &'static str = "dispose";
    type Reply = DisposeResult;
}

/// The `options` of a task.
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
    /// Bytes that the page's sessions may hold in all; what was used least is let go of before another is built.
    /// `None` sets no bound.
    #[serde(default)]
    #[cfg_attr(test, ts(type = "number | null"))]
    pub memory_budget: Option<u64>,
    /// Parts that may be sent before a `credit` allows more; `None` sends none, and the result alone has it all.
    #[serde(default)]
    pub parts: Option<u32>,
}

fn yes() -> bool {
    true
}

crate::word::words! {
    /// How token vectors become one vector a text, by the names of sentence-transformers.
    Pooling, "pooling mode" {
        /// The first token's vector.
        Cls = "cls",
        /// The greatest value of each dimension.
        Max = "max",
        /// The mean.
        Mean = "mean",
        /// The sum, divided by the square root of the number of tokens.
        MeanSqrtLen = "mean_sqrt_len_tokens",
        /// The mean, weighted by position from 1.
        WeightedMean = "weightedmean",
        /// The last token's vector.
        LastToken = "lasttoken",
    }
}

crate::word::words! {
    /// What happens to a text with more tokens than the model takes.
    OnLong, "way with long texts" {
        /// It is cut, as sentence-transformers does. The report says how many were.
        Truncate = "truncate",
        /// It is an error.
        Error = "error",
        /// It is cut into pieces, and its vector is the mean of theirs, weighted by their tokens.
        Split = "split",
    }
}

/// The `data` of `embed`: token ids to vectors. The message carries the tensor `input_ids`, int32 `[tokens]`, with the
/// ids of all texts one after the other, and `token_type_ids` of the same length where not all are 0. The answer
/// carries the tensor `embedding`, float32 `[batch, hidden]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct EmbedData {
    /// The graphs of the model.
    pub graphs: Graphs,
    /// Tokens of each text, special ones included, without padding.
    pub lengths: Vec<u32>,
    /// The id that fills a shorter row.
    pub pad_id: u32,
    /// Whether padding stands before the tokens.
    pub pad_left: bool,
    /// Tokens that one text may have; `None` where the model sets no limit.
    pub max_tokens: Option<usize>,
    /// How token vectors become one; several are put side by side in this order.
    pub pooling: Vec<Pooling>,
    /// Tokens at the front of each text that pooling leaves out: those of a prompt.
    pub unpooled: u32,
    /// The number of a task, for graphs with an input `task_id`.
    pub task_id: Option<u32>,
}

/// The `data` of `run`: any graph on the message's tensors. The answer carries
/// the graph's outputs under their own names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct RunData {
    /// The graphs of the model.
    pub graphs: Graphs,
    /// Outputs wanted, by name; empty for all.
    pub outputs: Vec<String>,
}

/// The `data` of `dispose`: which sessions to let go of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Dispose {
    /// Only sessions of this graph.
    pub graph: Option<GraphCid>,
    /// How many of the most recently used to keep.
    pub keep: usize,
}

/// The answer to `dispose`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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

/// A session that a page holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct HeldSession {
    /// Its graph.
    pub graph: GraphCid,
    /// Where it runs.
    pub platform: Platform,
    /// Bytes of the graph and its weights.
    #[cfg_attr(test, ts(type = "number"))]
    pub bytes: u64,
    /// Batch and sequence length, where they are fixed.
    pub shape: Option<[usize; 2]>,
}

/// How a session came to be, for one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
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
    /// All sessions that the page holds after that, the most recently used first.
    pub held: Vec<HeldSession>,
}

/// The answer to `embed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct EmbedResult {
    /// How the session came to be, for this request.
    pub load: LoadResult,
    /// Milliseconds of the graph.
    pub run_ms: f64,
    /// Milliseconds of pooling.
    pub pool_ms: f64,
    /// Milliseconds of both, by one clock.
    pub processing_ms: f64,
    /// Batch and sequence length of the largest run, with padding.
    pub padded_shape: [usize; 2],
    /// Tokens of all runs, padding included.
    pub padded_tokens: usize,
    /// What pooled: `mean`, `cls+mean`, …, or the name of the graph's own output.
    pub pooling: String,
    /// Whether the graph itself gave one vector a text.
    pub pooled_by_graph: bool,
}

/// The answer to `run`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// How the session came to be, for this request.
    pub load: LoadResult,
    /// Milliseconds of the graph.
    pub processing_ms: f64,
}
