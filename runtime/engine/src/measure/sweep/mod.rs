//! A sweep: one model on every combination of browser, platform and precision
//! that is asked for, measured so that the figures can be compared.
//!
//! - Each combination's first run is its cold start; runs that warm it up are
//!   not counted.
//! - Repeats are interleaved: one run of each combination a turn, every other
//!   turn backwards, with a run of the reference (fp32 on wasm) in each, so that
//!   whatever slows the machine down slows all alike.
//! - Each combination's output is compared with the reference's on the same
//!   input. One that is broken is not measured any further.
//! - What cannot run is a row that says why. Nothing is left out.

mod measure;
mod plan;

use pelago_protocol::{Observer, SweepRequest, SweepRow};

use self::measure::Measuring;
use crate::{Engine, RunError};

/// A sweep that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Unique, and in the order of time (UUID version 7).
    pub id: String,
    /// One row a combination, in the order of browsers, platforms and precisions.
    pub rows: Vec<SweepRow>,
}

/// Measures a model on every combination. Every run that ends well is recorded as any other, too.
/// Dropping the future ends it; what was recorded stays.
///
/// # Errors
/// [`RunError`] where the model or the input cannot be used at all, or the reference does not run.
/// What keeps one combination from running is in its row.
pub async fn sweep(engine: &Engine, request: &SweepRequest, observer: Option<Observer>) -> Result<Sweep, RunError> {
    let id = uuid::Uuid::now_v7().to_string();
    let combinations = plan::combinations(engine, request, observer.as_ref()).await;
    let mut measuring = Measuring::begin(engine, request, &id, observer).await?;
    let rows = measuring.all(combinations).await?;
    engine.recording.sweep(&rows).await?;
    Ok(Sweep { id, rows })
}
