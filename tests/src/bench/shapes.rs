//! What fixed shapes give WebNN, and what threads give wasm.

use pelago_browser::pool::Page;
use pelago_protocol::{EmbedResult, ExecutionOptions, Platform};
use pelago_session::Session;
use pelago_tests::SENTENCE;

use crate::Failure;
use crate::models::{Models, embed, page};
use crate::stats::{HEAD, Sample, ratio};
use crate::table::{Table, number};
use crate::verdict::Verdict;

const WEBNN_TURNS: usize = 100;
const BATCHES_A_BLOCK: usize = 6;
/// One thread and all of them, twice: another number of threads needs another runtime.
const BLOCKS: usize = 2;
/// A batch of 16 texts of 100 tokens, the two special ones among them.
const ROWS: usize = 16;
const WORDS: usize = 98;

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let mut verdicts = Vec::new();
    let session = Session::open(models.options()).await?;
    let webnn = match page(&session, "chrome-headless-shell").await {
        Ok(page) => fixed_shapes(models, &page).await,
        Err(error) => Err(error),
    };
    match webnn {
        Ok(found) => verdicts.push(found),
        Err(error) => println!("\nWebNN FAILED: {error}"),
    }
    let wasm = match page(&session, "Chromium").await {
        Ok(page) => threads(models, &page).await,
        Err(error) => Err(error),
    };
    match wasm {
        Ok(found) => verdicts.push(found),
        Err(error) => println!("\nwasm FAILED: {error}"),
    }
    session.close().await;
    Ok(verdicts)
}

fn nodes(result: &EmbedResult) -> String {
    let placement = &result.load.session.placement;
    format!("{}/{}", placement.nodes_on_provider, placement.nodes_total)
}

async fn fixed_shapes(models: &Models, page: &Page) -> Result<Verdict, Failure> {
    let texts = [SENTENCE.to_owned()];
    let fixed = ExecutionOptions { fixed_shapes: true, ..ExecutionOptions::default() };
    // Without fixed shapes WebNN takes few nodes or none; the rest must be allowed to run on wasm.
    let free = ExecutionOptions { allow_fallback: true, fixed_shapes: false, ..ExecutionOptions::default() };
    let message = |options| models.embed(Platform::WebNn, options, &texts);
    let warm_fixed = embed(page, message(&fixed)?).await?;
    let warm_free = embed(page, message(&free)?).await?;
    let (mut with, mut without) = (Sample::default(), Sample::default());
    for _ in 0..WEBNN_TURNS {
        with.0.push(embed(page, message(&fixed)?).await?.processing_ms);
        without.0.push(embed(page, message(&free)?).await?.processing_ms);
    }
    let mut head = vec!["WebNN, one sentence", "nodes on WebNN"];
    head.extend(HEAD);
    let mut table = Table::new(&head);
    for (name, warm, sample) in [("fixed shapes", &warm_fixed, &with), ("free shapes", &warm_free, &without)] {
        table.row([name.to_owned(), nodes(warm)].into_iter().chain(sample.cells()));
    }
    table.print("WebNN in the headless shell, ms in the page, turn by turn");
    let (found, [low, high]) = ratio(&with, &without);
    let text = format!("{} ({}…{})", number(found), number(low), number(high));
    Ok(Verdict::new("WebNN with fixed shapes / without", "< 1.0", text, high < 1.0))
}

async fn threads(models: &Models, page: &Page) -> Result<Verdict, Failure> {
    let texts = vec![vec!["fox"; WORDS].join(" "); ROWS];
    let (mut one, mut all) = (Sample::default(), Sample::default());
    let (mut used, mut shape) = (0, [0, 0]);
    for _ in 0..BLOCKS {
        for (asked, sample) in [(Some(1), &mut one), (None, &mut all)] {
            let options = ExecutionOptions { threads: asked, fixed_shapes: true, ..ExecutionOptions::default() };
            let message = || models.embed(Platform::Wasm, &options, &texts);
            let first = embed(page, message()?).await?;
            (used, shape) = (first.load.session.threads, first.padded_shape);
            for _ in 0..BATCHES_A_BLOCK {
                sample.0.push(embed(page, message()?).await?.processing_ms);
            }
        }
    }
    let mut head = vec!["wasm threads"];
    head.extend(HEAD);
    let mut table = Table::new(&head);
    table.row(["1".to_owned()].into_iter().chain(one.cells()));
    table.row([used.to_string()].into_iter().chain(all.cells()));
    table.print(&format!("A batch of {shape:?} tokens on Chromium wasm, ms in the page"));
    let cores = std::thread::available_parallelism()?.get();
    let gain = one.p50() / all.p50();
    let text = format!("{used} threads, {} times as fast as one", number(gain));
    Ok(Verdict::new(
        "wasm uses every core",
        format!("{cores} threads, faster than one"),
        text,
        used as usize == cores && gain > 1.0,
    ))
}
