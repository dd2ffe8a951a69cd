//! How far an output is from the reference: fp32 on wasm, on the same inputs.
//! It does not know what ran either of them.
//!
//! # Verdicts
//!
//! | verdict | when |
//! | --- | --- |
//! | `exact` | relative error ≤ 1e-4 |
//! | `close` | cosine ≥ 0.999, and of scores, the largest in the same place in ≥ 99 % of the rows |
//! | `degraded` | cosine ≥ 0.95 |
//! | `broken` | anything else, and every output with a NaN or an infinity that the reference has not |
//!
//! Two backends that add up fp32 numbers in different orders stay below 1e-4 in models of some tens of layers
//! (measured: 2e-6 for six), and half precision, which has 11 significant bits, does not.

use pelago_protocol::{Parity, ParityVerdict};

/// The largest relative error that rounding of fp32 explains.
pub const EXACT_RELATIVE_ERROR: f64 = 1e-4;
/// The least cosine of a close output.
pub const CLOSE_COSINE: f64 = 0.999;
/// The least top-1 agreement of close scores.
pub const CLOSE_TOP1: f64 = 0.99;
/// The least cosine of an output that is still one of the model.
pub const DEGRADED_COSINE: f64 = 0.95;

/// The usual reference.
pub const FP32: &str = "fp32 on wasm";

/// What the rows of an output are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Vectors, whose direction counts: embeddings, hidden states.
    Vectors,
    /// Scores, whose largest counts: logits over classes or tokens.
    Scores,
}

/// Compares an output with the reference, both row-major `[…, width]`. `None` where
/// they have no value, not the same number of them, or no whole number of rows.
///
/// Cosine is `a·b / (‖a‖ ‖b‖)` of each row, and the least of them; two rows of zeros are the same direction.
#[must_use]
pub fn compare(reference: &[f32], output: &[f32], width: usize, rows: Rows) -> Option<Parity> {
    if reference.len() != output.len() || reference.is_empty() || width == 0 || !reference.len().is_multiple_of(width) {
        return None;
    }
    let mut parity = Parity {
        reference: FP32.to_owned(),
        cosine: f64::INFINITY,
        max_abs_error: 0.0,
        relative_error: 0.0,
        top1_agreement: None,
        nan_count: 0,
        verdict: ParityVerdict::Broken,
        generation: None,
    };
    let (mut largest, mut same_top) = (0.0_f64, 0_usize);
    for (a, b) in reference.chunks(width).zip(output.chunks(width)) {
        parity.cosine = parity.cosine.min(cosine(a, b));
        same_top += usize::from(top(a) == top(b));
        for (a, b) in a.iter().zip(b).filter(|(a, _)| a.is_finite()) {
            largest = largest.max(f64::from(a.abs()));
            if b.is_finite() {
                parity.max_abs_error = parity.max_abs_error.max((f64::from(*a) - f64::from(*b)).abs());
            } else {
                parity.nan_count += 1;
            }
        }
    }
    parity.relative_error = if parity.max_abs_error == 0.0 { 0.0 } else { parity.max_abs_error / largest };
    if rows == Rows::Scores {
        #[allow(clippy::cast_precision_loss, reason = "rows are far fewer than 2^52")]
        let agreement = same_top as f64 / (reference.len() / width) as f64;
        parity.top1_agreement = Some(agreement);
    }
    parity.verdict = verdict(&parity);
    Some(parity)
}

/// Of two outputs of one run, what is to be said of both.
#[must_use]
pub fn worse(one: Parity, other: Parity) -> Parity {
    let both = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    Parity {
        reference: one.reference,
        // A NaN is no smaller than anything, and must not be lost.
        cosine: if one.cosine.is_nan() || one.cosine < other.cosine { one.cosine } else { other.cosine },
        max_abs_error: one.max_abs_error.max(other.max_abs_error),
        relative_error: one.relative_error.max(other.relative_error),
        top1_agreement: both(one.top1_agreement, other.top1_agreement),
        nan_count: one.nan_count + other.nan_count,
        verdict: one.verdict.max(other.verdict),
        generation: one.generation.or(other.generation),
    }
}

fn verdict(parity: &Parity) -> ParityVerdict {
    if parity.nan_count > 0 || parity.cosine.is_nan() {
        return ParityVerdict::Broken;
    }
    if parity.relative_error <= EXACT_RELATIVE_ERROR {
        ParityVerdict::Exact
    } else if parity.cosine >= CLOSE_COSINE && parity.top1_agreement.is_none_or(|top1| top1 >= CLOSE_TOP1) {
        ParityVerdict::Close
    } else if parity.cosine >= DEGRADED_COSINE {
        ParityVerdict::Degraded
    } else {
        ParityVerdict::Broken
    }
}

