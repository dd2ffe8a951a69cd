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
    /// Of a model that makes text, what becomes of the distance of its logits, which the figures above are of; `None`
    /// for other outputs.
    pub generation: Option<GenerationParity>,
}

/// How far the text that a model makes is from a reference's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GenerationParity {
    /// Which of the tokens made greedily is the first that is another one, counted from 1, the earliest of the batch's
    /// rows; `None` where all are the same.
    pub first_different_token: Option<u32>,
    /// Tokens of each row that were compared.
    pub compared_tokens: u32,
    /// The mean over the tokens of a text of `Σ p ln(p / q)` in nats: `p` is the reference's distribution of what
    /// follows, `q` the run's (Kullback and Leibler 1951).
    pub mean_kl_divergence: f64,
    /// The exponential of the mean negative logarithm of the probability that the run gives each token of the text.
    pub perplexity: f64,
    /// That less the reference's.
    pub perplexity_difference: f64,
    /// Tokens of the text that the two were computed over.
    pub scored_tokens: u32,
}
