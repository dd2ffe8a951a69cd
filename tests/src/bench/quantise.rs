//! How fast weights are quantised: in memory on one core, without reading and
//! writing them.

use pelago_onnx::precision::speed;

use crate::Failure;
use crate::models::Models;
use crate::table::{Table, number};
use crate::verdict::Verdict;

/// Megabytes of fp32 weights a second.
const WANTED: f64 = 300.0;

pub(crate) async fn run(_models: &Models) -> Result<Vec<Verdict>, Failure> {
    let speeds = tokio::task::spawn_blocking(speed::measure).await?;
    let mut table = Table::new(&["made of fp32", "MB/s"]);
    for speed in &speeds {
        table.row([speed.name.clone(), number(speed.megabytes)]);
    }
    table.print("One core, a weight of 64 MiB, median of five runs; MB are of fp32.");
    let least = speeds.iter().map(|speed| speed.megabytes).fold(f64::INFINITY, f64::min);
    let found = format!("{} MB/s", number(least));
    Ok(vec![Verdict::new("quantising, a core, the slowest way", "≥ 300 MB/s", found, least >= WANTED)])
}
