//! Order statistics of a sample, and how sure a ratio of two of them is.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::table::number;

/// Samples drawn anew for an interval.
const RESAMPLES: usize = 4_000;
/// Fixed, so that one measurement gives one interval.
const SEED: u64 = 20_260_101;

/// What is said of a sample, in [`Sample::cells`]' order.
pub const HEAD: [&str; 6] = ["n", "min", "p50", "p90", "p99", "p50/min"];

/// Measurements in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub struct Sample(pub Vec<f64>);

impl Sample {
    /// The value that a share `q` of the sample does not exceed (nearest rank); NaN of an empty sample.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (q * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// The least.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.quantile(0.0)
    }

    /// The median.
    #[must_use]
    pub fn p50(&self) -> f64 {
        self.quantile(0.5)
    }

    /// One cell for each of [`HEAD`].
    #[must_use]
    pub fn cells(&self) -> Vec<String> {
        let quantiles = [0.0, 0.5, 0.9, 0.99].map(|q| number(self.quantile(q)));
        let mut cells = vec![self.0.len().to_string()];
        cells.extend(quantiles);
        cells.push(number(self.p50() / self.min()));
        cells
    }
}

/// `p50(a) / p50(b)` and its 95 % bootstrap interval, of measurements that were
/// taken turn by turn: a turn is drawn whole.
#[must_use]
pub fn ratio(a: &Sample, b: &Sample) -> (f64, [f64; 2]) {
    let turns = a.0.len().min(b.0.len());
    let mut random = StdRng::seed_from_u64(SEED);
    let mut ratios = Sample::default();
    for _ in 0..RESAMPLES {
        let drawn = (0..turns).map(|_| random.random_range(0..turns)).collect::<Vec<_>>();
        let pick = |from: &Sample| Sample(drawn.iter().map(|turn| from.0[*turn]).collect());
        ratios.0.push(pick(a).p50() / pick(b).p50());
    }
    (a.p50() / b.p50(), [ratios.quantile(0.025), ratios.quantile(0.975)])
}
