//! Why a notebook cannot be run, or its result not be kept. A cell that fails
//! is no such error: that is what a run reports.

use std::path::PathBuf;

use pelago_runtime::interpreter::InterpreterError;

/// What keeps a notebook from running, or its result from being kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// There is no such file, or it may not be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is no JSON, or lacks what every notebook has.
    #[error("{} is not a notebook: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// An older or a newer format.
    #[error("{} is in nbformat {found}, and nbformat 4 was expected", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its major version.
        found: u64,
    },
    /// Cells in another language.
    #[error("{} is a notebook of {found}, and cells in Rust were expected", path.display())]
    Language {
        /// The file.
        path: PathBuf,
        /// Its language.
        found: String,
    },
    /// A cell whose source is neither a text nor a list of lines.
    #[error("{}: the source of cell {cell} is neither a text nor a list of lines", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// The cell, from 1.
        cell: usize,
    },
    /// `pelago.check` in the metadata cannot be followed.
    #[error("{}: `pelago.check` in the metadata of {place} {problem}", path.display())]
    Rule {
        /// The file.
        path: PathBuf,
        /// The cell, or the notebook.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A parameter that cannot be what the notebook wants.
    #[error("parameter {name}: expected {expected}, found {found}")]
    Parameter {
        /// Its name.
        name: String,
        /// What it can be.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A file of parameters that is no JSON object.
    #[error("{} is not a JSON object of parameters: {source}", path.display())]
    ParametersFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// Two notebooks would be written to the same file.
    #[error("two notebooks would be written to {}", path.display())]
    SameOutput {
        /// The file.
        path: PathBuf,
    },
    /// One file named for several notebooks.
    #[error("--output names the file {}, and {notebooks} notebooks are to be run", path.display())]
    OneOutput {
        /// The file.
        path: PathBuf,
        /// How many notebooks.
        notebooks: usize,
    },
    /// No session, or no Rust cells.
    #[error("no session could be opened: {source}")]
    Session {
        /// Why not.
        source: InterpreterError,
    },
    /// The result could not be kept.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The report could not be made.
    #[error("the report {} cannot be made: {source}", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: quick_junit::SerializeError,
    },
}

impl RunError {
    /// What to do next.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::Read { .. } => "name a notebook's file (.ipynb)".to_owned(),
            Self::Malformed { .. } | Self::Source { .. } => {
                "open it in Jupyter and save it again, or take an earlier version of it".to_owned()
            }
            Self::Format { .. } => "convert it: jupyter nbconvert --to notebook --nbformat 4 FILE".to_owned(),
            Self::Language { .. } => "set its kernel to Pelago in Jupyter, or run it with its own kernel".to_owned(),
            Self::Rule { .. } => {
                "modes are exact, pattern, tolerance and skip; docs/notebooks.md describes them".to_owned()
            }
            Self::Parameter { .. } => "write -p NAME=VALUE, or -r NAME=TEXT for a text as it stands".to_owned(),
            Self::ParametersFile { .. } => "write it as {\"name\": value, …}".to_owned(),
            Self::SameOutput { .. } => "run them one after another, or name other folders".to_owned(),
            Self::OneOutput { .. } => "name a folder: --output FOLDER/".to_owned(),
            Self::Session { source } => match source {
                InterpreterError::Session(error) => error.help(),
                InterpreterError::Cells(_) => String::new(),
            },
            Self::Write { .. } | Self::Report { .. } => {
                "see whether the folder exists, may be written to and has space".to_owned()
            }
        }
    }
}
