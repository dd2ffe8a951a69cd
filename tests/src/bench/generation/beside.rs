//! A token beside transformers.js in one page, by the tokens before it.

use std::time::Duration;

use pelago_browser::link::RequestOptions;
use pelago_browser::pool::Page;
use pelago_protocol::Platform;
use pelago_session::Session;
use serde::Deserialize;
use serde_json::json;

use super::decoder::{Ask, Decoder, prompt};
use super::toy::VOCABULARY;
use crate::Failure;
use crate::models::{Models, page};
use crate::stats::{Sample, ratio};
use crate::table::{Table, number};
use crate::verdict::Verdict;

/// A route, the tokens of an answer, and the turns with the shorter and the longer prompt: a GPU of software takes a
/// tenth of a second and more for a token.
const ROUTES: &[(&str, Platform, u32, [usize; 2])] = &[
    ("Chromium", Platform::Wasm, 32, [20, 8]),
    ("Firefox", Platform::Wasm, 32, [20, 8]),
    ("Firefox", Platform::WebGpu, 8, [8, 6]),
    ("Chromium", Platform::WebGpu, 8, [6, 2]),
];
/// Tokens of the prompts.
const CONTEXTS: [usize; 2] = [100, 2000];
/// How long all turns of a route may take with one prompt. A GPU of software takes most of it for the longer one.
const DEADLINE: Duration = Duration::from_secs(1200);

/// The answer to `baseline_generation`.
#[derive(Debug, Deserialize)]
struct Measured {
    ways: Vec<Way>,
}

/// Milliseconds of one way, turn by turn.
#[derive(Debug, Deserialize)]
pub(super) struct Way {
    way: String,
    first_ms: Vec<f64>,
    token_ms: Vec<f64>,
    pub(super) ids: Vec<u32>,
    captured: bool,
}

impl Way {
    pub(super) fn token(&self) -> Sample {
        Sample(self.token_ms.clone())
    }

    pub(super) fn first(&self) -> Sample {
        Sample(self.first_ms.clone())
    }

    /// What tables call it.
    pub(super) fn label(&self) -> &'static str {
        match (self.way.as_str(), self.captured) {
            ("transformers", _) => "transformers.js",
            ("captured", true) => "Pelago, captured",
            ("captured", false) => "Pelago, NOT captured",
            _ => "Pelago",
        }
    }
}

/// Table of what each way took.
pub(super) struct Ways(Table);

impl Ways {
    pub(super) fn new() -> Self {
        Self(Table::new(&[
            "route",
            "context",
            "way",
            "n",
            "first token p50",
            "ratio",
            "95 %",
            "a token p50",
            "min",
            "ratio",
            "95 %",
            "same tokens",
        ]))
    }

    /// The rows of one measurement, and its verdicts where there are turns enough for them. The last way is the one that
    /// the others are compared with.
    pub(super) fn add(&mut self, route: &str, context: usize, ways: &[Way]) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let Some((theirs, ours)) = ways.split_last() else { return verdicts };
        for way in ways {
            let dash = || "–".to_owned();
            let compared = !std::ptr::eq(way, theirs);
            let [first, token] = [Way::first, Way::token].map(|of| ratio(&of(way), &of(theirs)));
            let interval = |[low, high]: [f64; 2]| match low.is_nan() {
                // Too few turns for one.
                true => dash(),
                false => format!("{}…{}", number(low), number(high)),
            };
            let cells = |(found, bounds)| if compared { [number(found), interval(bounds)] } else { [dash(), dash()] };
            let same = way.ids.iter().zip(&theirs.ids).take_while(|(a, b)| a == b).count();
            let mut row = vec![
                route.to_owned(),
                context.to_string(),
                way.label().to_owned(),
                way.token_ms.len().to_string(),
                number(way.first().p50()),
            ];
            row.extend(cells(first));
            row.extend([number(way.token().p50()), number(way.token().min())]);
            row.extend(cells(token));
            row.push(if compared { format!("{same}/{}", theirs.ids.len()) } else { dash() });
            self.0.row(row);
        }
        // The first is the way that users get.
        let Some(usual) = ours.first() else { return verdicts };
        for (what, of) in [("first token", Way::first as fn(&Way) -> Sample), ("a token", Way::token)] {
            let (found, bounds @ [low, _]) = ratio(&of(usual), &of(theirs));
            if low.is_nan() {
                continue;
            }
            let text = format!("{} ({}…{})", number(found), number(bounds[0]), number(bounds[1]));
            let target = format!("{what} to transformers.js, {route}, {context} tokens before it");
            verdicts.push(Verdict::new(target, "≤ 1.0 in the interval", text, low <= 1.0));
        }
        verdicts
    }

    pub(super) fn print(&self, caption: &str) {
        self.0.print(caption);
    }
}

pub(super) async fn run(models: &Models, toy: &Decoder) -> Result<Vec<Verdict>, Failure> {
    let mut table = Ways::new();
    let mut growth = Table::new(&["route", "way", "after 100", "after 2000", "2000 / 100", "added by 1000 tokens"]);
    let mut verdicts = Vec::new();
    for (product, platform, tokens, turns) in ROUTES {
        let route = format!("{product} {platform}");
        let mut measured = Vec::new();
        // A session each: what one route leaves in a page does not weigh on the next.
        let session = Session::open(models.options()).await?;
        for (context, turns) in CONTEXTS.into_iter().zip(*turns) {
            let prompt = prompt(context, VOCABULARY);
            let ask = Ask { platform: *platform, prompt: &prompt, tokens: *tokens, streams: false };
            let found = match page(&session, product).await {
                Ok(page) => ways(toy, &page, &ask, turns).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(ways) => {
                    verdicts.extend(table.add(&route, context, &ways));
                    measured.push(ways);
                }
                Err(error) => println!("\n{route} FAILED after {context} tokens: {error}"),
            }
        }
        session.close().await;
        if let [short, long] = &*measured {
            for (short, long) in short.iter().zip(long) {
                let [few, many] = [short, long].map(|way| way.token().p50());
                let added = (many - few) / (CONTEXTS[1] - CONTEXTS[0]) as f64 * 1000.0;
                let cells = [few, many, many / few, added].map(number);
                growth.row([route.clone(), long.label().to_owned()].into_iter().chain(cells));
            }
        }
        let same =
            measured.iter().all(|ways| ways.iter().all(|way| ways.last().is_some_and(|last| way.ids == last.ids)));
        let found = if same { "the same" } else { "others" };
        verdicts.push(Verdict::new(format!("tokens of transformers.js, {route}"), "the same", found, same));
    }
    table.print("Eight layers of 128 numbers, fp32, in the page, ms, turn by turn; ratios to transformers.js");
    growth.print("A token by the tokens before it, ms at the median");
    Ok(verdicts)
}

/// All ways on one prompt, turn by turn.
pub(super) async fn ways(model: &Decoder, page: &Page, ask: &Ask<'_>, turns: usize) -> Result<Vec<Way>, Failure> {
    // Starts the runtime: transformers.js would else start it at the same time.
    model.generate(page, &Ask { tokens: 1, ..*ask }).await?;
    let ways: &[&str] = match ask.platform {
        Platform::WebGpu => &["captured", "plain", "transformers"],
        _ => &["plain", "transformers"],
    };
    let data = json!({
        "generate": model.data(ask)?, "ways": ways, "repeat": turns,
        "transformers_model_url": model.transformers_url,
    });
    let message = model.message(ask, "baseline_generation", data)?;
    let measured: Measured = page.ask("baseline_generation", message, RequestOptions::within(DEADLINE)).await?.0;
    Ok(measured.ways)
}
