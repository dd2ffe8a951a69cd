//! What it costs to get each token as it comes, beside one answer at the end.

use std::time::{Duration, Instant};

use pelago_browser::link::RequestOptions;
use pelago_browser::pool::Page;
use pelago_protocol::{GenerateResult, PARTS_AHEAD, Platform};
use pelago_session::Session;
use tokio::sync::mpsc;

use super::decoder::{Ask, Decoder, prompt};
use super::toy::VOCABULARY;
use crate::Failure;
use crate::models::{DEADLINE, Models, page};
use crate::stats::{HEAD, Sample, ratio};
use crate::table::Table;
use crate::verdict::Verdict;

/// A route, the tokens of an answer, and the turns.
const ROUTES: &[(&str, Platform, u32, usize)] = &[
    ("Chromium", Platform::Wasm, 200, 12),
    ("Firefox", Platform::Wasm, 200, 12),
    ("Firefox", Platform::WebGpu, 16, 6),
    ("Chromium", Platform::WebGpu, 16, 6),
];
const CONTEXT: usize = 16;
/// What an answer in parts may take beside one at the end.
const WANTED: f64 = 1.05;

pub(super) async fn run(models: &Models, toy: &Decoder) -> Result<Vec<Verdict>, Failure> {
    let mut table = table();
    let mut verdicts = Vec::new();
    let prompt = prompt(CONTEXT, VOCABULARY);
    for (product, platform, tokens, turns) in ROUTES {
        let route = format!("{product} {platform}");
        let session = Session::open(models.options()).await?;
        let ask = Ask { platform: *platform, prompt: &prompt, tokens: *tokens, streams: false };
        let measured = match page(&session, product).await {
            Ok(page) => measure(toy, &page, &ask, *turns).await,
            Err(error) => Err(error),
        };
        session.close().await;
        let Ok(measured) = measured.inspect_err(|error| println!("\n{route} FAILED: {error}")) else { continue };
        verdicts.push(add(&mut table, &route, *tokens, &measured));
    }
    table.print("Answers of the eight layers, from the request to all of it at the host, ms, turn by turn");
    Ok(verdicts)
}

pub(super) fn table() -> Table {
    let mut head = vec!["route", "tokens", "answer"];
    head.extend(HEAD);
    Table::new(&head)
}

/// The rows of one measurement, and its verdict.
pub(super) fn add(table: &mut Table, route: &str, tokens: u32, [parts, whole]: &[Sample; 2]) -> Verdict {
    for (name, sample) in [("in parts", parts), ("at the end", whole)] {
        table.row([route.to_owned(), tokens.to_string(), name.to_owned()].into_iter().chain(sample.cells()));
    }
    let (found, [low, high]) = ratio(parts, whole);
    let text = format!("{found:.3} ({low:.3}…{high:.3})");
    let target = format!("answer in parts to one at the end, {route}");
    Verdict::new(target, format!("≤ {WANTED}"), text, found <= WANTED)
}

/// Milliseconds of answers in parts, and of those at the end.
pub(super) async fn measure(model: &Decoder, page: &Page, ask: &Ask<'_>, turns: usize) -> Result<[Sample; 2], Failure> {
    let mut samples = [Sample::default(), Sample::default()];
    for turn in 0..=turns {
        for (sample, streams) in samples.iter_mut().zip([true, false]) {
            let ask = Ask { streams, ..*ask };
            let start = Instant::now();
            let answered =
                if streams { streamed(model, page, &ask).await?.1 } else { model.generate(page, &ask).await? };
            let took = start.elapsed();
            if answered.rows.iter().any(|row| row.ids.len() != ask.tokens as usize) {
                return Err("an answer is shorter than was asked for".into());
            }
            // The first turn warms up.
            if turn > 0 {
                sample.0.push(milliseconds(took));
            }
        }
    }
    Ok(samples)
}

/// An answer, and when its parts came.
async fn streamed(model: &Decoder, page: &Page, ask: &Ask<'_>) -> Result<(Vec<Instant>, GenerateResult), Failure> {
    let (sender, mut receiver) = mpsc::channel(PARTS_AHEAD as usize);
    let message = model.message(ask, "generate", serde_json::to_value(model.data(ask)?)?)?;
    let options = RequestOptions { parts: Some(sender), ..RequestOptions::within(DEADLINE) };
    let taking = async {
        let mut times = Vec::new();
        while receiver.recv().await.is_some() {
            times.push(Instant::now());
        }
        times
    };
    let (answer, times) = tokio::join!(page.ask("generate", message, options), taking);
    Ok((times, answer?.0))
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
