//! One notebook from its file to its report.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pelago_cells::interpreter::{Interpreter, InterpreterOptions};
use tokio::sync::watch;

use crate::Options;
use crate::error::NotebookError;
use crate::execute::{self, Ran, Rules};
use crate::files::{self, Identity, Saved};
use crate::notebook::{self, Notebook};
use crate::parameters::{self, Parameters};
use crate::places::Places;
use crate::report::{CellReport, NotebookReport, Outcome};
use crate::watch::Watcher;

/// How long a session may take to close its browsers.
const CLOSE_DEADLINE: Duration = Duration::from_secs(30);

/// A notebook that is to be run.
#[derive(Debug)]
pub struct Job {
    path: PathBuf,
    notebook: Result<Notebook, NotebookError>,
    /// Where the result goes, if anywhere.
    output: Option<PathBuf>,
    /// The file's text where the result takes its place: it may be saved by others while it runs.
    original: Option<String>,
    is_checked: bool,
    /// What the user should know before it runs.
    notes: Vec<String>,
}

/// Reads all notebooks and puts the parameters in, before the first one runs,
/// and sees that every result can be written.
///
/// # Errors
/// [`NotebookError`] where the options cannot be followed. A notebook that
/// cannot be read is its own job's problem.
pub fn plan(options: &Options, parameters: &Parameters) -> Result<Vec<Job>, NotebookError> {
    let places = Places::find(options)?;
    let jobs = options.notebooks.iter().zip(places.outputs()).map(|(path, output)| {
        let is_own = output.as_ref().is_some_and(|output| Identity::of(output) == Identity::of(path));
        let mut job = Job {
            path: path.clone(),
            notebook: Notebook::read(path),
            output: output.clone(),
            original: None,
            is_checked: options.check,
            notes: Vec::new(),
        };
        job.look_for_copies(is_own);
        let Ok(notebook) = &job.notebook else { return Ok(job) };
        job.original = is_own.then(|| notebook.text());
        if parameters.is_empty() {
            return Ok(job);
        }
        let cell = notebook.parameters().map(|cell| cell.source.as_str());
        let injected = parameters::inject(parameters, cell)
            .map_err(|source| NotebookError::Of { path: path.clone(), source: Box::new(source) })?;
        let note = |name: &String| format!("the notebook names no parameter {name}; it is set all the same");
        job.notes.extend(injected.unknown.iter().map(note));
        job.notebook = Notebook::parse(notebook.with_parameters(&injected.source), path);
        Ok(job)
    });
    let jobs = jobs.collect::<Result<Vec<_>, NotebookError>>()?;
    // Of one that cannot be read nothing is written.
    places.check(jobs.iter().filter(|job| job.notebook.is_ok()).filter_map(|job| job.output.as_deref()))?;
    Ok(jobs)
}

impl Job {
    /// Of an earlier run that was killed while it wrote this file in place: the
    /// file may be written in part, and then its copy is the whole of it.
    fn look_for_copies(&mut self, is_own: bool) {
        for copy in files::copies(&self.path) {
            let is_same = |notebook: &Notebook| std::fs::read(&copy).is_ok_and(|own| own == notebook.text().as_bytes());
            match &self.notebook {
                Ok(notebook) if is_same(notebook) => {
                    // The run was killed when all was written.
                    if is_own {
                        let _ = std::fs::remove_file(&copy);
                    }
                }
                Ok(_) => self.notes.push(format!(
                    "a run that was killed while it wrote this notebook left {}: see whether it has what you miss, \
                     and remove it",
                    copy.display()
                )),
                Err(
                    NotebookError::Malformed { .. } | NotebookError::Escape { .. } | NotebookError::Encoding { .. },
                ) => {
                    self.notebook = Err(NotebookError::Torn { path: self.path.clone(), copy });
                }
                Err(_) => {}
            }
        }
    }

    /// Runs the notebook. Whatever happens, what ran is kept and the session closed.
    pub async fn run(
        self,
        options: &InterpreterOptions,
        rules: Rules,
        watcher: &dyn Watcher,
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
        for note in &self.notes {
            watcher.say(&format!("{}: {note}", self.path.display()));
        }
        match &self.notebook {
            Err(_) => {}
            Ok(notebook) => match self.execute(notebook, options, rules, watcher, stop).await {
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
        watcher: &dyn Watcher,
        stop: &watch::Receiver<u32>,
    ) -> Result<Ran, NotebookError> {
        let line = watcher.notebook(&self.path, notebook.cells.iter().filter(|cell| execute::is_run(cell)).count());
        let options = options.clone().with_folder(folder(&self.path));
        let interpreter = Interpreter::open(options).await.map_err(|source| NotebookError::Session { source })?;
        let executing = execute::execute(notebook, &interpreter, rules, &*line, stop).await;
        let close = async {
            if tokio::time::timeout(CLOSE_DEADLINE, interpreter.close()).await.is_err() {
                tracing::warn!(notebook = %self.path.display(), "the session did not close in {CLOSE_DEADLINE:?}");
            }
        };
        Ok(executing.settle(close).await)
    }

    fn keep(&self, notebook: &Notebook, results: &[Option<notebook::Executed>]) -> Result<(), NotebookError> {
        let Some(output) = &self.output else { return Ok(()) };
        let text = notebook.with_results(results);
        // A file that is the same keeps its time too. A pipe is not read: nobody may write into it.
        let is_file = std::fs::metadata(output).is_ok_and(|found| found.is_file());
        if is_file && std::fs::read(output).is_ok_and(|before| before == text.as_bytes()) {
            return Ok(());
        }
        let Some(original) = &self.original else { return files::save(output, &text) };
        match files::save_unless_changed(output, &text, original)? {
            Saved::Written => Ok(()),
            Saved::Beside(beside) => Err(NotebookError::Changed { path: output.clone(), beside }),
        }
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
