//! Order statistics of one sample. Its order and what it measures do not matter here.

/// How far Tukey's fences lie from the quartiles, in interquartile ranges.
const FENCE: f64 = 1.5;

/// What is said of a sample, outliers among it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many values.
    pub count: usize,
    /// Of these, outside Tukey's fences.
    pub outliers: usize,
    /// The least.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// The summary of a sample; `None` of an empty one or one with a NaN.
#[must_use]
pub fn summary(samples: &[f64]) -> Option<Summary> {
    let sorted = sorted(samples)?;
    let at = |q| of_sorted(&sorted, q);
    let outliers = outliers(samples).iter().filter(|outlier| **outlier).count();
    let (min, max) = (at(0.0), at(1.0));
    Some(Summary { count: sorted.len(), outliers, min, p50: at(0.5), p90: at(0.9), p99: at(0.99), max })
}

/// The value below which a share `q` of the sample lies, `q` from 0 to 1 (Hyndman and
/// Fan 1996, definition 7: at `(n - 1) q` between the sorted values); `None` of an
/// empty sample, one with a NaN, and of any other `q`.
#[must_use]
pub fn quantile(samples: &[f64], q: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    Some(of_sorted(&sorted(samples)?, q))
}

/// [`quantile`] of a half: of an even number of values the mean of the middle two.
#[must_use]
pub fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// The least value; `None` as of [`quantile`].
#[must_use]
pub fn min(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.0)
}

/// Which values are outliers: further than 1.5 interquartile ranges below the lower
/// or above the upper quartile (Tukey 1977). One mark a value, in the sample's order;
/// none of a sample with a NaN. They are for the eye: leave them in every figure.
#[must_use]
pub fn outliers(samples: &[f64]) -> Vec<bool> {
    let fences = sorted(samples).map(|sorted| {
        let (lower, upper) = (of_sorted(&sorted, 0.25), of_sorted(&sorted, 0.75));
        let reach = FENCE * (upper - lower);
        lower - reach..=upper + reach
    });
    samples.iter().map(|value| fences.as_ref().is_some_and(|fences| !fences.contains(value))).collect()
}

/// The values in order; `None` where there is none, or one that has no place in an order.
fn sorted(samples: &[f64]) -> Option<Vec<f64>> {
    if samples.is_empty() || samples.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

/// `sorted` has at least one value, `q` is from 0 to 1.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples have far fewer than 2^52 values, and the place is not negative"
)]
pub(super) fn of_sorted(sorted: &[f64], q: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * q;
    let below = place.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    // Equal ones need no arithmetic, which of infinities would make a NaN.
    if low == high { low } else { low + (high - low) * place.fract() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// `numpy.percentile(sample, [0, 25, 50, 75, 90, 99, 100])`, numpy 2.
    #[test]
    fn quantiles_are_those_of_numpy() {
        let check = |sample: &[f64], expected: [f64; 7]| {
            for (q, expected) in [0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0].into_iter().zip(expected) {
                let found = quantile(sample, q).unwrap();
                assert!((found - expected).abs() < 1e-12, "{sample:?} at {q}: {found}, not {expected}");
            }
        };
        check(&[7.0], [7.0; 7]);
        check(&[3.0, 1.0, 2.0, 10.0], [1.0, 1.75, 2.5, 4.75, 7.9, 9.79, 10.0]);
        check(&[5.0, 1.5, 2.25, 8.0, 3.0, 3.0, 40.0], [1.5, 2.625, 3.0, 6.5, 20.8, 38.08, 40.0]);
    }

    #[test]
    fn outliers_are_outside_the_fences_and_stay_in_the_figures() {
        // Quartiles 11 and 14: fences at 6.5 and 18.5.
        let sample = [11.0, 40.0, 12.0, 10.0, 14.0, 18.0, 13.0, 6.0, 11.0];
        let expected = [false, true, false, false, false, false, false, true, false];
        assert_eq!(outliers(&sample), expected);
        let summary = summary(&sample).unwrap();
        assert_eq!((summary.count, summary.outliers, summary.min, summary.p50, summary.max), (9, 2, 6.0, 12.0, 40.0));
        assert_eq!(outliers(&[1.0, 1.0, 1.0, 1.0]), [false; 4]);
    }

    #[test]
    fn what_has_no_order_has_no_statistics() {
        for sample in [&[][..], &[f64::NAN], &[1.0, f64::NAN]] {
            assert_eq!((quantile(sample, 0.5), summary(sample)), (None, None));
            assert!(!outliers(sample).contains(&true));
        }
        for q in [-0.1, 1.1, f64::NAN] {
            assert_eq!(quantile(&[1.0], q), None);
        }
        assert_eq!(median(&[f64::INFINITY, f64::INFINITY]), Some(f64::INFINITY));
    }

    proptest! {
        #[test]
        fn quantiles_rise_and_stay_within_the_sample(sample in vec(-1e9..1e9_f64, 1..60), a in 0.0..=1.0, b in 0.0..=1.0) {
            let (low, high): (f64, f64) = if a <= b { (a, b) } else { (b, a) };
            let (low, high) = (quantile(&sample, low).unwrap(), quantile(&sample, high).unwrap());
            // The interpolation rounds.
            prop_assert!(low <= high + 1e-6);
            let summary = summary(&sample).unwrap();
            prop_assert!(summary.min <= low && high <= summary.max);
            prop_assert!(summary.min <= summary.p50 && summary.p50 <= summary.p90 + 1e-6);
        }

        #[test]
        fn the_order_does_not_matter_and_the_scale_carries_over(sample in vec(0.01..1e6_f64, 1..60)) {
            let mut other = sample.clone();
            other.reverse();
            prop_assert_eq!(summary(&sample), summary(&other));
            let doubled: Vec<f64> = sample.iter().map(|value| value * 2.0).collect();
            prop_assert_eq!(median(&doubled), median(&sample).map(|median| median * 2.0));
            prop_assert_eq!(outliers(&doubled), outliers(&sample));
        }
    }
}
