//! The report that every run ends in. Every figure in it was measured; one that
//! could not be is null.

use serde::{Deserialize, Serialize};

use crate::{
    Adapter, BrowserKind, Family, GenerationReport, GraphCid, ModelCid, Parity, Platform, Precision, PrecisionChoice,
    RunId, Task,
};

crate::word::words! {
    /// The tier that gave most bytes of a model.
    Source, "content source" {
        /// Memory or disk of this machine.
        Cache = "cache",
        /// Other peers.
        P2p = "p2p",
        /// A gateway or an IPFS daemon.
        Ipfs = "ipfs",
    }
}

/// Where onnxruntime placed the nodes of a graph, in its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Placement {
    /// Nodes of the optimised graph; a subgraph that a provider fused counts as
    /// the one node that it became.
    pub nodes_total: u32,
    /// Nodes on the provider that was asked for.
    pub nodes_on_provider: u32,
    /// Nodes on the CPU provider that only compute shapes, which may stay there.
    pub nodes_shape_arithmetic: u32,
    /// Operator types of nodes elsewhere than asked, sorted, shape arithmetic not among them.
    pub fallback_operators: Vec<String>,
    /// Operator types of the shape arithmetic on the CPU provider, sorted.
    pub shape_operators: Vec<String>,
}

crate::word::words! {
    /// What a graph of a model is for.
    Role, "role of a graph" {
        /// The one graph of a model that has one.
        Model = "model",
        /// Makes hidden states of the input.
        Encoder = "encoder",
        /// Makes of an encoder's states what each step of a decoder looks at.
        Cross = "cross",
        /// Makes one token after another.
        Decoder = "decoder",
        /// Makes hidden states of a picture.
        VisionEncoder = "vision_encoder",
        /// Makes vectors of token ids.
        EmbedTokens = "embed_tokens",
    }
}

crate::word::words! {
    /// A part of a run that its time is measured of.
    PhaseName, "phase of a run" {
        /// Opening the browser and its page.
        Open = "open",
        /// Fetching a graph's files into the page.
        Fetch = "fetch",
        /// Building the session.
        Compile = "compile",
        /// The first run of a new session.
        FirstRun = "first_run",
        /// Tokenizing.
        Tokenize = "tokenize",
        /// Running an encoder, and what is computed once of its states.
        Encode = "encode",
        /// Running a decoder on the prompt, up to the first token.
        Prefill = "prefill",
        /// Running a decoder for the tokens after the first.
        Decode = "decode",
        /// Running the graph.
        Run = "run",
        /// Pooling and normalising.
        Pool = "pool",
        /// Making labels, entities, tokens or answers of what a head gave.
        Read = "read",
    }
}

/// How long one phase of a run took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Phase {
    /// Which phase.
    pub phase: PhaseName,
    /// The graph that it was for; `None` where it was for none or for all.
    pub role: Option<Role>,
    /// Milliseconds.
    pub ms: f64,
}

/// The phases of a run that happened, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Phases(pub Vec<Phase>);

impl Phases {
    /// Adds a phase, where it happened.
    pub fn add(&mut self, phase: PhaseName, role: Option<Role>, ms: Option<f64>) {
        self.0.extend(ms.map(|ms| Phase { phase, role, ms }));
    }

    /// Milliseconds of a phase, of all graphs together; `None` where it did not happen.
    #[must_use]
    pub fn ms(&self, phase: PhaseName) -> Option<f64> {
        self.0.iter().filter(|one| one.phase == phase).map(|one| one.ms).reduce(|sum, ms| sum + ms)
    }
}

/// Where one graph of a model ran: the proof of its device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionReport {
    /// What the graph is for.
    pub role: Role,
    /// CID of the graph.
    pub graph_cid: GraphCid,
    /// Where the graph came from: `checkpoint` where Pelago built it of the model's weights, else the path of the
    /// published file.
    pub graph: String,
    /// The platform that ran it.
    pub platform: Platform,
    /// The provider, by onnxruntime's own name.
    pub execution_provider: String,
    /// Where the nodes are.
    pub placement: Placement,
    /// Threads of wasm.
    pub threads: u32,
    /// The adapter, where WebGPU ran.
    pub adapter: Option<Adapter>,
    /// True only where the device is known not to be a software one.
    pub is_real_hardware: bool,
    /// Why.
    pub hardware_reason: String,
    /// Whether the session was there before this run.
    pub warm: bool,
}

/// Bytes of the model that each tier gave for this run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TierBytes {
    /// From memory.
    #[cfg_attr(test, ts(type = "number"))]
    pub memory: u64,
    /// From disk.
    #[cfg_attr(test, ts(type = "number"))]
    pub disk: u64,
    /// From peers.
    #[cfg_attr(test, ts(type = "number"))]
    pub p2p: u64,
    /// From gateways and daemons.
    #[cfg_attr(test, ts(type = "number"))]
    pub ipfs: u64,
}

