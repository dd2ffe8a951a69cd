//! `:bench`, and `pelago bench` likewise: measures a model on every combination
//! of browser, platform and precision.

use async_trait::async_trait;
use clap::{ArgMatches, Args};
use pelago_protocol::chart::Chart;
use pelago_protocol::{BrowserKind, Input, Platform, Precision, SweepRequest};

use super::command::taken;
use super::{Command, CommandError, Context, Values, values};
use pelago_render::{Shown, Table};
use pelago_results::Results;

/// What is to be measured.
#[derive(Clone, Debug, Args)]
pub struct BenchArguments {
    /// A model's name, its CID, or the path of its folder, which is added first
    pub model: String,
    /// Texts, one a row of the batch [default: a set made for the model's family]
    pub input: Vec<String>,
    /// The fp32 graph in the model's folder, where it has several, e.g. onnx/encoder_model.onnx
    #[arg(long, value_name = "PATH")]
    pub graph: Option<String>,
    /// A browser; may be repeated [default: all of this machine]
    #[arg(long, value_name = "BROWSER", value_parser = values::browser(), value_delimiter = ',')]
    pub browser: Vec<BrowserKind>,
    /// A platform; may be repeated [default: all that a browser has]
    #[arg(long, value_name = "PLATFORM", value_parser = values::platform(), value_delimiter = ',')]
    pub platform: Vec<Platform>,
    /// Bits a weight; may be repeated
    #[arg(long, value_name = "BITS", value_parser = values::precision(), value_delimiter = ',', default_value = "32")]
    pub precision: Vec<Precision>,
    /// Measure each precision below 32 with critical layers at a higher one, too
    #[arg(long)]
    pub mixed: bool,
    /// Measured runs of each combination
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: u32,
    /// Runs of each that are not counted, beside its first
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub warm_up: u32,
}

impl From<BenchArguments> for SweepRequest {
    fn from(arguments: BenchArguments) -> Self {
        let BenchArguments { model, input, graph, browser, platform, precision, mixed, repeat, warm_up } = arguments;
        Self {
            model,
            graph,
            input: (!input.is_empty()).then_some(Input::Texts(input)),
            // `auto` is all of them, as nothing is.
            browsers: if browser.contains(&BrowserKind::Auto) { Vec::new() } else { browser },
            platforms: if platform.contains(&Platform::Auto) { Vec::new() } else { platform },
            precisions: precision,
            mixed: if mixed { vec![false, true] } else { vec![false] },
            repeat,
            warm_up,
        }
    }
}

/// The command.
pub(super) struct Bench;

#[async_trait]
impl Command for Bench {
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

    fn arguments(&self, command: clap::Command) -> clap::Command {
        BenchArguments::augment_args(command)
    }

    fn values(&self, argument: &str) -> Values {
        match argument {
            "model" => Values::Models,
            "browser" => Values::Browsers,
            _ => Values::Declared,
        }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let arguments: BenchArguments = taken(self, arguments)?;
        let sweep = context.session.sweep(&arguments.into(), Some(context.observer())).await?;
        Ok(vec![
            Shown::Table(Table::of(&Results::sweep_frame(&sweep.rows)?)),
            Shown::Chart(Box::new(Chart::accuracy(&sweep.rows))),
        ])
    }
}
