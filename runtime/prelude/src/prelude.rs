//! What is in scope of every cell.

pub use pelago_protocol::BrowserKind::{Chrome, Edge, Firefox, Safari};
pub use pelago_protocol::Platform::{Wasm, WebGpu, WebNn};
pub use polars;
pub use polars::df;
pub use polars::prelude::*;

pub use crate::{
    BrowserKind, Describe, DisplayHandle, Html, Image, Json, Markdown, Model, Output, Platform, Plot, Precision,
    PrecisionChoice, Report, Run, Show, Sweep, Tensor, Tuning, accelerate, assistant, bench, browsers, chat,
    clear_output, display,
    display_with_id, embed, generate, history, input, interrupted, model, models, password, plot, sql, system, tune,
    update_display, user,
};
