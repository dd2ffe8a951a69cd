//! A sweep as a DataFrame: one row a combination.

use pelago_protocol::{Parity, SweepRow};
use polars::prelude::{Column, DataFrame, NamedFrom, PolarsError, Series};

/// The rows of sweeps. Times are in ms, memory in MiB, sizes in bytes; `speedup` is the reference's time by this one's.
///
/// # Errors
/// Polars'.
pub fn frame(rows: &[SweepRow]) -> Result<DataFrame, PolarsError> {
    fn column<T>(name: &str, rows: &[SweepRow], of: impl Fn(&SweepRow) -> T) -> Column
    where
        Series: NamedFrom<Vec<T>, [T]>,
    {
        Series::new(name.into(), rows.iter().map(of).collect::<Vec<_>>()).into()
    }
    let parity = |of: fn(&Parity) -> f64| move |row: &SweepRow| row.parity.as_ref().map(of);
    let columns = vec![
        column("model_name", rows, |row| row.model_name.clone()),
        column("browser", rows, |row| row.browser.as_str().to_owned()),
        column("browser_product", rows, |row| row.browser_product.clone()),
        column("platform", rows, |row| row.platform.as_str().to_owned()),
        column("precision", rows, |row| row.precision.bits()),
        column("mixed_precision", rows, |row| row.mixed_precision),
        column("outcome", rows, |row| row.outcome.as_str().to_owned()),
        column("p50_ms", rows, |row| row.p50_ms),
        column("p90_ms", rows, |row| row.p90_ms),
        column("p99_ms", rows, |row| row.p99_ms),
        column("min_ms", rows, |row| row.min_ms),
        column("throughput_items_per_sec", rows, |row| row.throughput_items_per_sec),
        column("speedup", rows, |row| row.speedup),
        column("speedup_low", rows, |row| row.speedup_low),
        column("speedup_high", rows, |row| row.speedup_high),
        column("runs", rows, |row| row.runs),
        column("outliers", rows, |row| row.outliers),
        column("open_ms", rows, |row| row.phases.open_ms),
        column("fetch_ms", rows, |row| row.phases.fetch_ms),
        column("compile_ms", rows, |row| row.phases.compile_ms),
        column("first_run_ms", rows, |row| row.phases.first_run_ms),
        column("memory_usage_mb", rows, |row| row.memory_usage_mb),
        column("model_bytes", rows, |row| row.model_bytes),
        column("cosine", rows, parity(|parity| parity.cosine)),
        column("max_abs_error", rows, parity(|parity| parity.max_abs_error)),
        column("relative_error", rows, parity(|parity| parity.relative_error)),
        column("top1_agreement", rows, |row| row.parity.as_ref().and_then(|parity| parity.top1_agreement)),
        column("nan_count", rows, |row| row.parity.as_ref().map(|parity| parity.nan_count)),
        column("verdict", rows, |row| row.parity.as_ref().map(|parity| parity.verdict.as_str().to_owned())),
        column("is_real_hardware", rows, |row| row.is_real_hardware),
        column("browser_version", rows, |row| row.browser_version.clone()),
        column("model_cid", rows, |row| row.model_cid.clone()),
        column("sweep_id", rows, |row| row.sweep_id.clone()),
        column("problem", rows, |row| row.problem.clone()),
    ];
    DataFrame::new(rows.len(), columns)
}
