//! What is in scope of every cell.

pub use pelago_protocol::BrowserKind::{Chrome, Edge, Firefox, Safari};
pub use pelago_protocol::Platform::{Wasm, WebGpu, WebNn};
pub use polars;
pub use polars::df;
pub use polars::prelude::*;

pub use crate::{
    BrowserKind, Describe, DisplayHandle, Html, Image, Json, Markdown, Model, Output, Platform, Plot, Precision,
    PrecisionChoice, Predictions, Report, Run, Show, Sweep, Task, Tensor, Tuning, accelerate, answer, assistant, bench,
    browsers, chat, classify, clear_output, display, display_with_id, embed, entities, fill_mask, generate, history,
    input, interrupted, model, models, password, plot, rerank, sql, system, tune, update_display, user, zero_shot,
};
