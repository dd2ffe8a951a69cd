//! The ratio of two medians and how sure it is. What is better, more or less, is
//! for the caller to say.

use serde::{Deserialize, Serialize};

use super::order::{median, of_sorted};

/// Samples drawn anew for an interval.
pub const RESAMPLES: usize = 4_000;
/// The share of the resamples that the interval holds.
pub const LEVEL: f64 = 0.95;
/// Fewer values (or pairs) give no interval: of five pairs that all point one way the
/// sign test still says 2 · ½⁵ = 6 %.
pub const LEAST_SAMPLES: usize = 6;

/// Fixed, so that one measurement gives one interval.
const SEED: u64 = 20_260_101;

/// A ratio of medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Median of the one by median of the other.
    pub value: f64,
    /// Ends of the 95 % bootstrap interval; `None` of fewer than [`LEAST_SAMPLES`].
    pub interval: Option<[f64; 2]>,
}

/// What a ratio of times amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The interval is above 1.
    Faster,
    /// The interval is below 1.
    Slower,
    /// The interval covers 1, or there is none.
    NoDifference,
}

impl Comparison {
    /// As in tables and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifference => "no difference",
        }
    }
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Ratio {
    /// What it says, read as a speedup: the reference's time by the other's.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        match self.interval {
            Some([low, _]) if low > 1.0 => Comparison::Faster,
            Some([_, high]) if high < 1.0 => Comparison::Slower,
            _ => Comparison::NoDifference,
        }
    }
}

/// `median(a) / median(b)` of measurements that were taken turn by turn: a turn is drawn
/// whole, so what hit both at once (another process, a clock that changed) hits both in
/// the resample. What the longer one has beyond the shorter is not looked at.
///
/// The interval is Efron's percentile bootstrap: of [`RESAMPLES`] samples drawn with
/// replacement, the 2.5 % and 97.5 % quantiles of the ratio. The draws are those of
/// SplitMix64 from a fixed seed: the same samples give the same interval everywhere.
///
/// `None` where a sample is empty or a value is not finite, and where a median is so near
/// to zero that ratio or interval would not be finite.
#[must_use]
pub fn paired(a: &[f64], b: &[f64]) -> Option<Ratio> {
    let turns = a.len().min(b.len());
    let (a, b) = (&a[..turns], &b[..turns]);
    ratio(a, b, |random| {
        let drawn: Vec<usize> = (0..turns).map(|_| random.below(turns)).collect();
        let pick = |from: &[f64]| drawn.iter().map(|turn| from[*turn]).collect();
        (pick(a), pick(b))
    })
}

/// The same of measurements that have nothing to do with each other, such as those
/// of two days: each sample is drawn by itself.
#[must_use]
pub fn independent(a: &[f64], b: &[f64]) -> Option<Ratio> {
    ratio(a, b, |random| {
        let mut pick = |from: &[f64]| (0..from.len()).map(|_| from[random.below(from.len())]).collect();
        (pick(a), pick(b))
    })
}

fn ratio(a: &[f64], b: &[f64], mut draw: impl FnMut(&mut SplitMix64) -> (Vec<f64>, Vec<f64>)) -> Option<Ratio> {
    if a.iter().chain(b).any(|value| !value.is_finite()) {
        return None;
    }
    let value = median(a)? / median(b)?;
    let interval = if a.len().min(b.len()) < LEAST_SAMPLES {
        None
    } else {
        let mut random = SplitMix64(SEED);
        let mut ratios = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            let (a, b) = draw(&mut random);
            ratios.push(middle(a) / middle(b));
        }
        ratios.sort_by(f64::total_cmp);
        let tail = (1.0 - LEVEL) / 2.0;
        Some([of_sorted(&ratios, tail), of_sorted(&ratios, 1.0 - tail)])
    };
    let finite = value.is_finite() && interval.is_none_or(|ends| ends.iter().all(|end| end.is_finite()));
    finite.then_some(Ratio { value, interval })
}

/// The median without sorting everything: thousands of resamples need it.
fn middle(mut sample: Vec<f64>) -> f64 {
    let (half, is_odd) = (sample.len() / 2, sample.len() % 2 == 1);
    let (below, upper, _) = sample.select_nth_unstable_by(half, f64::total_cmp);
    if is_odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower + (*upper - lower) * 0.5
}

