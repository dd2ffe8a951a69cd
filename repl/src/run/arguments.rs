//! The command line of `pelago run`.

use std::path::PathBuf;
use std::time::Duration;

use pelago_cells::commands::values::whole;
use pelago_runner::parameters::{self, Parameters, Value};
use pelago_runner::{NotebookError, Options, Rules};

/// `pelago run`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 all is well; 1 a cell failed; 2 a notebook cannot be run or its result not be kept;
3 --check found a difference; 124 a cell ran into --timeout; 130 interrupted.
With several notebooks: the first of 130, 2, 124, 1, 3 that any of them has.")]
pub(crate) struct Arguments {
    /// Notebooks
    #[arg(required = true, value_name = "NOTEBOOK")]
    notebooks: Vec<PathBuf>,
    /// A parameter; VALUE is a Rust literal (3, 2.5, true, "text"), and anything else is a text; may be repeated
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    /// A parameter whose value is a text as it stands, also where it looks like a number; may be repeated
    #[arg(short = 'r', long = "raw-parameter", value_name = "NAME=TEXT", value_parser = raw_parameter)]
    raw_parameters: Vec<(String, Value)>,
    /// A JSON object of parameters; -p and -r come after it
    #[arg(short = 'f', long, value_name = "FILE")]
    parameters_file: Option<PathBuf>,
    /// Where to write what ran: a file, or a folder (that exists, ends in / or takes several notebooks)
    #[arg(short = 'o', long, value_name = "FILE|FOLDER", conflicts_with = "inplace")]
    output: Option<PathBuf>,
    /// Write what ran to the notebook itself
    #[arg(long, conflicts_with = "check")]
    inplace: bool,
    /// Compare outputs with those that the notebook keeps; rules are in the cells' metadata
    #[arg(long)]
    check: bool,
    /// Go on after a cell that fails, and do not count it
    #[arg(long)]
    allow_errors: bool,
    /// Seconds that a cell may take; 0 for no limit
    #[arg(long, default_value_t = 600.0, value_name = "SECONDS", value_parser = seconds)]
    timeout: f64,
    /// Notebooks to run at once, each in a session of its own
    #[arg(short = 'j', long, default_value = "1", value_name = "N", value_parser = whole::<usize>(1..=1024))]
    pub(super) jobs: usize,
    /// Write a report in JUnit's XML, a test case a cell
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
}

impl Arguments {
    /// All parameters, the later over the earlier.
    ///
    /// # Errors
    /// [`NotebookError`] where the file of parameters cannot be read.
    pub(super) fn parameters(&self) -> Result<Parameters, NotebookError> {
        let mut all = self.parameters_file.as_deref().map(parameters::read).transpose()?.unwrap_or_default();
        all.extend(self.parameters.iter().chain(&self.raw_parameters).cloned());
        Ok(all)
    }

    /// Which notebooks are run, and what becomes of the results.
    pub(super) fn options(&self) -> Options {
        Options {
            notebooks: self.notebooks.clone(),
            output: self.output.clone(),
            inplace: self.inplace,
            check: self.check,
            junit: self.junit.clone(),
        }
    }

    /// How cells are run.
    pub(super) fn rules(&self) -> Rules {
        let timeout = (self.timeout > 0.0).then(|| Duration::from_secs_f64(self.timeout));
        Rules { timeout, allow_errors: self.allow_errors }
    }
}

fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = name_and_value(text)?;
    Ok((name, Value::parse(value)))
}

fn raw_parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = name_and_value(text)?;
    Ok((name, Value::Text(value.to_owned())))
}

fn name_and_value(text: &str) -> Result<(String, &str), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE, e.g. repeat=3")?;
    let name = parameters::read_name(name).map_err(|error| error.to_string())?;
    Ok((name, value))
}

/// A day is more than any cell of a notebook in CI takes.
fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=86_400.0).contains(value));
    value.ok_or_else(|| "a number of seconds from 0 to 86400 was expected".to_owned())
}
