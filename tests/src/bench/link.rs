//! What the way from session to page and back costs a short sentence, beside
//! WebDriver carrying as much, turn by turn.

use std::time::Instant;

use pelago_browser::link::Message;
use pelago_browser::pool::Page;
use pelago_protocol::{BrowserKind, ExecutionOptions, Platform};
use pelago_session::Session;
use pelago_tests::SENTENCE;
use serde_json::json;

use crate::Failure;
use crate::models::{Models, asking, embed, page, request};
use crate::stats::{HEAD, Sample};
use crate::table::{Table, number};
use crate::verdict::Verdict;

const RUNS: usize = 400;
const WARM_UP: usize = 20;

/// Answers as much as a run of the model does: 384 numbers, and the text. It
/// computes nothing, so what it takes is WebDriver's own.
const SCRIPT: &str = "const [text, size, done] = arguments;
done({ text, embedding: Array.from({ length: size }, (_, i) => Math.fround(Math.sin(i))) });";

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let session = Session::open(models.options()).await?;
    let measured = measure(models, &session).await;
    session.close().await;
    let Measured { alone, beside } = measured?;
    let mut head = vec!["one short sentence, Chromium wasm"];
    head.extend(HEAD);
    let mut table = Table::new(&head);
    for (when, times) in [("by itself", &alone), ("turn by turn with WebDriver", &beside)] {
        for (name, sample) in [
            ("total_time − processing_time", &times.overhead),
            ("… and until the row is recorded", &times.recorded),
            ("… of the page alone, past the session", &times.page),
            ("echo of an empty message", &times.echo),
        ] {
            table.row([format!("{name}, {when}")].into_iter().chain(sample.cells()));
        }
    }
    table.row(
        ["WebDriver execute/async, as many bytes, no work".to_owned()].into_iter().chain(beside.webdriver.cells()),
    );
    table.print("Link overhead, ms");
    let times = beside.webdriver.p50() / beside.overhead.p50();
    println!("\nTurn by turn, WebDriver takes {} times as long at the median.", number(times));
    let mut verdicts = Vec::new();
    for (when, sample) in [("by itself", &alone.overhead), ("beside WebDriver", &beside.overhead)] {
        for (name, limit, found) in [("p50", 1.0, sample.p50()), ("p99", 5.0, sample.quantile(0.99))] {
            let found_text = format!("{} ms", number(found));
            verdicts.push(Verdict::new(
                format!("link overhead {name}, {when}"),
                format!("≤ {limit} ms"),
                found_text,
                found <= limit,
            ));
        }
    }
    Ok(verdicts)
}

#[derive(Default)]
struct Measured {
    alone: Times,
    beside: Times,
}

/// Milliseconds, turn by turn.
#[derive(Default)]
struct Times {
    overhead: Sample,
    recorded: Sample,
    page: Sample,
    echo: Sample,
    /// Empty where WebDriver had no turn.
    webdriver: Sample,
}

async fn measure(models: &Models, session: &Session) -> Result<Measured, Failure> {
    let first = session.accelerate(&request(BrowserKind::Chrome, Platform::Wasm), None).await?;
    let page = page(session, &first.report.browser_product).await?;
    for _ in 0..WARM_UP {
        turn(models, session, &page, &mut Times::default()).await?;
    }
    let mut measured = Measured::default();
    for _ in 0..RUNS {
        turn(models, session, &page, &mut measured.alone).await?;
    }
    for _ in 0..RUNS {
        turn(models, session, &page, &mut measured.beside).await?;
        let start = Instant::now();
        page.webdriver_script(SCRIPT, vec![json!(SENTENCE), json!(384)]).await?;
        measured.beside.webdriver.0.push(milliseconds(start));
    }
    Ok(measured)
}

async fn turn(models: &Models, session: &Session, page: &Page, times: &mut Times) -> Result<(), Failure> {
    let start = Instant::now();
    let report = session.accelerate(&request(BrowserKind::Chrome, Platform::Wasm), None).await?.report;
    times.recorded.0.push(milliseconds(start) - report.processing_time * 1000.0);
    times.overhead.0.push((report.total_time - report.processing_time) * 1000.0);
    let options = ExecutionOptions { fixed_shapes: true, ..ExecutionOptions::default() };
    let start = Instant::now();
    let result = embed(page, models.embed(Platform::Wasm, &options, &[SENTENCE.to_owned()])?).await?;
    times.page.0.push(milliseconds(start) - result.processing_ms);
    let start = Instant::now();
    page.request(Message { kind: "echo".to_owned(), ..Message::default() }, asking()).await?;
    times.echo.0.push(milliseconds(start));
    Ok(())
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
