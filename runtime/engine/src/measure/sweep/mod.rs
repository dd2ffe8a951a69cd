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
use tokio_util::sync::CancellationToken;

use self::measure::Measuring;
use crate::{Engine, RunError};

/// A sweep that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Unique, and in the order of time (UUID version 7).
    pub id: String,
    /// One row a combination, in the order of browsers, platforms and precisions. Of a sweep that was cancelled, those
    /// that were measured at least once, or cannot be.
    pub rows: Vec<SweepRow>,
    /// False where it was cancelled before each combination had all of its runs.
    pub is_complete: bool,
}

/// Measures a model on every combination. Every run that ends well is recorded as any other, too. When `cancel` is
/// cancelled it ends at once: what was measured until then is recorded and given back.
///
/// # Errors
/// [`RunError`] where the model or the input cannot be used at all, or the reference does not run.
/// What keeps one combination from running is in its row.
pub async fn sweep(
    engine: &Engine,
    request: &SweepRequest,
    observer: Option<Observer>,
    cancel: &CancellationToken,
) -> Result<Sweep, RunError> {
    let id = uuid::Uuid::now_v7().to_string();
    let begin = async {
        let combinations = plan::combinations(engine, request, observer.as_ref()).await;
        Ok::<_, RunError>((combinations, Measuring::begin(engine, request, &id, observer.clone(), cancel).await?))
    };
    let Some(begun) = cancel.run_until_cancelled(begin).await else {
        return Ok(Sweep { id, rows: Vec::new(), is_complete: false });
    };
    let (combinations, mut measuring) = begun?;
    let (rows, is_complete) = measuring.all(combinations).await?;
    if !rows.is_empty() {
        engine.recording.sweep(&rows).await?;
    }
    Ok(Sweep { id, rows, is_complete })
}
