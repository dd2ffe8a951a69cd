//! One notebook from its file to its report.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pelago_runtime::interpreter::{Interpreter, InterpreterOptions};
use tokio::sync::watch;

use super::arguments::Arguments;
use super::error::RunError;
use super::execute::{self, Ran, Rules};
use super::notebook::{self, Notebook};
use super::parameters::{self, Parameters};
use super::progress::Lines;
use super::report::{CellReport, NotebookReport, Outcome};

/// How long a session may take to close its browsers.
const CLOSE_DEADLINE: Duration = Duration::from_secs(30);

/// A notebook that is to be run.
#[derive(Debug)]
pub(super) struct Job {
    path: PathBuf,
    notebook: Result<Notebook, RunError>,
    /// Where the result goes, if anywhere.
    output: Option<PathBuf>,
    is_checked: bool,
    /// Parameters that the notebook does not name.
    unknown: Vec<String>,
}

/// Reads all notebooks and puts the parameters in, before the first one runs.
///
/// # Errors
/// [`RunError`] where the command line cannot be followed. A notebook that
/// cannot be read is its own job's problem.
pub(super) fn plan(arguments: &Arguments, parameters: &Parameters) -> Result<Vec<Job>, RunError> {
    let outputs = outputs(arguments)?;
    let jobs = arguments.notebooks.iter().zip(outputs).map(|(path, output)| {
        let (notebook, unknown) = match read(path, parameters) {
            Ok((notebook, unknown)) => (Ok(notebook), unknown),
            Err(error) => (Err(error), Vec::new()),
        };
        Job { path: path.clone(), notebook, output, is_checked: arguments.check, unknown }
    });
    Ok(jobs.collect())
}

fn read(path: &Path, parameters: &Parameters) -> Result<(Notebook, Vec<String>), RunError> {
    let notebook = Notebook::read(path)?;
    if parameters.is_empty() {
        return Ok((notebook, Vec::new()));
    }
    let cell = notebook.parameters().map(|cell| cell.source.as_str());
    let injected = parameters::inject(parameters, cell)?;
    let notebook = Notebook::parse(notebook.with_parameters(&injected.source), path)?;
    Ok((notebook, injected.unknown))
}

/// Where each notebook's result goes.
fn outputs(arguments: &Arguments) -> Result<Vec<Option<PathBuf>>, RunError> {
    let notebooks = &arguments.notebooks;
    let outputs = match &arguments.output {
        None if arguments.inplace => notebooks.iter().cloned().map(Some).collect::<Vec<_>>(),
        None => return Ok(vec![None; notebooks.len()]),
        Some(output) => {
            let ends_as_folder = output.as_os_str().as_encoded_bytes().ends_with(b"/");
            if output.is_dir() || ends_as_folder || notebooks.len() > 1 {
                if output.is_file() {
                    return Err(RunError::OneOutput { path: output.clone(), notebooks: notebooks.len() });
                }
                std::fs::create_dir_all(output).map_err(|source| RunError::Write { path: output.clone(), source })?;
                let name = |path: &PathBuf| path.file_name().map(|name| output.join(name));
                notebooks.iter().map(name).collect()
            } else {
                vec![Some(output.clone())]
            }
        }
    };
    let mut seen = BTreeSet::new();
    match outputs.iter().flatten().find(|path| !seen.insert(*path)) {
        Some(path) => Err(RunError::SameOutput { path: path.clone() }),
        None => Ok(outputs),
    }
}

impl Job {
    /// Runs the notebook. Whatever happens, what ran is kept and the session closed.
    pub(super) async fn run(
        self,
        options: &InterpreterOptions,
        rules: Rules,
        lines: &Lines,
        stop: &watch::Receiver<u32>,
    ) -> NotebookReport {
        let started = Instant::now();
        let mut report = NotebookReport {
            path: self.path.clone(),
            cells: Vec::new(),
            problem: None,
            is_interrupted: *stop.borrow() > 0,
            elapsed: Duration::ZERO,
        };
        if report.is_interrupted {
            return report;
        }
        for name in &self.unknown {
            lines.say(&format!(
                "{}: the notebook names no parameter {name}; it is set all the same",
                self.path.display()
            ));
        }
        match &self.notebook {
            Err(_) => {}
            Ok(notebook) => match self.execute(notebook, options, rules, lines, stop).await {
                Ok(ran) => {
                    report.cells = ran.reports;
                    let is_left = |cell: &CellReport| matches!(cell.outcome, Outcome::NotRun);
                    report.is_interrupted = *stop.borrow() > 0 && report.cells.iter().any(is_left);
                    if self.is_checked {
                        compare(notebook, &ran.results, &mut report);
                    }
                    report.problem = self.keep(notebook, &ran.results).err();
                }
                Err(error) => report.problem = Some(error),
            },
        }
        if let Err(error) = self.notebook {
            report.problem = Some(error);
        }
        report.elapsed = started.elapsed();
        report
    }

    async fn execute(
        &self,
        notebook: &Notebook,
        options: &InterpreterOptions,
        rules: Rules,
        lines: &Lines,
        stop: &watch::Receiver<u32>,
    ) -> Result<Ran, RunError> {
        let line = lines.notebook(&self.path, notebook.cells.iter().filter(|cell| execute::is_run(cell)).count());
        let options = options.clone().with_folder(folder(&self.path));
        let interpreter = Interpreter::open(options).await.map_err(|source| RunError::Session { source })?;
        let ran = execute::execute(notebook, &interpreter, rules, &line, stop).await;
        if tokio::time::timeout(CLOSE_DEADLINE, interpreter.close()).await.is_err() {
            tracing::warn!(notebook = %self.path.display(), "the session did not close in {CLOSE_DEADLINE:?}");
        }
        Ok(ran)
    }

    fn keep(&self, notebook: &Notebook, results: &[Option<notebook::Executed>]) -> Result<(), RunError> {
        let Some(output) = &self.output else { return Ok(()) };
        let text = notebook.with_results(results);
        // A file that is the same keeps its time too.
        if std::fs::read(output).is_ok_and(|before| before == text.as_bytes()) {
            return Ok(());
        }
        notebook::save(output, &text)
    }
}

/// Compares the cells that ran to their end with what the file keeps.
fn compare(notebook: &Notebook, results: &[Option<notebook::Executed>], report: &mut NotebookReport) {
    for own in &mut report.cells {
        if !matches!(own.outcome, Outcome::Passed | Outcome::Allowed(_)) {
            continue;
        }
        let index = own.number - 1;
        if let (Some(cell), Some(Some(executed))) = (notebook.cells.get(index), results.get(index)) {
            let found = notebook.rule(cell).compare(&cell.outputs, &executed.outputs);
            (own.differences, own.compared) = (found.differences, found.compared);
        }
    }
}

/// The folder of a notebook: what its cells see as working directory.
fn folder(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf())
}
