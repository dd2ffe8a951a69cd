//! How much memory a page takes for a model, beside the model's own size.

use std::fs;

use pelago_browser::pool::Page;
use pelago_protocol::{BrowserKind, Platform};
use pelago_session::Session;
use pelago_tests::processes;

use crate::Failure;
use crate::models::{Models, page, request};
use crate::table::{Table, number, optional};
use crate::verdict::Verdict;

const ROUTES: &[(&str, BrowserKind, Platform)] = &[
    ("Chromium", BrowserKind::Chrome, Platform::Wasm),
    ("Chromium", BrowserKind::Chrome, Platform::WebGpu),
    ("Firefox", BrowserKind::Firefox, Platform::Wasm),
];
/// Copies of the weights' size that the page may take.
const WANTED: f64 = 3.0;

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let mut table = Table::new(&[
        "route",
        "file",
        "wasm heap",
        "heap/file",
        "process before",
        "after",
        "(after − before)/file",
        "after/file",
    ]);
    let file = models.weights as f64 / f64::from(1 << 20);
    let mut verdicts = Vec::new();
    for (product, browser, platform) in ROUTES {
        let route = format!("{product} {platform}");
        let session = Session::open(models.options()).await?;
        let measured = measure(&session, product, *browser, *platform).await;
        session.close().await;
        let Ok([before, after, heap]) = measured.inspect_err(|error| println!("\n{route} FAILED: {error}")) else {
            continue;
        };
        let ratio = |value: Option<f64>| optional(value.map(|value| value / file));
        let grown = before.zip(after).map(|(before, after)| after - before);
        table.row([
            route.clone(),
            number(file),
            optional(heap),
            ratio(heap),
            optional(before),
            optional(after),
            ratio(grown),
            ratio(after),
        ]);
        let found = after.map_or(f64::NAN, |after| after / file);
        verdicts.push(Verdict::new(
            format!("memory after loading, {route}"),
            "< 3 × the file",
            format!("heap {}, whole process {}", ratio(heap), ratio(after)),
            found < WANTED,
        ));
    }
    table.print(
        "Memory after loading the model and one run, MiB; the process is the page's renderer, proportional set size",
    );
    Ok(verdicts)
}

/// The page's process before and after the model, and the wasm heap, in MiB.
async fn measure(
    session: &Session,
    product: &str,
    browser: BrowserKind,
    platform: Platform,
) -> Result<[Option<f64>; 3], Failure> {
    let page = page(session, product).await?;
    let before = renderer(&page).await;
    let run = session.accelerate(&request(browser, platform), None).await?;
    Ok([before, renderer(&page).await, run.report.memory_usage_mb])
}

/// The largest process of the browser that holds pages, in MiB.
async fn renderer(page: &Page) -> Option<f64> {
    let root = page.driver_pid().await?;
    let below = processes::below(root);
    let pages = below
        .iter()
        .filter(|process| process.command.contains("--type=renderer") || process.command.contains("-contentproc"));
    pages.filter_map(|process| proportional_set(process.pid)).max_by(f64::total_cmp)
}

/// Memory of one process in MiB, shared pages divided among those that share them.
fn proportional_set(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
