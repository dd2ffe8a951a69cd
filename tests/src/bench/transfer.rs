//! 16 MiB to the page and back, beside WebDriver carrying the same bytes, and
//! 16 MiB of a model file fetched by the page.

use std::time::Instant;

use bytes::Bytes;
use pelago_browser::link::Message;
use pelago_browser::pool::Page;
use pelago_protocol::{DType, Tensor};
use pelago_session::Session;
use serde_json::json;

use crate::Failure;
use crate::models::{Models, WEIGHTS, asking, page};
use crate::stats::Sample;
use crate::table::{Table, number};
use crate::verdict::Verdict;

const SIZE: usize = 16 << 20;
const TURNS: usize = 30;
/// WebDriver takes seconds for one.
const WEBDRIVER_TURNS: usize = 3;
/// Megabytes a second that an echo must reach.
const WANTED: f64 = 500.0;

const ECHO: &str = "const [text, done] = arguments; done(text);";
const FETCH: &str = "const [url, last, done] = arguments;
const start = performance.now();
fetch(url, { headers: { Range: `bytes=0-${last}` }, cache: 'no-store' })
  .then((response) => response.arrayBuffer())
  .then((bytes) => done({ length: bytes.byteLength, ms: performance.now() - start }), (error) => done({ error: String(error) }));";

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let session = Session::open(models.options()).await?;
    let mut table = Table::new(&["browser", "what", "n", "ms p50", "ms min", "MB/s p50", "MB/s best"]);
    let mut verdicts = Vec::new();
    for product in ["Chromium", "chrome-headless-shell", "Firefox"] {
        let measured = match page(&session, product).await {
            Ok(page) => measure(models, &page).await,
            Err(error) => Err(error),
        };
        let Ok(measured) = measured.inspect_err(|error| println!("\n{product} FAILED: {error}")) else { continue };
        let rows = [
            ("tensor echoed over the link", &measured.echo),
            ("base64 echoed by execute/async", &measured.webdriver),
            ("part of a model file, fetched by the page", &measured.fetch),
        ];
        for (name, sample) in rows {
            let rate = |ms: f64| number(rate(ms));
            table.row([
                product.to_owned(),
                name.to_owned(),
                sample.0.len().to_string(),
                number(sample.p50()),
                number(sample.min()),
                rate(sample.p50()),
                rate(sample.min()),
            ]);
        }
        let found = rate(measured.echo.p50());
        let text = format!(
            "{} MB/s, {} times WebDriver",
            number(found),
            number(measured.webdriver.p50() / measured.echo.p50())
        );
        verdicts.push(Verdict::new(format!("16 MiB echoed, {product}"), "≥ 500 MB/s", text, found >= WANTED));
    }
    session.close().await;
    table.print("16 MiB; MB/s count them once, although an echo carries them both ways");
    Ok(verdicts)
}

/// Megabytes a second.
fn rate(ms: f64) -> f64 {
    SIZE as f64 / 1e3 / ms
}

#[derive(Default)]
struct Measured {
    echo: Sample,
    webdriver: Sample,
    fetch: Sample,
}

async fn measure(models: &Models, page: &Page) -> Result<Measured, Failure> {
    let bytes = Bytes::from((0..SIZE).map(|index| ((index * 31) >> 3) as u8).collect::<Vec<_>>());
    // 16 MiB as base64: as many characters. Coding them is not counted.
    let text = "A".repeat(SIZE.div_ceil(3) * 4);
    let url = format!("{}{WEIGHTS}", models.base_url);
    let mut measured = Measured::default();
    for turn in 0..=TURNS {
        let tensor = Tensor::new("x", DType::UInt8, vec![SIZE], bytes.clone())?;
        let message = Message { kind: "echo".to_owned(), tensors: vec![tensor], ..Message::default() };
        let start = Instant::now();
        let answer = page.request(message, asking()).await?;
        let echo = start.elapsed();
        if answer.tensors.first().map(|tensor| &tensor.bytes) != Some(&bytes) {
            return Err("the echo differs from what was sent".into());
        }
        let fetched = page.webdriver_script(FETCH, vec![json!(url), json!(SIZE - 1)]).await?;
        let Some(fetch) = fetched["ms"].as_f64() else {
            return Err(format!("the page fetched nothing: {fetched}").into());
        };
        // The first turn warms up.
        if turn == 0 {
            continue;
        }
        measured.echo.0.push(echo.as_secs_f64() * 1000.0);
        measured.fetch.0.push(fetch);
        if turn <= WEBDRIVER_TURNS {
            let start = Instant::now();
            page.webdriver_script(ECHO, vec![json!(text)]).await?;
            measured.webdriver.0.push(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(measured)
}
