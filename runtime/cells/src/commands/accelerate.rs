//! `accelerate`: runs a model in a browser.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use clap::Args;
use pelago_protocol::{
    BrowserKind, OnLong, Part, Platform, PrecisionChoice, Report, Request, Run, Task, Voice, model_from,
};
use pelago_render::{Shown, Table, briefs};
use pelago_results::Results;
use pelago_session::{Attempt, RunError, SessionError, Streaming};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::asking::Asking;
use super::making::Making;
use super::{Command, CommandError, Context, Kept, Outcome, Shell, Values, values};

/// Pieces of text that wait to be shown.
const PIECES: usize = 64;

/// What is to be run, where and how.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// A model's name, its CID, or the path of its folder, which is added first
    model: String,
    /// Texts, one a row of the batch
    #[arg(required = true)]
    input: Vec<String>,
    /// Where in the page the model runs
    #[arg(long, default_value = "auto", value_parser = values::platform())]
    platform: Platform,
    /// Which browser runs it
    #[arg(long, default_value = "auto", value_parser = values::browser())]
    browser: BrowserKind,
    /// Bits a weight; below 32 what the model's folder publishes, or what is made of its fp32 once. `auto` is the highest that fits the adapter and the memory
    #[arg(long, value_name = "BITS", default_value = "32", value_parser = values::precision_choice())]
    precision: PrecisionChoice,
    /// Keep embeddings, the first and last block and heads at a higher precision
    #[arg(long)]
    mixed_precision: bool,
    /// How the precision is made, in place of these two: a recipe's JSON (docs/precision.md), or a file that holds it
    #[arg(long, value_name = "RECIPE", conflicts_with_all = ["precision", "mixed_precision"])]
    recipe: Option<String>,
    /// What the model may take where the precision is `auto`, e.g. 500M [default: what is free]
    #[arg(long, value_name = "BYTES", value_parser = values::bytes)]
    memory_limit: Option<NonZeroU64>,
    /// The ONNX file in the model's folder that runs, or `checkpoint` for the graph that is built of its weights [default: what is built, else what is published]
    #[arg(long, value_name = "PATH")]
    graph: Option<String>,
    /// The prompt that is put before each text, by its name in the model's config_sentence_transformers.json; "" for none [default: the model's own default]
    #[arg(long, value_name = "NAME")]
    prompt: Option<String>,
    /// Dimensions that are kept of each vector, from the first; they are not scaled anew
    #[arg(long, value_name = "N", value_parser = values::whole::<usize>(1..=u64::MAX))]
    truncate_dim: Option<usize>,
    /// What happens to a text with more tokens than the model takes
    #[arg(long, default_value = "truncate", value_parser = values::on_long())]
    on_long: OnLong,
    /// What is done with the model [default: what its configuration says]
    #[arg(long, value_name = "TASK", value_parser = values::task())]
    task: Option<Task>,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    making: Making,
    /// Firefox's compute shader settings for audio models (refused for other models)
    #[arg(long)]
    use_firefox_optimizations: bool,
    /// Make a software adapter an error
    #[arg(long)]
    require_real_hardware: bool,
    /// Let nodes, or the whole graph, run elsewhere than asked; the report says which did
    #[arg(long)]
    allow_fallback: bool,
    /// Run this many times in the same session; then a table of all runs follows
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::whole::<u32>(1..=100_000))]
    repeat: u32,
    /// Run on every browser and platform of this machine and compare each with wasm
    #[arg(long, conflicts_with_all = ["platform", "browser", "allow_fallback", "require_real_hardware"])]
    every_route: bool,
}

