//! The words that session, cells and page share: what is asked of a browser,
//! what it answers, and the report that every run ends in.
//!
//! Only data and its text form live here. Nothing in this crate opens a file, a
//! socket or a browser, and nothing knows how a word is carried.

mod advice;
mod browser;
mod capabilities;
pub mod cells;
pub mod chart;
mod chat;
mod family;
mod generate;
mod generating;
mod heads;
mod ids;
mod limits;
mod message;
mod model;
mod output;
pub mod packed;
mod parity;
mod platform;
mod precision;
mod record;
mod report;
mod request;
mod step;
mod sweep;
mod task;
mod tensor;
mod tune;
mod word;

pub use advice::{Advice, Setting, Voice};
pub use browser::BrowserKind;
pub use capabilities::{
    Adapter, Capabilities, Hardware, WasmCapabilities, WebGpuCapabilities, WebNnCapabilities, WebNnContext,
};
pub use chat::ChatMessage;
pub use family::Family;
pub use generate::{
    Beams, EarlyStopping, GenerateOptions, GeneratedText, GenerationReport, Part, RowToken, Sampling, StopReason,
    TextPart,
};
pub use generating::{Credit, GenerateData, GeneratePart, GenerateResult, GeneratedRow, ScoreData, ScoreResult, Stop};
pub use heads::{Answer, AnsweredQuestion, Entity, EntityText, Fill, FilledText, HeadOptions, Label, LabelledText};
pub use ids::{FailureId, GraphCid, InstallationId, ModelCid, RunId, SweepId};
pub use limits::{ATTACHMENT_BYTES, FIXED_ROWS_A_RUN, PARTS_AHEAD, REQUESTS_A_PAGE, ROWS_A_RUN, TOKENS_A_RUN};
pub use message::{
    Attachment, ErrorCode, Header, Hello, PROTOCOL_VERSION, PageError, Progress, ProgressPhase, TensorHeader,
};
pub use model::{Dimension, ExternalData, Graph, GraphFacts, GraphInput, Graphs, model_from};
pub use output::{Output, Run};
pub use parity::{GenerationParity, Parity, ParityVerdict};
pub use platform::Platform;
pub use precision::{Precision, PrecisionChoice, UnknownPrecision};
pub use record::{FailedRun, MeasuredRun, Transfer};
pub use report::{Phase, PhaseName, Phases, Placement, Report, Role, SessionReport, Source, TierBytes};
pub use request::{
    Cancel, Dispose, DisposeResult, EmbedData, EmbedResult, ExecutionOptions, HeldSession, Input, LoadResult, OnLong,
    PageCall, Pooling, Request, RunData, RunResult, SessionFacts,
};
pub use step::{Fit, Observer, Step};
pub use sweep::{GenerationSpeed, SweepOutcome, SweepRequest, SweepRow};
pub use task::Task;
pub use tensor::{DType, Tensor, TensorError};
pub use tune::{LayerSensitivity, TuneRequest, Tuned};
pub use word::UnknownWord;

#[cfg(test)]
mod bindings;
