//! Warm latency in the page beside transformers.js alone: the same sentence, the
//! same page and runtime, turn by turn.

use std::time::Instant;

use pelago_browser::link::Message;
use pelago_browser::pool::Page;
use pelago_protocol::{ExecutionOptions, Platform};
use pelago_session::Session;
use pelago_tests::SENTENCE;
use serde::Deserialize;
use serde_json::json;

use crate::Failure;
use crate::models::{Models, NAME, asking, embed, page};
use crate::stats::{Sample, ratio};
use crate::table::{Table, number};
use crate::verdict::Verdict;

/// A route, and how many turns it is given: software WebGPU takes a second a turn.
const ROUTES: &[(&str, Platform, usize)] = &[
    ("Chromium", Platform::Wasm, 200),
    ("Firefox", Platform::Wasm, 200),
    ("Firefox", Platform::WebGpu, 12),
    ("Chromium", Platform::WebGpu, 6),
];

/// The answer to `baseline`, in milliseconds turn by turn.
#[derive(Debug, Deserialize)]
struct Turns {
    pelago_ms: Vec<f64>,
    transformers_ms: Vec<f64>,
    max_abs_difference: f64,
}

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let mut table = Table::new(&[
        "route",
        "n",
        "Pelago p50",
        "p90",
        "min",
        "transformers.js p50",
        "p90",
        "min",
        "ratio of p50",
        "95 %",
        "difference",
    ]);
    let mut verdicts = Vec::new();
    for (product, platform, turns) in ROUTES {
        let route = format!("{product} {platform}");
        let measured = measure(models, product, *platform, *turns).await;
        let Ok(measured) = measured.inspect_err(|error| println!("\n{route} FAILED: {error}")) else { continue };
        let (ours, theirs) = (Sample(measured.pelago_ms), Sample(measured.transformers_ms));
        let (found, [low, high]) = ratio(&ours, &theirs);
        let interval = format!("{}…{}", number(low), number(high));
        let three = |sample: &Sample| [sample.p50(), sample.quantile(0.9), sample.min()].map(number);
        let mut cells = vec![route.clone(), ours.0.len().to_string()];
        cells.extend(three(&ours));
        cells.extend(three(&theirs));
        cells.extend([number(found), interval.clone(), format!("{:.1e}", measured.max_abs_difference)]);
        table.row(cells);
        // Worse only where the whole interval says so.
        let text = format!("{} ({interval})", number(found));
        verdicts.push(Verdict::new(
            format!("latency to transformers.js, {route}"),
            "≤ 1.0 in the interval",
            text,
            low <= 1.0,
        ));
    }
    table.print("Warm embedding of one sentence in the page, ms, turn by turn");
    Ok(verdicts)
}

async fn measure(models: &Models, product: &str, platform: Platform, turns: usize) -> Result<Turns, Failure> {
    // A session each: what one route leaves in a page does not weigh on the next.
    let session = Session::open(models.options()).await?;
    let measured = match page(&session, product).await {
        Ok(page) => ask(models, &page, platform, turns).await,
        Err(error) => Err(error),
    };
    session.close().await;
    measured
}

async fn ask(models: &Models, page: &Page, platform: Platform, turns: usize) -> Result<Turns, Failure> {
    let options = ExecutionOptions { fixed_shapes: true, ..ExecutionOptions::default() };
    let sentence = [SENTENCE.to_owned()];
    let (embed_data, tensors) = models.embed_data(&sentence)?;
    let message = Message {
        kind: "baseline".to_owned(),
        model_name: Some(NAME.to_owned()),
        platform: Some(platform),
        data: json!({
            "embed": embed_data, "text": SENTENCE, "normalize": true, "repeat": turns,
            "transformers_model_url": models.transformers_url,
        }),
        options: serde_json::to_value(&options)?,
        tensors,
    };
    // Starts the runtime: transformers.js would else start it at the same time.
    let ours = models.embed(platform, &options, &sentence)?;
    embed(page, ours).await?;
    let mut turns: Turns = page.ask("baseline", message, asking()).await?.0;
    // transformers.js tokenizes and scales in the page; here the host does, and its time counts as well.
    for milliseconds in &mut turns.pelago_ms {
        let began = Instant::now();
        models.around(&sentence)?;
        *milliseconds += began.elapsed().as_secs_f64() * 1000.0;
    }
    Ok(turns)
}
