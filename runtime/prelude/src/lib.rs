//! What a Pelago cell imports: a thin, blocking client of the session that the
//! cell belongs to. `use pelago::prelude::*` is in scope of every cell.
//!
//! It knows no browser and no model; it talks to the session over a Unix socket
//! and knows how to show a value.

pub mod cell;
mod client;
mod describe;
mod display;
mod error;
mod generate;
mod heads;
mod input;
mod ipc;
mod model;
mod place;
pub mod prelude;
mod run;
mod session;
mod sweep;
mod tune;

pub use describe::Describe;
pub use display::{
    DisplayHandle, Displayed, Html, Image, Json, Markdown, Plot, Show, clear_output, display, display_with_id, plot,
    update_display,
};
pub use error::Error;
pub use generate::{Generate, Stream, assistant, chat, generate, system, user};
pub use heads::{Predictions, answer, classify, entities, fill_mask, rerank, zero_shot};
pub use input::{input, password};
pub use model::{Model, model};
pub use pelago_cell::host::interrupted;
#[doc(hidden)]
pub use pelago_cell::{cell_dbg, cell_eprint, cell_eprintln, cell_print, cell_println};
pub use pelago_protocol::chart;
pub use pelago_protocol::{
    Answer, AnsweredQuestion, BrowserKind, ChatMessage, DType, EarlyStopping, Entity, EntityText, Family, Fill,
    FilledText, GeneratedText, GenerationReport, Input, Label, LabelledText, OnLong, Output, Phase, PhaseName,
    Placement, Platform, Precision, PrecisionChoice, Report, Role, RowToken, SessionReport, StopReason, SweepRow, Task,
    Tensor, TextPart,
};
pub use polars;
pub use run::Run;
pub use session::{Accelerate, IntoPrecision, accelerate, browsers, embed, history, models, sql};
pub use sweep::{Bench, Sweep, bench};
pub use tune::{Tune, Tuning, tune};

/// What a call of the session gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;