/// One run of a model in a browser: what was asked, what ran, and how long each part took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Report {
    /// Unique, and in the order of time (UUID version 7).
    pub run_id: RunId,
    /// When the request came, RFC 3339 in UTC.
    pub started: String,
    /// The model's name.
    pub model_name: String,
    /// CID of the model's folder.
    pub model_cid: ModelCid,
    /// What is done with a text besides the graph, e.g. `mean`, `Dense(768→512, Tanh)`, `Normalize`; empty for models
    /// that take no texts.
    pub modules: Vec<String>,
    /// The prompt that was put before each text, by its name.
    pub prompt: Option<String>,
    /// How the model's vectors are meant to be compared, by its own word, e.g. `cosine`; `None` where it does not say.
    pub similarity: Option<String>,
    /// The model's family.
    pub model_type: Family,
    /// The platform that ran it.
    pub platform: Platform,
    /// The platform that was asked for.
    pub requested_platform: Platform,
    /// The browser that ran it.
    pub browser: BrowserKind,
    /// The browser that was asked for.
    pub requested_browser: BrowserKind,
    /// The product's own name, e.g. `Chromium` or `chrome-headless-shell`.
    pub browser_product: String,
    /// The browser's version.
    pub browser_version: String,
    /// True only where every graph ran on a device that is known not to be a software one.
    pub is_real_hardware: bool,
    /// Each graph that ran, and where. There is at least one.
    pub sessions: Vec<SessionReport>,
    /// Bits a weight of the graph that ran.
    pub precision: Precision,
    /// The precision that was asked for.
    pub requested_precision: PrecisionChoice,
    /// Whether critical layers kept a higher precision.
    pub mixed_precision: bool,
    /// How the graph's precision was made of fp32, a recipe's JSON; `None` where it is fp32, or one that the
    /// model's folder publishes.
    pub recipe: Option<String>,
    /// Seconds in the page: tokenise, run, pool.
    pub processing_time: f64,
    /// Seconds end to end: from the request's arrival in the session to its result.
    pub total_time: f64,
    /// Whether every session was there before this run.
    pub warm: bool,
    /// How long each phase took.
    pub phases: Phases,
    /// Rows of the batch.
    #[cfg_attr(test, ts(type = "number"))]
    pub batch_size: u64,
    /// Tokens of the batch without padding, where there are tokens.
    #[cfg_attr(test, ts(type = "number | null"))]
    pub tokens: Option<u64>,
    /// Tokens that the graph ran on, padding included.
    #[cfg_attr(test, ts(type = "number | null"))]
    pub padded_tokens: Option<u64>,
    /// Texts that were cut because the model takes no more tokens.
    #[cfg_attr(test, ts(type = "number"))]
    pub truncated_texts: u64,
    /// Rows a second: `batch_size / processing_time`.
    pub throughput_items_per_sec: Option<f64>,
    /// Memory of the page in MiB, as the page counts it: the runtime's heap, and buffers of the GPU. WebNN keeps its
    /// weights in another process of the browser, which a page cannot see.
    pub memory_usage_mb: Option<f64>,
    /// Memory of all the browser's processes in MiB, each shared page counted once (proportional set size). Measured
    /// after runs that built a session, of browsers on this machine, where the system tells.
    pub browser_memory_mb: Option<f64>,
    /// MiB that the model by itself was predicted to need, where the precision was `auto`.
    pub memory_predicted_mb: Option<f64>,
    /// Whether no byte of the model came over a network.
    pub ipfs_cache_hit: bool,
    /// The tier that gave most bytes.
    pub ipfs_source: Source,
    /// Milliseconds from the request for the model to its verified bytes being
    /// ready to be served; `None` where this run needed none.
    pub ipfs_load_time: Option<f64>,
    /// Bytes of the model by tier, for this run.
    pub bytes: TierBytes,
    /// Whether a scheduler chose among at least two measured peers.
    pub p2p_optimized: bool,
    /// What was done with the model.
    #[serde(default)]
    pub task: Option<Task>,
    /// What is known of text that was made; `None` of other tasks.
    #[serde(default)]
    pub generation: Option<GenerationReport>,
    /// What was done to be faster, e.g. `jspi`, `threads`, `fixed_shapes`.
    pub optimizations: Vec<String>,
    /// What a reader must know of the result, e.g. that a text was empty.
    pub warnings: Vec<String>,
    /// Distance from a reference, where it was measured.
    pub parity: Option<Parity>,
    /// Processes that ran or waited to run on the machine when the run ended, averaged
    /// over a minute; `None` where the system does not tell.
    pub load_average: Option<f64>,
}

impl Report {
    /// The session of the graph that the task names first; `None` in a report that lacks its sessions.
    #[must_use]
    pub fn session(&self) -> Option<&SessionReport> {
        self.sessions.first()
    }
}
