//! Why a notebook cannot be run, or its result not be kept. A cell that fails
//! is no such error: that is what a run reports.

use std::path::{Path, PathBuf};

use pelago_cells::interpreter::InterpreterError;
use pelago_protocol::Voice;

use crate::files::TargetProblem;
use crate::parameters::NameError;

/// What keeps a notebook from running, or its result from being kept.
#[derive(Debug, thiserror::Error)]
pub enum NotebookError {
    /// There is no such file, or it may not be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A folder where a notebook was expected.
    #[error("{} cannot be read: it is a folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// How many notebooks stand in it.
        notebooks: usize,
    },
    /// It is no UTF-8.
    #[error("{} is not a notebook: {found}, and UTF-8 was expected", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// It is no JSON, or lacks what every notebook has.
    #[error("{} is not a notebook: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// A backslash in a text of the file, and behind it no escape of JSON.
    #[error("{} is not a notebook: {escape} at line {line} column {column} is no escape of JSON", path.display())]
    Escape {
        /// The file.
        path: PathBuf,
        /// What stands there.
        escape: String,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
    },
    /// The process of an earlier run ended while it wrote this file in place.
    #[error("{} is not a notebook: a run that was killed wrote only a part of it", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// The whole of what was to be written.
        copy: PathBuf,
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
    #[error("parameter {name}: expected {expected}, found {found}{note}")]
    Parameter {
        /// Its name.
        name: String,
        /// What it can be.
        expected: String,
        /// What was given.
        found: String,
        /// The range of the type, after a semicolon, where it has one.
        note: String,
    },
    /// A name in a file of parameters that no variable can have.
    #[error("{}: {source}", path.display())]
    ParameterName {
        /// The file.
        path: PathBuf,
        /// What is wrong with the name.
        source: NameError,
    },
    /// Something that is wrong for one of the notebooks.
    #[error("{}: {source}", path.display())]
    Of {
        /// The notebook.
        path: PathBuf,
        /// What is wrong.
        source: Box<NotebookError>,
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
    /// Two names of one file.
    #[error("{} and {} are one file", first.display(), second.display())]
    Twice {
        /// As it was named first.
        first: PathBuf,
        /// As it was named later.
        second: PathBuf,
    },
    /// A result or a report would take the place of a notebook that is run.
    #[error("{} would be written over the notebook {}", path.display(), notebook.display())]
    OverNotebook {
        /// What would be written.
        path: PathBuf,
        /// The notebook.
        notebook: PathBuf,
    },
    /// The report would take the place of a notebook or of a result.
    #[error("--junit names {}, which is a notebook of this run, or its output", path.display())]
    OverReport {
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
    /// The place of a result or a report takes none, which is seen before anything runs.
    #[error("{} cannot be written: {problem}", path.display())]
    Target {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: TargetProblem,
    },
    /// Somebody saved the notebook while it ran.
    #[error(
        "{} was changed while it ran: it stays as it was saved, and what ran is in {}",
        path.display(),
        beside.display()
    )]
    Changed {
        /// The notebook.
        path: PathBuf,
        /// What ran, with its outputs.
        beside: PathBuf,
    },
    /// The result could not be kept.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The result could not be written to its end, in place.
    #[error("{} was written in part: {source}; all of it is in {}", path.display(), copy.display())]
    Half {
        /// The file.
        path: PathBuf,
        /// The whole of what was to be written.
        copy: PathBuf,
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

impl NotebookError {
    /// What to do next.
    pub fn help(&self) -> String {
        match self {
            Self::Read { .. } => "name a notebook's file (.ipynb)".to_owned(),
            Self::Folder { path, notebooks } => folder_help(path, *notebooks),
            Self::Encoding { .. } => "save it as UTF-8, as Jupyter does".to_owned(),
            Self::Malformed { .. } | Self::Escape { .. } | Self::Source { .. } => {
                "open it in Jupyter and save it again, or take an earlier version of it".to_owned()
            }
            // `cat`, not `mv`: the file has other names, which are to show it too.
            Self::Torn { path, copy } => {
                format!("all of it is in a copy: cat {} > {}", quoted(copy), quoted(path))
            }
            Self::Half { path, copy, .. } => {
                format!("make space, and then: cat {} > {}", quoted(copy), quoted(path))
            }
            Self::Format { .. } => "convert it: jupyter nbconvert --to notebook --nbformat 4 FILE".to_owned(),
            Self::Language { .. } => "set its kernel to Pelago in Jupyter, or run it with its own kernel".to_owned(),
            Self::Rule { .. } => {
                "modes are exact, pattern, tolerance and skip; docs/notebooks.md describes them".to_owned()
            }
            Self::Parameter { .. } => "write -p NAME=VALUE, or -r NAME=TEXT for a text as it stands".to_owned(),
            Self::ParameterName { .. } => "name the variable that the `parameters` cell declares".to_owned(),
            Self::Of { source, .. } => source.help(),
            Self::ParametersFile { .. } => "write it as {\"name\": value, …}".to_owned(),
            Self::SameOutput { .. } => "run them one after another, or name other folders".to_owned(),
            Self::Twice { .. } => "name each notebook once".to_owned(),
            Self::OverNotebook { .. } => "name another file, or use --inplace".to_owned(),
            Self::OverReport { .. } => "name another file, such as report.xml".to_owned(),
            Self::OneOutput { .. } => "name a folder: --output FOLDER/".to_owned(),
            Self::Session { source } => source.advice().words(Voice::Shell),
            Self::Target { problem, .. } => problem.help(),
            Self::Changed { path, beside } => {
                format!("compare the two, then keep one of them: mv {} {}", quoted(beside), quoted(path))
            }
            Self::Write { .. } | Self::Report { .. } => {
                "see whether the folder exists, may be written to and has space".to_owned()
            }
        }
    }
}

fn folder_help(path: &Path, notebooks: usize) -> String {
    let all = format!("{}/*.ipynb", quoted(path));
    match notebooks {
        0 => "name a notebook's file (.ipynb); there is none in this folder".to_owned(),
        1 => format!("name its notebook: pelago run {all} (there is one)"),
        _ => format!("name its notebooks: pelago run {all} (there are {notebooks})"),
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+,@".contains(character);
    match text.chars().all(is_plain) {
        // A name that begins as an option is none behind its folder.
        true if text.starts_with('-') => format!("./{text}"),
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_answered_with_what_to_write() {
        let help = |path: &str, notebooks| folder_help(Path::new(path), notebooks);
        assert_eq!(help(".", 2), "name its notebooks: pelago run ./*.ipynb (there are 2)");
        assert_eq!(help("my notes", 1), "name its notebook: pelago run 'my notes'/*.ipynb (there is one)");
        assert_eq!(help("it's", 0), "name a notebook's file (.ipynb); there is none in this folder");
        assert_eq!((quoted(Path::new("it's")), quoted(Path::new("-x"))), (r"'it'\''s'".to_owned(), "./-x".to_owned()));
    }
}