/// Steele, Lea and Flood 2014: a few lines that are the same in every version and language.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `end`, which is not 0: the upper half of a product, whose bias is below `end` / 2⁶⁴.
    #[allow(clippy::cast_possible_truncation, reason = "it is below `end`")]
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn draws_are_those_of_the_reference() {
        // The first outputs of the authors' C code for the seed 1234567.
        let mut random = SplitMix64(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423_u64];
        assert_eq!(expected.map(|_| random.next()), expected);
    }

    const SLOW: [f64; 12] = [21.0, 20.5, 22.1, 20.9, 21.4, 35.0, 20.7, 21.2, 21.9, 20.8, 21.1, 21.3];
    const FAST: [f64; 12] = [14.2, 14.0, 14.9, 13.8, 14.1, 14.4, 25.0, 14.3, 14.6, 13.9, 14.5, 14.0];

    /// `scipy.stats.bootstrap` (1.17) with 200 000 resamples, `method="percentile"`, of the
    /// ratio of medians: paired and not. Its draws are others, so the ends differ a little.
    #[test]
    fn intervals_are_near_those_of_scipy() {
        let near = |ratio: Ratio, value: f64, [low, high]: [f64; 2]| {
            let [found_low, found_high] = ratio.interval.unwrap();
            assert!((ratio.value - value).abs() < 1e-9, "{ratio:?}");
            assert!((found_low - low).abs() < 0.01 && (found_high - high).abs() < 0.01, "{ratio:?}");
        };
        near(paired(&SLOW, &FAST).unwrap(), 1.484_210_526_3, [1.451_724, 1.516_014]);
        near(independent(&SLOW, &FAST).unwrap(), 1.484_210_526_3, [1.446_367, 1.526_502]);
    }

    #[test]
    fn a_comparison_says_no_difference_where_the_interval_covers_1() {
        let compare = |a: &[f64], b: &[f64]| paired(a, b).unwrap().comparison();
        assert_eq!(compare(&SLOW, &FAST), Comparison::Faster);
        assert_eq!(compare(&FAST, &SLOW), Comparison::Slower);
        assert_eq!(compare(&SLOW, &SLOW), Comparison::NoDifference);
        // Five pairs that all point one way are not enough.
        assert_eq!(compare(&SLOW[..5], &FAST[..5]), Comparison::NoDifference);
        assert_eq!(paired(&SLOW[..5], &FAST[..5]).unwrap().interval, None);
        assert_eq!(compare(&SLOW[..6], &FAST), Comparison::Faster);
    }

    #[test]
    fn drift_that_hits_both_does_not_widen_a_paired_interval() {
        let drift: Vec<f64> = (1..=20).map(f64::from).collect();
        let other: Vec<f64> = drift.iter().map(|value| value * 1.05).collect();
        let width = |ratio: Ratio| ratio.interval.unwrap()[1] - ratio.interval.unwrap()[0];
        assert!(width(paired(&other, &drift).unwrap()) < 1e-9);
        assert!(width(independent(&other, &drift).unwrap()) > 0.5);
    }

    #[test]
    fn what_has_no_ratio_has_none() {
        for (a, b) in [(&[][..], &[1.0][..]), (&[1.0], &[0.0]), (&[f64::NAN], &[1.0]), (&[1.0], &[f64::INFINITY])] {
            assert_eq!((paired(a, b), independent(a, b)), (None, None), "{a:?} by {b:?}");
        }
        // Most draws of this one have a median of zero.
        assert_eq!(paired(&[1.0; 7], &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]), None);
    }

    proptest! {
        #[test]
        fn the_same_samples_give_the_same_interval_around_the_ratio(
            a in vec(0.1..1e4_f64, 1..30),
            b in vec(0.1..1e4_f64, 1..30),
        ) {
            let ratio = independent(&a, &b).unwrap();
            prop_assert_eq!(Some(ratio), independent(&a, &b));
            prop_assert_eq!(ratio.interval.is_some(), a.len().min(b.len()) >= LEAST_SAMPLES);
            if let Some([low, high]) = ratio.interval {
                prop_assert!(low <= high && 0.0 < low);
            }
            let back = independent(&b, &a).unwrap();
            prop_assert!((ratio.value * back.value - 1.0).abs() < 1e-9);
        }

        #[test]
        fn the_quick_median_is_the_median(sample in vec(-1e6..1e6_f64, 1..40)) {
            let quick = middle(sample.clone());
            prop_assert!((quick - median(&sample).unwrap()).abs() <= 1e-9);
        }
    }
}
