//! A message between host and page: a JSON header, then the bytes of its
//! tensors. How the two are framed is the link's business.
//!
//! A tensor of [`ATTACHMENT_BYTES`](crate::ATTACHMENT_BYTES) or more is not in
//! the message. Host to page, the header names an attachment, which the page gets
//! over HTTP. Page to host, its bytes are a message of their own that follows.

use serde::{Deserialize, Serialize};

use crate::{DType, Platform};

/// The version of this language. A page and a host of different versions refuse
/// each other instead of guessing.
pub const PROTOCOL_VERSION: u32 = 3;

/// What stands before the bytes of a message.
///
/// Host to page, `type` is one of `capabilities`, `embed`, `run`, `generate`,
/// `dispose`, `echo`, `cancel`, `stop`, `credit`, `ping`; page to host it is `hello`, `result`,
/// `error`, `part`, `progress` or `pong`. A `result`, an `error`, a `part` and a `progress` carry
/// the `id` of the request that they answer.
///
/// Parts of a request are ordered and none is lost: the page sends one only where the host said by `credit` that
/// it has room for it. Progress may be dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Chosen by the host, never used twice on one browser. 0 where the message answers nothing.
    #[cfg_attr(test, ts(type = "number"))]
    pub id: u64,
    /// What the message is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The model that it is about, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub model_name: Option<String>,
    /// The platform that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub platform: Option<Platform>,
    /// The request or the answer itself, by `type`.
    #[serde(default)]
    #[cfg_attr(test, ts(type = "unknown"))]
    pub data: serde_json::Value,
    /// How to do it, by `type`.
    #[serde(default)]
    #[cfg_attr(test, ts(type = "unknown"))]
    pub options: serde_json::Value,
    /// The tensors of the message, in order.
    #[serde(default)]
    pub tensors: Vec<TensorHeader>,
    /// Host to page: the attachments that hold the bytes of large tensors, in the order of these.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// Page to host: the indices of the large tensors, in order. The bytes of each are one of the messages that
    /// follow this one.
    #[serde(default)]
    pub following: Vec<usize>,
}

impl Header {
    /// A header without tensors and options.
    #[must_use]
    pub fn new(id: u64, kind: &str, data: serde_json::Value) -> Self {
        Self {
            id,
            kind: kind.to_owned(),
            model_name: None,
            platform: None,
            data,
            options: serde_json::Value::Null,
            tensors: Vec::new(),
            attachments: Vec::new(),
            following: Vec::new(),
        }
    }
}

/// A tensor, and where in the bytes after the header it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct TensorHeader {
    /// The graph's name for it.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// Offset in bytes from the end of the header; a multiple of 8. 0 where the bytes are not in the message.
    pub offset: usize,
    /// Length in bytes.
    pub byte_length: usize,
}

/// A tensor that the page gets from `/attachments/<id>` of the server that it was loaded from, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// 128 random bits as 32 hexadecimal digits.
    pub id: String,
    /// The index of the tensor in `tensors`.
    pub tensor: usize,
}

/// What a page says first, as the `data` of a `hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The page's [`PROTOCOL_VERSION`].
    pub protocol_version: u32,
    /// `navigator.userAgent`.
    pub user_agent: String,
    /// Made by the page when it was loaded. The same after a lost socket is
    /// reopened, another after the page itself was: then its sessions are gone.
    pub page_id: String,
}

/// How far a long request is, as the `data` of a `progress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// What is going on.
    pub phase: ProgressPhase,
    /// The file that is being fetched, where one is.
    pub file: Option<String>,
    /// Bytes done.
    #[cfg_attr(test, ts(type = "number"))]
    pub loaded: u64,
    /// Bytes to do; `None` where it is not known.
    #[cfg_attr(test, ts(type = "number | null"))]
    pub total: Option<u64>,
}

crate::word::words! {
    /// A phase of a request that takes its time.
    ProgressPhase, "phase" {
        /// Model files come from the session's server.
        Fetch = "fetch",
        /// onnxruntime builds its session.
        Compile = "compile",
        /// The model runs.
        Run = "run",
    }
}

/// An error of the page, as the `data` of an `error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct PageError {
    /// Which error.
    pub code: ErrorCode,
    /// What was expected and what was found.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Whether the same request may be sent again as it is.
    pub repeatable: bool,
}

crate::word::words! {
    /// The errors of a page.
    ErrorCode, "error code" {
        /// The request has a type or data that this page does not know.
        BadRequest = "bad_request",
        /// The page was not told what the graph declares, and has not built a session of it.
        GraphUnknown = "graph_unknown",
        /// This browser does not have the platform.
        PlatformUnavailable = "platform_unavailable",
        /// Nodes of the graph would run elsewhere than asked.
        FallbackRefused = "fallback_refused",
        /// A file of the model could not be fetched.
        FetchFailed = "fetch_failed",
        /// The graph, the tokenizer or the configuration is not one.
        InvalidModel = "invalid_model",
        /// The input has no text, or a tensor has no elements.
        EmptyInput = "empty_input",
        /// The input is longer than the model takes.
        InputTooLong = "input_too_long",
        /// A tensor is missing, unknown, or has the wrong shape or element type.
        InvalidTensor = "invalid_tensor",
        /// The output holds NaN or infinities.
        NotFinite = "not_finite",
        /// Memory of the page or of the device ran out.
        OutOfMemory = "out_of_memory",
        /// The GPU device was lost while the request ran.
        DeviceLost = "device_lost",
        /// The host took the request back.
        Cancelled = "cancelled",
        /// onnxruntime failed in another way.
        ExecutionFailed = "execution_failed",
        /// The page itself is at fault.
        Internal = "internal",
    }
}