impl Arguments {
    /// The run that is asked for, of which there may be several. A file's path is relative to `folder`.
    fn request(&self, folder: &Path) -> Result<Request, SessionError> {
        let recipe = match &self.recipe {
            Some(given) => {
                let read = values::json_or_file(given, folder);
                Some(read.map_err(|(path, source)| RunError::Recipe { action: "read", path, source })?)
            }
            None => None,
        };
        Ok(Request {
            model: model_from(folder, self.model.clone()),
            input: self.asking.pairs(&self.input)?.unwrap_or_else(|| self.making.input(&self.input)),
            graph: self.graph.clone(),
            platform: self.platform,
            browser: self.browser,
            precision: self.precision,
            mixed_precision: self.mixed_precision,
            recipe,
            memory_limit: self.memory_limit.map(NonZeroU64::get),
            prompt: self.prompt.clone(),
            truncate_dim: self.truncate_dim,
            on_long: self.on_long,
            task: self.task.or_else(|| self.asking.task()),
            generate: self.making.options(folder)?,
            head: self.asking.options(),
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
    type Arguments = Arguments;

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
            r#":accelerate distilbert-sst2 "I loved it" "never again""#,
            r#":accelerate ms-marco-minilm "what is a kernel" --pair "It runs cells" --pair "Corn has it""#,
            r#":accelerate deberta-nli "We walked along the river" --labels travel,cooking"#,
            r#":accelerate bert-base-uncased "Paris is the [MASK] of France" --task fill-mask --top 3"#,
            r#":accelerate smollm2 "Once upon a time" --max-new-tokens 60"#,
            r#":accelerate smollm2 "What is the capital of France?" --chat --temperature 0.2 --seed 7"#,
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
        Shell::subcommand(r#"Print one JSON object a run, `{"report": …, "output": …}`, instead of tables"#)
    }

    fn ends_itself(&self) -> bool {
        true
    }

    fn kept(&self, _: &Arguments) -> Kept {
        Kept::Runs
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let request = arguments.request(context.folder)?;
        let making = AtomicBool::new(false);
        let mut ran = Ran::new(&making);
        let all = async {
            for _ in 0..arguments.repeat {
                if arguments.every_route {
                    ran.every_route(context, &request).await?;
                } else {
                    ran.one(context, &request).await?;
                }
            }
            Ok::<_, CommandError>(())
        };
        let ended = tokio::select! {
            ended = all => Some(ended),
            () = ended_early(context, &making) => None,
        };
        let (count, failed) = (ran.reports.len(), !ran.failed.is_empty());
        // What ran is shown, however the rest ended.
        ran.show(context).await?;
        match ended {
            Some(Ok(())) if context.cancel.is_cancelled() => Err(CommandError::Interrupted { kept: Kept::Runs }),
            Some(ended) => ended.map(|()| Outcome::good_if(count > 0 && !failed)),
            None => Err(CommandError::Interrupted { kept: if count > 0 { Kept::Runs } else { Kept::Nothing } }),
        }
    }
}

/// Waits for an interrupt. What makes text then has a moment to end with what it has; all else ends at once.
async fn ended_early(context: &Context<'_>, making: &AtomicBool) {
    context.cancel.cancelled().await;
    if making.load(Ordering::Relaxed) {
        tokio::time::sleep(super::ENDING).await;
    }
}

/// What ran so far.
struct Ran<'a> {
    /// Whether a model makes text now.
    making: &'a AtomicBool,
    /// The first one, which is shown whole.
    first: Option<Run>,
    reports: Vec<Report>,
    /// JSON that is given at the end.
    objects: Vec<Value>,
    /// Routes that failed.
    failed: Vec<RunError>,
}

impl<'a> Ran<'a> {
    fn new(making: &'a AtomicBool) -> Self {
        Self { making, first: None, reports: Vec::new(), objects: Vec::new(), failed: Vec::new() }
    }

    async fn one(&mut self, context: &Context<'_>, request: &Request) -> Result<(), CommandError> {
        let (parts, mut pieces) = mpsc::channel(PIECES);
        let streaming = Streaming { parts: Some(parts), stop: context.cancel.clone() };
        let session = context.work.session().await?;
        let running = session.stream(request, Some(context.observer()), streaming);
        let is_shown = !context.sink.takes_json() && request.input.items() == 1;
        let showing = async {
            while let Some(Part::Text(part)) = pieces.recv().await {
                self.making.store(true, Ordering::Relaxed);
                if is_shown {
                    context.sink.made(part.text).await?;
                }
            }
            if is_shown && self.making.swap(false, Ordering::Relaxed) {
                context.sink.made_all().await?;
            }
            Ok::<_, CommandError>(())
        };
        let (run, shown) = tokio::join!(running, showing);
        shown?;
        let run = run?;
        if context.sink.takes_json() {
            context.sink.json(format!("{}\n", pelago_render::run::json(&run))).await?;
        }
        self.keep(run);
        Ok(())
    }

    /// A route that fails is told beside the answer.
    async fn every_route(&mut self, context: &Context<'_>, request: &Request) -> Result<(), CommandError> {
        let session = context.work.session().await?;
        for Attempt { route, outcome } in session.accelerate_every_route(request, Some(context.observer())).await? {
            match outcome {
                Ok(run) => {
                    if context.sink.takes_json() {
                        self.objects.push(pelago_render::run::json(&run));
                    }
                    self.keep(run);
                }
                Err(error) => {
                    if !context.sink.takes_json() {
                        let line = format!(
                            "{} on {}: {error}\n  → {}",
                            route.platform,
                            route.installation,
                            error.advice().words(Voice::Command)
                        );
                        context.sink.say(line).await;
                    }
                    self.failed.push(error);
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, run: Run) {
        self.reports.push(run.report.clone());
        self.first.get_or_insert(run);
    }

    /// The first run whole, and of several a table. Where all routes failed, the first one's error is the command's.
    async fn show(self, context: &Context<'_>) -> Result<(), CommandError> {
        let Self { first, reports, objects, failed, .. } = self;
        if context.sink.takes_json() {
            let errors = failed.iter().map(as_json);
            return context.give(|| Ok(Vec::new()), || Ok(objects.into_iter().chain(errors).collect())).await;
        }
        if let (None, Some(error)) = (&first, failed.into_iter().next()) {
            return Err(error.into());
        }
        // Those of the first run are shown with it.
        let mut told = first.iter().flat_map(|run| &run.report.warnings).cloned().collect::<Vec<_>>();
        let of_first = told.len();
        for warning in reports.iter().flat_map(|report| &report.warnings) {
            if !told.contains(warning) {
                told.push(warning.clone());
            }
        }
        let mut shown = first.map(|run| Shown::Run(Box::new(run))).into_iter().collect::<Vec<_>>();
        if reports.len() > 1 {
            let frame = Results::frame(&reports)?;
            shown.push(Shown::Table(Table::of(&frame).with_brief(briefs::runs(&frame)?)));
        }
        context.give(|| Ok(shown), || Ok(Vec::new())).await?;
        for warning in told.split_off(of_first) {
            context.sink.say(format!("warning: {warning}")).await;
        }
        Ok(())
    }
}

/// `{"error": {"code", "message", "help"}}`
pub(super) fn as_json(error: &RunError) -> Value {
    json!({ "error": { "code": error.code(), "message": error.to_string(), "help": error.advice().words(Voice::Shell) } })
}
