//! How long a sweep takes: every combination of two browsers, two platforms and
//! seven precisions of a tiny model, from a new home to the last row.

use std::time::Instant;

use pelago_protocol::{BrowserKind, Platform, Precision, SweepOutcome, SweepRequest};
use pelago_session::{CancellationToken, Session};
use pelago_tests::{fixture, lab};

use crate::Failure;
use crate::models::Models;
use crate::table::{Table, number, optional};
use crate::verdict::Verdict;

const REPEAT: u32 = 10;
/// Seconds that 24 combinations may take.
const WANTED: f64 = 90.0;

pub(crate) async fn run(_models: &Models) -> Result<Vec<Verdict>, Failure> {
    let home = tempfile::tempdir()?;
    let session = Session::open(lab::options(home.path())).await?;
    let start = Instant::now();
    session.models().add(&fixture("models/bert"), Some("tiny"), None, |_| {}).await?;
    let request = SweepRequest {
        model: "tiny".to_owned(),
        input: None,
        graph: None,
        browsers: vec![BrowserKind::Chrome, BrowserKind::Firefox],
        platforms: vec![Platform::Wasm, Platform::WebGpu],
        precisions: vec![Precision::Bits4, Precision::Bits8, Precision::Bits16, Precision::Bits32],
        mixed: vec![false, true],
        repeat: REPEAT,
        warm_up: 2,
        max_new_tokens: None,
    };
    let swept = session.sweep(&request, None, &CancellationToken::new()).await;
    let seconds = start.elapsed().as_secs_f64();
    session.close().await;
    let rows = swept?.rows;
    let mut table = Table::new(&["combination", "outcome", "p50 ms", "cosine"]);
    for row in &rows {
        let mixed = if row.mixed_precision { " mixed" } else { "" };
        table.row([
            format!("{} {} {} bit{mixed}", row.browser_product, row.platform, row.precision),
            row.outcome.to_string(),
            optional(row.p50_ms),
            row.parity.as_ref().map_or_else(|| "–".to_owned(), |parity| format!("{:.5}", parity.cosine)),
        ]);
    }
    table.print(&format!("A BERT of two layers and 32 numbers a token, eight sentences, {REPEAT} turns"));
    let measured = rows.iter().filter(|row| row.outcome == SweepOutcome::Measured).count();
    let found = format!("{} s for {}, {measured} of them measured", number(seconds), rows.len());
    Ok(vec![Verdict::new(
        "a sweep of 24 combinations of a tiny model",
        format!("≤ {WANTED} s"),
        found,
        seconds <= WANTED,
    )])
}
