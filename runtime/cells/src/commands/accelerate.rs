//! `:accelerate`: runs a model in a browser.

use std::path::Path;

use async_trait::async_trait;
use clap::{ArgMatches, Args};
use pelago_protocol::{BrowserKind, Input, OnLong, Platform, PrecisionChoice, Request, Voice};

use super::command::taken;
use super::{Command, CommandError, Context, Values, values};
use crate::interpreter::Event;
use pelago_protocol::Run;
use pelago_render::{Shown, Table};
use pelago_results::Results;
use pelago_session::{RunError, SessionError};

/// What is to be run, where and how.
#[derive(Clone, Debug, Args)]
pub struct AccelerateArguments {
    /// A model's name, its CID, or the path of its folder, which is added first
    pub model: String,
    /// Texts, one a row of the batch
    #[arg(required = true)]
    pub input: Vec<String>,
    /// Where in the page the model runs
    #[arg(long, default_value = "auto", value_parser = values::platform())]
    pub platform: Platform,
    /// Which browser runs it
    #[arg(long, default_value = "auto", value_parser = values::browser())]
    pub browser: BrowserKind,
    /// Bits a weight; below 32 what the model's folder publishes, or what is made of its fp32 once. `auto` is the highest that fits the adapter and the memory
    #[arg(long, value_name = "BITS", default_value = "32", value_parser = values::precision_choice())]
    pub precision: PrecisionChoice,
    /// Keep embeddings, the first and last block and heads at a higher precision
    #[arg(long)]
    pub mixed_precision: bool,
    /// How the precision is made, in place of these two: a recipe's JSON (docs/precision.md), or a file that holds it
    #[arg(long, value_name = "RECIPE", conflicts_with_all = ["precision", "mixed_precision"])]
    pub recipe: Option<String>,
    /// What the model may take where the precision is `auto`, e.g. 500M [default: what is free]
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    pub memory_limit: Option<u64>,
    /// The ONNX file in the model's folder that runs, or `checkpoint` for the graph that is built of its weights [default: what is built, else what is published]
    #[arg(long, value_name = "PATH")]
    pub graph: Option<String>,
    /// The prompt that is put before each text, by its name in the model's config_sentence_transformers.json; "" for none [default: the model's own default]
    #[arg(long, value_name = "NAME")]
    pub prompt: Option<String>,
    /// Dimensions that are kept of each vector, from the first; they are not scaled anew
    #[arg(long, value_name = "N")]
    pub truncate_dim: Option<usize>,
    /// What happens to a text with more tokens than the model takes
    #[arg(long, default_value = "truncate", value_parser = values::on_long())]
    pub on_long: OnLong,
    /// Firefox's compute shader settings for audio models (refused for other models)
    #[arg(long)]
    pub use_firefox_optimizations: bool,
    /// Make a software adapter an error
    #[arg(long)]
    pub require_real_hardware: bool,
    /// Let nodes, or the whole graph, run elsewhere than asked; the report says which did
    #[arg(long)]
    pub allow_fallback: bool,
    /// Run this many times in the same session; then a table of all runs follows
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: u32,
    /// Run on every browser and platform of this machine and compare each with wasm
    #[arg(long, conflicts_with_all = ["platform", "browser", "allow_fallback", "require_real_hardware"])]
    pub every_route: bool,
}

impl AccelerateArguments {
    /// The run that is asked for, of which there may be several. A file's path is relative to `folder`.
    ///
    /// # Errors
    /// [`RunError::Recipe`] where the file of a recipe cannot be read.
    pub fn request(&self, folder: &Path) -> Result<Request, SessionError> {
        let recipe = match &self.recipe {
            Some(json) if json.trim_start().starts_with('{') => Some(json.clone()),
            Some(file) => {
                let path = folder.join(file);
                let read = std::fs::read_to_string(&path);
                Some(read.map_err(|source| RunError::Recipe { action: "read", path, source })?)
            }
            None => None,
        };
        Ok(Request {
            model: self.model.clone(),
            input: Input::Texts(self.input.clone()),
            graph: self.graph.clone(),
            platform: self.platform,
            browser: self.browser,
            precision: self.precision,
            mixed_precision: self.mixed_precision,
            recipe,
            memory_limit: self.memory_limit,
            prompt: self.prompt.clone(),
            truncate_dim: self.truncate_dim,
            on_long: self.on_long,
            use_firefox_optimizations: self.use_firefox_optimizations,
            require_real_hardware: self.require_real_hardware,
            allow_fallback: self.allow_fallback,
        })
    }
}

/// The command.
pub(super) struct Accelerate;

#[async_trait]
impl Command for Accelerate {
    fn name(&self) -> &'static str {
        "accelerate"
    }

    fn summary(&self) -> &'static str {
        "Run a model in a browser: its output, and a report of where it ran and how long each part took"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            r#":accelerate all-MiniLM-L6-v2 "The quick brown fox" --platform webgpu --browser firefox"#,
            ":accelerate all-MiniLM-L6-v2 one two three --repeat 10",
            r#":accelerate all-MiniLM-L6-v2 "The quick brown fox" --every-route"#,
            r#":accelerate all-MiniLM-L6-v2 "The quick brown fox" --precision auto --memory-limit 50M"#,
        ]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        AccelerateArguments::augment_args(command)
    }

    fn values(&self, argument: &str) -> Values {
        match argument {
            "model" => Values::Models,
            "browser" => Values::Browsers,
            _ => Values::Declared,
        }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let arguments: AccelerateArguments = taken(self, arguments)?;
        let (request, repeat) = (arguments.request(context.folder)?, arguments.repeat);
        let runs = if arguments.every_route {
            every_route(context, &request, repeat).await?
        } else {
            let mut runs = Vec::new();
            for _ in 0..repeat {
                runs.push(context.session.accelerate(&request, Some(context.observer())).await?);
            }
            runs
        };
        shown(runs)
    }
}

/// A route that fails is told on stderr; where all do, the first one's error is the command's.
async fn every_route(context: &Context<'_>, request: &Request, repeat: u32) -> Result<Vec<Run>, CommandError> {
    let mut runs = Vec::new();
    let mut failed: Option<RunError> = None;
    for _ in 0..repeat {
        for attempt in context.session.accelerate_every_route(request, Some(context.observer())).await? {
            match attempt.outcome {
                Ok(run) => runs.push(run),
                Err(error) => {
                    let route = attempt.route;
                    let text = format!(
                        "{} on {}: {error}\n  → {}\n",
                        route.platform,
                        route.installation,
                        error.advice().words(Voice::Command)
                    );
                    // A front end that is gone needs no output.
                    let _ = context.events.send(Event::Stderr(text)).await;
                    failed.get_or_insert(error);
                }
            }
        }
    }
    match failed {
        Some(error) if runs.is_empty() => Err(SessionError::from(error).into()),
        _ => Ok(runs),
    }
}

/// The first run whole, and of several a table.
fn shown(runs: Vec<Run>) -> Result<Vec<Shown>, CommandError> {
    let reports = runs.iter().map(|run| run.report.clone()).collect::<Vec<_>>();
    let mut shown = runs.into_iter().take(1).map(|run| Shown::Run(Box::new(run))).collect::<Vec<_>>();
    if reports.len() > 1 {
        shown.push(Shown::Table(Table::of(&Results::frame(&reports)?)));
    }
    Ok(shown)
}
