//! What the way from session to page and back costs a short sentence, beside
//! WebDriver carrying as much, turn by turn.

use std::time::Instant;

use pelago_browser::link::Message;
use pelago_protocol::{BrowserKind, Platform};
use pelago_runtime::session::Session;
use pelago_tests::SENTENCE;
use serde_json::json;

use crate::Failure;
use crate::models::{Models, asking, page, request};
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
    let measured = measure(&session).await;
    session.close().await;
    let Measured { overhead, recorded, echo, webdriver } = measured?;
    let mut head = vec!["one short sentence, Chromium wasm"];
    head.extend(HEAD);
    let mut table = Table::new(&head);
    for (name, sample) in [
        ("Pelago: total_time − processing_time", &overhead),
        ("the same, with the row recorded (as the caller waits)", &recorded),
        ("Pelago: echo of an empty message", &echo),
        ("WebDriver execute/async, same size, no work", &webdriver),
    ] {
        table.row([name.to_owned()].into_iter().chain(sample.cells()));
    }
    table.print("Link overhead, ms");
    let (p50, p99) = (overhead.p50(), overhead.quantile(0.99));
    println!("\nWebDriver takes {} times as long at the median.", number(webdriver.p50() / p50));
    Ok(vec![
        Verdict::new("link overhead p50", "≤ 1 ms", format!("{} ms", number(p50)), p50 <= 1.0),
        Verdict::new("link overhead p99", "≤ 5 ms", format!("{} ms", number(p99)), p99 <= 5.0),
    ])
}

#[derive(Default)]
struct Measured {
    overhead: Sample,
    recorded: Sample,
    echo: Sample,
    webdriver: Sample,
}

async fn measure(session: &Session) -> Result<Measured, Failure> {
    let request = request(BrowserKind::Chrome, Platform::Wasm);
    let first = session.accelerate(&request, None).await?;
    let page = page(session, &first.report.browser_product).await?;
    let mut measured = Measured::default();
    for turn in 0..WARM_UP + RUNS {
        let start = Instant::now();
        let report = session.accelerate(&request, None).await?.report;
        let whole = start.elapsed().as_secs_f64();
        let start = Instant::now();
        page.request(Message { kind: "echo".to_owned(), ..Message::default() }, asking()).await?;
        let echo = start.elapsed();
        let start = Instant::now();
        page.webdriver_script(SCRIPT, vec![json!(SENTENCE), json!(384)]).await?;
        let webdriver = start.elapsed();
        if turn >= WARM_UP {
            measured.overhead.0.push((report.total_time - report.processing_time) * 1000.0);
            measured.recorded.0.push((whole - report.processing_time) * 1000.0);
            measured.echo.0.push(echo.as_secs_f64() * 1000.0);
            measured.webdriver.0.push(webdriver.as_secs_f64() * 1000.0);
        }
    }
    Ok(measured)
}
