//! The cells of one notebook, one after another, in one interpreter.
//!
//! It knows when a cell may fail and when it is ended; it knows neither files
//! nor what outputs are compared with.

use std::time::Duration;

use pelago_cells::interpreter::{CellError, Ended, Event, ExecuteOptions, Interpreter};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::late::Late;
use super::notebook::{Cell, Executed, Notebook};
use super::outputs::Outputs;
use super::report::{CellReport, Outcome};
use crate::watch::Line;

/// The tag of a cell that may fail.
const RAISES: &str = "raises-exception";
/// The tag of a cell that is left out.
const SKIP: &str = "skip-execution";
/// Events that wait while one is taken.
const EVENTS: usize = 256;
/// From the first interrupt of a cell, which keeps variables, to the second, which ends the cells' process.
const SECOND_INTERRUPT: Duration = Duration::from_secs(5);
/// From the second interrupt to the end of the wait for the cell.
const GIVE_UP: Duration = Duration::from_secs(30);

/// How long the Rust evaluator may take to start. On a machine that links the prelude first it takes a minute.
const START_DEADLINE: Duration = Duration::from_secs(600);

/// How cells are run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a cell may take.
    pub timeout: Option<Duration>,
    /// Whether every cell may fail.
    pub allow_errors: bool,
}

/// What a run made of a notebook's cells.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    /// For each cell of the file what stands below it now; `None` where it stays as it is.
    pub(crate) results: Vec<Option<Executed>>,
    /// Each code cell that is not blank.
    pub(crate) reports: Vec<CellReport>,
}

/// A notebook whose cells have run. Threads of theirs may still print.
#[derive(Debug)]
pub(crate) struct Executing {
    outputs: Outputs,
    late: Late,
    reports: Vec<CellReport>,
}

impl Executing {
    /// Takes what comes until the session is closed, and all that is there then.
    pub(crate) async fn settle(mut self, close: impl Future<Output = ()>) -> Ran {
        let mut close = std::pin::pin!(close);
        loop {
            tokio::select! {
                biased;
                () = &mut close => break,
                (cell, event) = self.late.next() => self.outputs.take(cell, event),
            }
        }
        while let Some((cell, event)) = self.late.waiting() {
            self.outputs.take(cell, event);
        }
        Ran { results: self.outputs.finish(), reports: self.reports }
    }
}

/// Whether a cell is one to run: code, and not blank.
pub(crate) fn is_run(cell: &Cell) -> bool {
    cell.is_code && !cell.source.trim().is_empty()
}

/// Runs all cells, or those before the first that fails and may not. `stop`
/// counts the user's interrupts.
pub(crate) async fn execute(
    notebook: &Notebook,
    interpreter: &Interpreter,
    rules: Rules,
    line: &dyn Line,
    stop: &watch::Receiver<u32>,
) -> Executing {
    let mut reports = Vec::new();
    let mut outputs = Outputs::default();
    let mut late = Late::default();
    let mut count = 0;
    let mut is_over = false;
    for (index, cell) in notebook.cells.iter().enumerate() {
        if !is_run(cell) {
            outputs.keep();
            continue;
        }
        let first_line = cell.first_line().to_owned();
        let mut report = CellReport {
            number: index + 1,
            line: first_line.clone(),
            outcome: Outcome::NotRun,
            elapsed: Duration::ZERO,
            differences: Vec::new(),
            compared: Vec::new(),
        };
        if cell.is_tagged(SKIP) {
            report.outcome = Outcome::Skipped;
            outputs.keep();
        } else if is_over || *stop.borrow() > 0 {
            outputs.clear();
        } else {
            count += 1;
            line.begin(&first_line);
            outputs.begin(count);
            let mut one =
                One { interpreter, rules, line, stop: stop.clone(), index, outputs: &mut outputs, late: &mut late };
            let is_ready = one.start(cell).await;
            let started = Instant::now();
            let outcome = if is_ready {
                one.run(cell, count).await
            } else {
                one.end(Outcome::Interrupted(CellError::interrupted()))
            };
            (report.outcome, report.elapsed) = (outcome, started.elapsed());
            is_over = matches!(report.outcome, Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Interrupted(_));
        }
        line.end(reports.len() + 1, &first_line, &report.outcome, report.elapsed);
        reports.push(report);
    }
    Executing { outputs, late, reports }
}

/// One cell that runs.
struct One<'a> {
    interpreter: &'a Interpreter,
    rules: Rules,
    line: &'a dyn Line,
    stop: watch::Receiver<u32>,
    /// Its place in the notebook, from 0.
    index: usize,
    outputs: &'a mut Outputs,
    late: &'a mut Late,
}