/// Of finite pairs alone: what is not finite is counted for itself.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let (mut dot, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite()) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    match (aa == 0.0, bb == 0.0) {
        (true, true) => 1.0,
        (true, false) | (false, true) => 0.0,
        (false, false) => dot / (aa.sqrt() * bb.sqrt()),
    }
}

/// The place of the largest; the first of equals.
fn top(row: &[f32]) -> Option<usize> {
    let places = row.iter().enumerate().filter(|(_, value)| !value.is_nan());
    places.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(place, _)| place)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict_of(reference: &[f32], output: &[f32], rows: Rows) -> ParityVerdict {
        compare(reference, output, reference.len(), rows).unwrap().verdict
    }

    #[test]
    fn thresholds_are_those_of_the_table() {
        let reference = [1.0, 0.5, -0.25, 0.0];
        assert_eq!(verdict_of(&reference, &[1.00005, 0.5, -0.25, 0.0], Rows::Vectors), ParityVerdict::Exact);
        assert_eq!(verdict_of(&reference, &[1.01, 0.5, -0.25, 0.0], Rows::Vectors), ParityVerdict::Close);
        assert_eq!(verdict_of(&reference, &[1.0, 0.3, -0.25, 0.0], Rows::Vectors), ParityVerdict::Degraded);
        assert_eq!(verdict_of(&reference, &[0.0, 0.5, -0.25, 1.0], Rows::Vectors), ParityVerdict::Broken);
        assert_eq!(verdict_of(&reference, &[f32::NAN, 0.5, -0.25, 0.0], Rows::Vectors), ParityVerdict::Broken);
        assert_eq!(verdict_of(&reference, &[1.0, f32::INFINITY, -0.25, 0.0], Rows::Vectors), ParityVerdict::Broken);
        assert_eq!(verdict_of(&reference, &[0.0; 4], Rows::Vectors), ParityVerdict::Broken);
        assert_eq!(verdict_of(&[0.0; 4], &[0.0; 4], Rows::Vectors), ParityVerdict::Exact);
    }

    #[test]
    fn scores_whose_largest_moved_are_not_close() {
        let (reference, output) = ([1.0, 0.999, 0.0], [0.999, 1.0, 0.0]);
        let parity = compare(&reference, &output, 3, Rows::Scores).unwrap();
        assert_eq!((parity.top1_agreement, parity.verdict), (Some(0.0), ParityVerdict::Degraded));
        assert_eq!(verdict_of(&reference, &output, Rows::Vectors), ParityVerdict::Close);
    }

    #[test]
    fn the_worst_row_counts() {
        let parity = compare(&[1.0, 0.0, 1.0, 0.0], &[1.0, 0.0, 0.0, 1.0], 2, Rows::Vectors).unwrap();
        assert_eq!((parity.cosine, parity.max_abs_error), (0.0, 1.0));
        assert_eq!(compare(&[1.0; 4], &[1.0; 3], 2, Rows::Vectors), None);
        assert_eq!(compare(&[1.0; 3], &[1.0; 3], 2, Rows::Vectors), None);
        assert_eq!(compare(&[], &[], 2, Rows::Vectors), None);
    }

    proptest! {
        #[test]
        fn an_output_is_exactly_itself(values in proptest::collection::vec(-1e30_f32..1e30, 1..40)) {
            let parity = compare(&values, &values, values.len(), Rows::Scores).unwrap();
            prop_assert_eq!(parity.verdict, ParityVerdict::Exact);
            prop_assert_eq!((parity.max_abs_error, parity.top1_agreement), (0.0, Some(1.0)));
        }

        #[test]
        fn any_bits_give_an_answer(a in proptest::collection::vec(any::<u32>(), 1..40), b in proptest::collection::vec(any::<u32>(), 40)) {
            let floats = |bits: &[u32]| bits.iter().map(|bits| f32::from_bits(*bits)).collect::<Vec<_>>();
            let (a, b) = (floats(&a), floats(&b[..a.len()]));
            let parity = compare(&a, &b, a.len(), Rows::Scores).unwrap();
            prop_assert!(parity.nan_count == 0 || parity.verdict == ParityVerdict::Broken);
        }
    }
}
