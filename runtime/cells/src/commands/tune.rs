//! `tune`: the fewest bytes that keep a model within an error of fp32.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytesize::ByteSize;
use clap::Args;
use pelago_protocol::{BrowserKind, Input, Platform, Precision, TuneRequest, Tuned, model_from};
use pelago_render::{Shown, Table};
use pelago_session::{RunError, Searched, SessionError, TriedSoFar, sensitivities_frame};

use super::{Command, CommandError, Context, Kept, Outcome, Shell, Values, values};

/// What is to be found.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// A model's name, its CID, or the path of its folder, which is added first
    model: String,
    /// Texts that stand for real ones [default: a set made for the model's family]
    input: Vec<String>,
    /// The error allowed: 1 less the least cosine of the outputs' rows with fp32 on wasm
    #[arg(long, value_name = "ERROR", default_value = "0.001", value_parser = values::number(0.0, "0.001"))]
    max_error: f64,
    /// Precisions that a layer may have; may be repeated [default: 4, 8, 16 and 32, as far as the adapter has them]
    #[arg(long, value_name = "BITS", value_parser = values::precision(), value_delimiter = ',')]
    precision: Vec<Precision>,
    /// Groups that layers are put into, each of which is measured
    #[arg(long, value_name = "N", default_value = "24", value_parser = values::whole::<usize>(1..=10_000))]
    groups: usize,
    /// Where in the page the model runs, and is to run
    #[arg(long, default_value = "auto", value_parser = values::platform())]
    platform: Platform,
    /// Which browser runs it
    #[arg(long, default_value = "auto", value_parser = values::browser())]
    browser: BrowserKind,
    /// The fp32 graph in the model's folder, where it has several, e.g. onnx/encoder_model.onnx
    #[arg(long, value_name = "PATH")]
    graph: Option<String>,
    /// Write the recipe to this file, for `accelerate --recipe FILE`
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Arguments {
    /// What the session is asked. A path is relative to `folder`.
    fn request(&self, folder: &Path) -> TuneRequest {
        TuneRequest {
            model: model_from(folder, self.model.clone()),
            input: (!self.input.is_empty()).then(|| Input::Texts(self.input.clone())),
            graph: self.graph.clone(),
            browser: self.browser,
            platform: self.platform,
            choices: self.precision.clone(),
            max_error: self.max_error,
            groups: self.groups,
        }
    }

    /// Writes the recipe where it was asked for; a path is relative to `folder`.
    fn keep(&self, tuned: &Tuned, folder: &Path) -> Result<(), SessionError> {
        let Some(path) = self.output.as_ref().map(|path| folder.join(path)) else { return Ok(()) };
        let line = format!("{}\n", tuned.recipe);
        Ok(std::fs::write(&path, line).map_err(|source| RunError::Recipe { action: "write", path, source })?)
    }
}

/// The answer in two lines: what it costs, and the recipe.
fn sentence(tuned: &Tuned) -> String {
    format!(
        "{} on {} ({}): error {:.2e} of {} allowed; weights of layers {}, in fp32 {}; {} models were tried\n{}",
        tuned.model_name,
        tuned.platform,
        tuned.browser_product,
        tuned.error.max(0.0),
        tuned.max_error,
        ByteSize(tuned.bytes),
        ByteSize(tuned.bytes_fp32),
        tuned.runs,
        tuned.recipe
    )
}

/// The command.
pub(super) struct Tune;

#[async_trait]
impl Command for Tune {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "tune"
    }

    fn summary(&self) -> &'static str {
        "Find the mix of precisions with the fewest bytes that keeps a model within an error of fp32"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            ":tune all-MiniLM-L6-v2 --platform wasm --output minilm.json",
            ":tune all-MiniLM-L6-v2 --max-error 0.01 --precision 4,8 --platform webgpu",
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
        Shell::subcommand("Print one JSON object with the recipe and what each group of layers adds to the error")
    }

    fn ends_itself(&self) -> bool {
        true
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let interrupted = || Err(CommandError::Interrupted { kept: Kept::Nothing });
        let session = context.cancel.run_until_cancelled(context.work.session()).await;
        let Some(session) = session else { return interrupted() };
        let tuned =
            match session?.tune(&arguments.request(context.folder), Some(context.observer()), context.cancel).await? {
                Searched::Found(tuned) => tuned,
                Searched::Cancelled(tried) => {
                    context.sink.say(so_far(&tried)).await;
                    return interrupted();
                }
            };
        arguments.keep(&tuned, context.folder)?;
        let object = || Ok(vec![serde_json::to_value(&tuned).map_err(SessionError::from)?]);
        context.give(|| shown(&tuned), object).await?;
        Ok(Outcome::Good)
    }
}

/// What each group of layers adds to the error, then the answer.
fn shown(tuned: &Tuned) -> Result<Vec<Shown>, CommandError> {
    let mut shown = Vec::new();
    if !tuned.sensitivities.is_empty() {
        shown.push(Shown::Table(Table::of(&sensitivities_frame(tuned)?)));
    }
    shown.push(Shown::Text(sentence(tuned)));
    Ok(shown)
}

/// What was tried before the search was ended.
fn so_far(tried: &TriedSoFar) -> String {
    let runs = tried.runs;
    match &tried.within {
        Some((recipe, error)) => {
            format!("{runs} models were tried; this recipe is within the error, at {:.2e}:\n{recipe}", error.max(0.0))
        }
        None => format!("{runs} models were tried; none of them is within the error"),
    }
}
