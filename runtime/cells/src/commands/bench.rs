//! `bench`: measures a model on every combination of browser, platform and precision.

use std::path::Path;

use async_trait::async_trait;
use clap::Args;
use pelago_protocol::chart::Chart;
use pelago_protocol::{BrowserKind, Input, Platform, Precision, SweepOutcome, SweepRequest, SweepRow, model_from};
use pelago_render::{Shown, Table, briefs};
use pelago_results::Results;
use pelago_session::SessionError;

use super::{Command, CommandError, Context, Kept, Outcome, Shell, Values, values};

/// What is to be measured.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// A model's name, its CID, or the path of its folder, which is added first
    model: String,
    /// Texts, one a row of the batch [default: a set made for the model's family]
    input: Vec<String>,
    /// The fp32 graph in the model's folder, where it has several, e.g. onnx/encoder_model.onnx
    #[arg(long, value_name = "PATH")]
    graph: Option<String>,
    /// A browser; may be repeated [default: all of this machine]
    #[arg(long, value_name = "BROWSER", value_parser = values::browser(), value_delimiter = ',')]
    browser: Vec<BrowserKind>,
    /// A platform; may be repeated [default: all that a browser has]
    #[arg(long, value_name = "PLATFORM", value_parser = values::platform(), value_delimiter = ',')]
    platform: Vec<Platform>,
    /// Bits a weight; may be repeated
    #[arg(long, value_name = "BITS", value_parser = values::precision(), value_delimiter = ',', default_value = "32")]
    precision: Vec<Precision>,
    /// Measure each precision below 32 with critical layers at a higher one, too
    #[arg(long)]
    mixed: bool,
    /// Measured runs of each combination
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = values::whole::<u32>(1..=100_000))]
    repeat: u32,
    /// Runs of each that are not counted, beside its first
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = values::whole::<u32>(0..=1000))]
    warm_up: u32,
    /// Tokens that a model which makes text makes in each run [default: 32]
    #[arg(long, value_name = "N", value_parser = values::whole::<u32>(1..=1_000_000))]
    max_new_tokens: Option<u32>,
}

impl Arguments {
    /// What the session is asked. A path is relative to `folder`.
    fn request(self, folder: &Path) -> SweepRequest {
        let Arguments { model, input, graph, browser, platform, precision, mixed, repeat, warm_up, max_new_tokens } =
            self;
        SweepRequest {
            model: model_from(folder, model),
            graph,
            input: (!input.is_empty()).then_some(Input::Texts(input)),
            // `auto` is all of them, as nothing is.
            browsers: if browser.contains(&BrowserKind::Auto) { Vec::new() } else { browser },
            platforms: if platform.contains(&Platform::Auto) { Vec::new() } else { platform },
            precisions: precision,
            mixed: if mixed { vec![false, true] } else { vec![false] },
            repeat,
            warm_up,
            max_new_tokens,
        }
    }
}

/// The command.
pub(super) struct Bench;

#[async_trait]
impl Command for Bench {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "bench"
    }

    fn summary(&self) -> &'static str {
        "Measure a model on every combination of browser, platform and precision: latency, memory, and distance from fp32"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            ":bench all-MiniLM-L6-v2",
            ":bench all-MiniLM-L6-v2 --platform wasm,webgpu --precision 4,8,16,32 --mixed --repeat 10",
        ]
    }

    fn values(&self, argument: &str) -> Values {
        match argument {
            "model" => Values::Models,
            "browser" => Values::Browsers,
            _ => Values::Declared,
        }
    }

    fn shell(&self) -> Shell {
        Shell::subcommand("Print a JSON object a combination")
    }

    fn ends_itself(&self) -> bool {
        true
    }

    fn kept(&self, _: &Arguments) -> Kept {
        Kept::Runs
    }

    /// Bad where not one combination could be measured.
    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let session = context.cancel.run_until_cancelled(context.work.session()).await;
        let Some(session) = session else { return Err(CommandError::Interrupted { kept: Kept::Nothing }) };
        let sweep =
            session?.sweep(&arguments.request(context.folder), Some(context.observer()), context.cancel).await?;
        let rows = sweep.rows;
        let any = rows.iter().any(|row| row.outcome == SweepOutcome::Measured);
        if sweep.is_complete || !rows.is_empty() {
            let objects =
                || Ok(rows.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(SessionError::from)?);
            context.give(|| shown(&rows), objects).await?;
        }
        if sweep.is_complete {
            return Ok(Outcome::good_if(any));
        }
        Err(CommandError::Interrupted { kept: if any { Kept::Runs } else { Kept::Nothing } })
    }
}

fn shown(rows: &[SweepRow]) -> Result<Vec<Shown>, CommandError> {
    let frame = Results::sweep_frame(rows)?;
    let table = Table::of(&frame).with_brief(briefs::sweep(rows, &frame)?);
    Ok(vec![Shown::Table(table), Shown::Chart(Box::new(Chart::accuracy(rows)))])
}
