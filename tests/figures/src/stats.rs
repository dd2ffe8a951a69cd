//! A sample as cells of a table. The statistics are those that Pelago itself uses.

use pelago_statistics as statistics;

use crate::table::number;

/// What is said of a sample, in [`Sample::cells`]' order.
pub const HEAD: [&str; 6] = ["n", "min", "p50", "p90", "p99", "p50/min"];

/// Measurements in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub struct Sample(pub Vec<f64>);

impl Sample {
    /// [`statistics::quantile`]; NaN of an empty sample, which no verdict passes.
    #[must_use]
    pub fn quantile(&self, q: f64) -> f64 {
        statistics::quantile(&self.0, q).unwrap_or(f64::NAN)
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

/// `p50(a) / p50(b)` and its interval, of measurements that were taken turn by turn
/// ([`statistics::paired`]); NaN where there is none, which no verdict passes.
#[must_use]
pub fn ratio(a: &Sample, b: &Sample) -> (f64, [f64; 2]) {
    let ratio = statistics::paired(&a.0, &b.0);
    (ratio.map_or(f64::NAN, |ratio| ratio.value), ratio.and_then(|ratio| ratio.interval).unwrap_or([f64::NAN; 2]))
}
