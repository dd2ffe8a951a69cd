//! `:tune`, and `pelago tune` likewise: the fewest bytes that keep a model within
//! an error of fp32.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytesize::ByteSize;
use clap::{ArgMatches, Args};
use pelago_protocol::{BrowserKind, Input, Platform, Precision, TuneRequest, Tuned};

use super::command::taken;
use super::{Command, CommandError, Context, Values, values};
use pelago_render::{Shown, Table};
use pelago_session::{RunError, SessionError, sensitivities_frame};

/// What is to be found.
#[derive(Clone, Debug, Args)]
pub struct TuneArguments {
    /// A model's name, its CID, or the path of its folder, which is added first
    pub model: String,
    /// Texts that stand for real ones [default: a set made for the model's family]
    pub input: Vec<String>,
    /// The error allowed: 1 less the least cosine of the outputs' rows with fp32 on wasm
    #[arg(long, value_name = "ERROR", default_value_t = 0.001)]
    pub max_error: f64,
    /// Precisions that a layer may have; may be repeated [default: 4, 8, 16 and 32, as far as the adapter has them]
    #[arg(long, value_name = "BITS", value_parser = values::precision(), value_delimiter = ',')]
    pub precision: Vec<Precision>,
    /// Groups that layers are put into, each of which is measured
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub groups: usize,
    /// Where in the page the model runs, and is to run
    #[arg(long, default_value = "auto", value_parser = values::platform())]
    pub platform: Platform,
    /// Which browser runs it
    #[arg(long, default_value = "auto", value_parser = values::browser())]
    pub browser: BrowserKind,
    /// The fp32 graph in the model's folder, where it has several, e.g. onnx/encoder_model.onnx
    #[arg(long, value_name = "PATH")]
    pub graph: Option<String>,
    /// Write the recipe to this file, for `accelerate --recipe FILE`
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl TuneArguments {
    /// What the session is asked.
    #[must_use]
    pub fn request(&self) -> TuneRequest {
        TuneRequest {
            model: self.model.clone(),
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
    ///
    /// # Errors
    /// [`RunError::Recipe`].
    pub fn keep(&self, tuned: &Tuned, folder: &Path) -> Result<(), SessionError> {
        let Some(path) = self.output.as_ref().map(|path| folder.join(path)) else { return Ok(()) };
        let line = format!("{}\n", tuned.recipe);
        Ok(std::fs::write(&path, line).map_err(|source| RunError::Recipe { action: "write", path, source })?)
    }
}

/// The answer in two lines: what it costs, and the recipe.
#[must_use]
pub fn tuned_sentence(tuned: &Tuned) -> String {
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

    fn arguments(&self, command: clap::Command) -> clap::Command {
        TuneArguments::augment_args(command)
    }

    fn values(&self, argument: &str) -> Values {
        match argument {
            "model" => Values::Models,
            "browser" => Values::Browsers,
            _ => Values::Declared,
        }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let arguments: TuneArguments = taken(self, arguments)?;
        let tuned = context.session.tune(&arguments.request(), Some(context.observer())).await?;
        arguments.keep(&tuned, context.folder)?;
        let mut shown = vec![Shown::Text(tuned_sentence(&tuned))];
        if !tuned.sensitivities.is_empty() {
            shown.push(Shown::Table(Table::of(&sensitivities_frame(&tuned)?)));
        }
        Ok(shown)
    }
}
