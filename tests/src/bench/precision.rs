//! What each precision of all-MiniLM-L6-v2 costs and saves: distance from fp32,
//! time beside fp32 in the same turns, bytes to fetch, and memory of a page that
//! holds nothing else.

use pelago_protocol::{BrowserKind, Platform, Precision, SweepOutcome, SweepRequest, SweepRow};
use pelago_session::{CancellationToken, Session};

use crate::Failure;
use crate::models::{Models, NAME, request};
use crate::table::{Table, number, optional};
use crate::verdict::Verdict;

/// The least cosine of each precision with fp32.
const COSINES: &[(Precision, f64)] =
    &[(Precision::Bits16, 0.9999), (Precision::Bits8, 0.999), (Precision::Bits4, 0.97)];
/// Bytes of 4 bits by those of fp32, to fetch and in the page.
const DOWNLOAD: f64 = 0.30;
const MEMORY: f64 = 0.60;
/// Routes, and turns of each combination: a GPU of software takes seconds for one.
const ROUTES: &[(BrowserKind, Platform, u32)] = &[
    (BrowserKind::Chrome, Platform::Wasm, 30),
    (BrowserKind::Firefox, Platform::Wasm, 20),
    (BrowserKind::Chrome, Platform::WebGpu, 6),
    (BrowserKind::Chrome, Platform::WebNn, 20),
];

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let mut table = Table::new(&[
        "route",
        "outcome",
        "cosine",
        "max abs error",
        "verdict",
        "p50 ms",
        "speedup over fp32 on wasm",
        "95 %",
        "MB to fetch",
        "page MiB",
    ]);
    let mut verdicts = Vec::new();
    for (browser, platform, turns) in ROUTES {
        let rows = sweep(models, *browser, *platform, *turns).await?;
        let mut memory = Vec::new();
        for row in &rows {
            let page = match row.outcome {
                SweepOutcome::Measured => alone(models, row).await?,
                _ => None,
            };
            memory.push(page);
            table.row(cells(row, page));
        }
        verdicts.extend(judge(&rows, &memory));
    }
    table.print("Eight sentences; speedups from turns in which fp32 on wasm of the same browser ran too");
    Ok(verdicts)
}

async fn sweep(
    models: &Models,
    browser: BrowserKind,
    platform: Platform,
    repeat: u32,
) -> Result<Vec<SweepRow>, Failure> {
    let session = Session::open(models.options()).await?;
    let request = SweepRequest {
        model: NAME.to_owned(),
        input: None,
        graph: None,
        browsers: vec![browser],
        platforms: vec![platform],
        precisions: vec![Precision::Bits32, Precision::Bits16, Precision::Bits8, Precision::Bits4],
        mixed: vec![false],
        repeat,
        warm_up: 2,
        max_new_tokens: None,
    };
    let found = session.sweep(&request, None, &CancellationToken::new()).await;
    session.close().await;
    Ok(found?.rows)
}

/// MiB of a new page after one sentence in this precision.
async fn alone(models: &Models, row: &SweepRow) -> Result<Option<f64>, Failure> {
    let session = Session::open(models.options()).await?;
    let mut request = request(row.browser, row.platform);
    request.precision = row.precision.into();
    let run = session.accelerate(&request, None).await;
    session.close().await;
    Ok(run?.report.memory_usage_mb)
}

fn cells(row: &SweepRow, memory: Option<f64>) -> [String; 10] {
    let parity = row.parity.as_ref();
    let interval = row.speedup_low.zip(row.speedup_high);
    [
        name(row),
        row.outcome.to_string(),
        parity.map_or_else(|| "–".to_owned(), |parity| format!("{:.5}", parity.cosine)),
        parity.map_or_else(|| "–".to_owned(), |parity| format!("{:.1e}", parity.max_abs_error)),
        parity.map_or_else(|| "–".to_owned(), |parity| parity.verdict.to_string()),
        optional(row.p50_ms),
        optional(row.speedup),
        interval.map_or_else(|| "–".to_owned(), |(low, high)| format!("{}…{}", number(low), number(high))),
        optional(row.model_bytes.map(|bytes| bytes as f64 / 1e6)),
        optional(memory),
    ]
}

fn name(row: &SweepRow) -> String {
    format!("{} {} {} bit", row.browser_product, row.platform, row.precision)
}

fn judge(rows: &[SweepRow], memory: &[Option<f64>]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let of = |precision| rows.iter().position(|row| row.precision == precision);
    for (row, parity) in rows.iter().filter_map(|row| Some((row, row.parity.as_ref()?))) {
        if let Some((_, least)) = COSINES.iter().find(|(precision, _)| *precision == row.precision) {
            let found = format!("{:.5}", parity.cosine);
            verdicts.push(Verdict::new(
                format!("cosine with fp32, {}", name(row)),
                format!("≥ {least}"),
                found,
                parity.cosine >= *least,
            ));
        }
    }
    let (Some(fp32), Some(four)) = (of(Precision::Bits32), of(Precision::Bits4)) else { return verdicts };
    if let (Some(all), Some(part)) = (rows[fp32].model_bytes, rows[four].model_bytes) {
        let ratio = part as f64 / all as f64;
        let what = format!("bytes to fetch by fp32's, {}", name(&rows[four]));
        verdicts.push(Verdict::new(what, format!("≤ {DOWNLOAD}"), number(ratio), ratio <= DOWNLOAD));
    }
    if let (Some(all), Some(part)) = (memory[fp32], memory[four]) {
        let what = format!("memory of the page by fp32's, {}", name(&rows[four]));
        verdicts.push(Verdict::new(what, format!("≤ {MEMORY}"), number(part / all), part / all <= MEMORY));
    }
    let eight = of(Precision::Bits8).map(|place| &rows[place]).filter(|row| row.platform == Platform::Wasm);
    if let Some((row, speedup, high)) = eight.and_then(|row| Some((row, row.speedup?, row.speedup_high?))) {
        let found = format!("{} (up to {})", number(speedup), number(high));
        // No worse: the interval does not lie below 1.
        verdicts.push(Verdict::new(
            format!("speed by fp32's, {}", name(row)),
            "≥ 1, or no difference",
            found,
            high >= 1.0,
        ));
    }
    verdicts
}
