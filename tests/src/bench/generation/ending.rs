//! How soon a page is done with a request that is stopped, or cancelled, while it makes text.

use std::time::Instant;

use pelago_browser::link::{Message, RequestOptions};
use pelago_browser::pool::Page;
use pelago_protocol::{GenerateResult, PARTS_AHEAD, Platform};
use pelago_session::{CancellationToken, Session};
use serde_json::json;
use tokio::sync::mpsc;

use super::decoder::{Ask, Decoder, prompt, token_ms};
use super::streaming::milliseconds;
use super::toy::VOCABULARY;
use crate::Failure;
use crate::models::{DEADLINE, Models, asking, page};
use crate::stats::Sample;
use crate::table::{Table, number};
use crate::verdict::Verdict;

/// A route, and its turns.
const ROUTES: &[(&str, Platform, usize)] = &[
    ("Chromium", Platform::Wasm, 20),
    ("Firefox", Platform::Wasm, 20),
    ("Firefox", Platform::WebGpu, 6),
    ("Chromium", Platform::WebGpu, 6),
];
const CONTEXT: usize = 16;
/// More tokens than come before the end.
const TOKENS: u32 = 1000;
/// Parts that come before it.
const PARTS: usize = 4;

/// Milliseconds, turn by turn.
#[derive(Default)]
pub(super) struct Ends {
    /// Of a token.
    token: Sample,
    /// From `stop` to the answer.
    stop: Sample,
    /// From the cancellation to the answer to another request, which waits for the end of this one.
    cancel: Sample,
    /// Of that other request by itself.
    other: Sample,
}

pub(super) async fn run(models: &Models, toy: &Decoder) -> Result<Vec<Verdict>, Failure> {
    let mut table = table();
    let mut verdicts = Vec::new();
    let prompt = prompt(CONTEXT, VOCABULARY);
    for (product, platform, turns) in ROUTES {
        let route = format!("{product} {platform}");
        let session = Session::open(models.options()).await?;
        let measured = match page(&session, product).await {
            Ok(page) => measure(toy, &page, *platform, &prompt, *turns).await,
            Err(error) => Err(error),
        };
        session.close().await;
        let Ok(measured) = measured.inspect_err(|error| println!("\n{route} FAILED: {error}")) else { continue };
        verdicts.extend(add(&mut table, &route, &measured));
    }
    table.print("The end of a request of the eight layers, ms at the host");
    Ok(verdicts)
}

pub(super) fn table() -> Table {
    Table::new(&[
        "route",
        "n",
        "a token p50",
        "max",
        "stop to answer p50",
        "max",
        "cancel to the next answer p50",
        "max",
        "the next by itself p50",
    ])
}

/// The row of one measurement, and its verdicts.
pub(super) fn add(table: &mut Table, route: &str, ends: &Ends) -> [Verdict; 2] {
    let both = |sample: &Sample| [sample.p50(), sample.quantile(1.0)].map(number);
    let mut row = vec![route.to_owned(), ends.stop.0.len().to_string()];
    row.extend([&ends.token, &ends.stop, &ends.cancel].into_iter().flat_map(both));
    row.push(number(ends.other.p50()));
    table.row(row);
    // The way to the page and back is there without a token too.
    let most = ends.token.p50() + ends.other.p50();
    [("stop", &ends.stop), ("cancel", &ends.cancel)].map(|(name, sample)| {
        let found = sample.p50();
        let wanted = format!("≤ {} ms, a token and the way", number(most));
        Verdict::new(format!("{name} to its end, {route}"), wanted, format!("{} ms", number(found)), found <= most)
    })
}

pub(super) async fn measure(
    model: &Decoder,
    page: &Page,
    platform: Platform,
    prompt: &[u32],
    turns: usize,
) -> Result<Ends, Failure> {
    let ask = Ask { platform, prompt, tokens: TOKENS, streams: true };
    let mut ends = Ends::default();
    for turn in 0..=turns {
        let (stop, result) = stopped(model, page, &ask).await?;
        let cancel = cancelled(model, page, &ask).await?;
        let start = Instant::now();
        other(page).await?;
        let alone = milliseconds(start.elapsed());
        // The first turn warms up.
        if turn > 0 {
            ends.token.0.push(token_ms(&result));
            ends.stop.0.push(stop);
            ends.cancel.0.push(cancel);
            ends.other.0.push(alone);
        }
    }
    Ok(ends)
}

/// Milliseconds from `stop` to the answer, and that.
async fn stopped(model: &Decoder, page: &Page, ask: &Ask<'_>) -> Result<(f64, GenerateResult), Failure> {
    let stop = CancellationToken::new();
    let (sender, mut receiver) = mpsc::channel(PARTS_AHEAD as usize);
    let message = model.message(ask, "generate", serde_json::to_value(model.data(ask)?)?)?;
    let options = RequestOptions { parts: Some(sender), stop: Some(stop.clone()), ..RequestOptions::within(DEADLINE) };
    let telling = async {
        let mut told = Instant::now();
        let mut parts = 0;
        while receiver.recv().await.is_some() {
            parts += 1;
            if parts == PARTS {
                told = Instant::now();
                stop.cancel();
            }
        }
        told
    };
    let answering = async { (page.ask("generate", message, options).await, Instant::now()) };
    let ((answer, at), told) = tokio::join!(answering, telling);
    Ok((milliseconds(at.duration_since(told)), answer?.0))
}

/// Milliseconds from the cancellation to the answer to the next request.
async fn cancelled(model: &Decoder, page: &Page, ask: &Ask<'_>) -> Result<f64, Failure> {
    let (sender, mut receiver) = mpsc::channel(PARTS_AHEAD as usize);
    let message = model.message(ask, "generate", serde_json::to_value(model.data(ask)?)?)?;
    let options = RequestOptions { parts: Some(sender), ..RequestOptions::within(DEADLINE) };
    let counting = async {
        for _ in 0..PARTS {
            receiver.recv().await;
        }
    };
    let answering = page.request(message, options);
    // Leaving this drops the request, which cancels it.
    tokio::select! {
        answer = answering => return Err(format!("an answer before the cancellation: {answer:?}").into()),
        () = counting => {}
    }
    let start = Instant::now();
    other(page).await?;
    Ok(milliseconds(start.elapsed()))
}

/// A request that does nothing, which the page's Worker takes after what it is at.
async fn other(page: &Page) -> Result<(), Failure> {
    let data = json!({"graph": null, "keep": 1000});
    page.request(Message { kind: "dispose".to_owned(), data, ..Message::default() }, asking()).await?;
    Ok(())
}