/// Why a cell is being ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Timeout,
    User,
}

impl One<'_> {
    /// Waits for the Rust evaluator where the cell needs it, so that its start
    /// is no part of the cell's own time. False where the user ended the wait.
    async fn start(&mut self, cell: &Cell) -> bool {
        let mut lines = cell.source.lines().map(str::trim_start);
        if lines.all(|line| line.is_empty() || line.starts_with(':')) {
            return true;
        }
        let mut ready = std::pin::pin!(self.interpreter.cells().ready());
        let mut deadline = std::pin::pin!(tokio::time::sleep(START_DEADLINE));
        loop {
            tokio::select! {
                // How it failed the cell tells.
                _ = &mut ready => return true,
                () = &mut deadline => return true,
                Ok(()) = self.stop.changed() => return false,
                (cell, event) = self.late.next() => self.outputs.take(cell, event),
            }
        }
    }

    /// Runs it.
    async fn run(mut self, cell: &Cell, count: u64) -> Outcome {
        let (sender, mut events) = mpsc::channel(EVENTS);
        let late = Some(self.late.sender(self.index));
        let options = ExecuteOptions { label: format!("[{count}]"), allow_input: false, late };
        let mut execution = std::pin::pin!(self.interpreter.execute(&cell.source, &options, &sender));
        let mut ending = None::<Cause>;
        let mut interrupts = 0_u32;
        let mut deadline = self.rules.timeout.map(|timeout| Instant::now() + timeout);
        let ended = loop {
            tokio::select! {
                // Output comes last: a thread that never stops printing keeps nobody from the end.
                biased;
                ended = &mut execution => break Some(ended),
                Ok(()) = self.stop.changed() => {
                    ending = ending.or(Some(Cause::User));
                    deadline = Some(self.interrupt(&mut interrupts));
                }
                () = at(deadline) => {
                    if interrupts >= 2 {
                        break None;
                    }
                    ending = ending.or(Some(Cause::Timeout));
                    deadline = Some(self.interrupt(&mut interrupts));
                }
                Some(event) = events.recv() => self.take(event),
                (cell, event) = self.late.next() => self.outputs.take(cell, event),
            }
        };
        while let Ok(event) = events.try_recv() {
            self.take(event);
        }
        let outcome = self.outcome(cell, ending, ended);
        self.end(outcome)
    }

    fn take(&mut self, event: Event) {
        if let Event::Progress(step) = &event {
            self.line.step(step);
        }
        self.outputs.take(self.index, event);
    }

    /// Adds the error, where there is one, to the cell's outputs.
    fn end(&mut self, outcome: Outcome) -> Outcome {
        if let Some(error) = outcome.error() {
            self.outputs.fail(self.index, error);
        }
        outcome
    }

    /// Interrupts once more; gives the time of the next step.
    fn interrupt(&self, interrupts: &mut u32) -> Instant {
        self.interpreter.interrupt();
        *interrupts += 1;
        Instant::now() + if *interrupts == 1 { SECOND_INTERRUPT } else { GIVE_UP }
    }

    fn outcome(&self, cell: &Cell, ending: Option<Cause>, ended: Option<Result<Ended, CellError>>) -> Outcome {
        match (ending, ended) {
            // Ended in good order, and interrupted all the same: nothing is to run behind it.
            (None, Some(Ok(Ended { interrupted: true }))) => Outcome::Interrupted(CellError::interrupted()),
            (None, Some(Ok(_))) => Outcome::Passed,
            (None, Some(Err(error))) if self.rules.allow_errors || cell.is_tagged(RAISES) => Outcome::Allowed(error),
            (None, Some(Err(error))) => Outcome::Failed(error),
            (Some(Cause::User), Some(Err(error))) => Outcome::Interrupted(error),
            (Some(Cause::User), _) => Outcome::Interrupted(CellError::interrupted()),
            (Some(Cause::Timeout) | None, ended) => Outcome::TimedOut(self.timeout(ended)),
        }
    }

    fn timeout(&self, ended: Option<Result<Ended, CellError>>) -> CellError {
        let limit = self.rules.timeout.unwrap_or_default().as_secs_f64();
        let mut error = CellError::new("Timeout", format!("the cell ran longer than {limit} s and was interrupted"))
            .with_help("give cells more time with --timeout, or none at all with --timeout 0");
        if let Some(Err(interrupted)) = ended {
            error.variables_lost = interrupted.variables_lost;
            error.traceback.extend(interrupted.traceback);
        }
        error
    }
}

/// Waits until then, or for ever.
async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
