//! How far an output is from a reference, and what to call it.

use serde::{Deserialize, Serialize};

crate::word::words! {
    /// What the distance from the reference amounts to. The thresholds are those
    /// of `pelago_results::parity`.
    ParityVerdict, "parity verdict" {
        /// The same up to the rounding of fp32.
        Exact = "exact",
        /// Different, and of no consequence for what the model is used for.
        Close = "close",
        /// Usable with care.
        Degraded = "degraded",
        /// Not an answer of this model: never a success.
        Broken = "broken",
    }
}

/// How far an output is from a reference, on the same inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Parity {
    /// What it was compared with: e.g. `fp32 on wasm`, or `golden` for vectors of another library.
    pub reference: String,
    /// Cosine of the angle between output and reference, the least of the batch's rows.
    pub cosine: f64,
    /// Largest absolute difference.
    pub max_abs_error: f64,
    /// Largest absolute difference by the reference's largest absolute value.
    pub relative_error: f64,
    /// Of the rows of scores, those whose largest is at the same place, 0 … 1;
    /// `None` where the output is not a row of scores.
    pub top1_agreement: Option<f64>,
    /// Values that are NaN or infinite where the reference's are not.
    #[cfg_attr(test, ts(type = "number"))]
    pub nan_count: u64,
    /// What that amounts to.
    pub verdict: ParityVerdict,
}
