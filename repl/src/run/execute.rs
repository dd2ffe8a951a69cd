//! The cells of one notebook, one after another, in one interpreter.
//!
//! It knows when a cell may fail and when it is ended; it knows neither files
//! nor what outputs are compared with.

use std::time::Duration;

use pelago_runtime::interpreter::{CellError, Ended, Event, ExecuteOptions, Interpreter};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::collect::{Collector, Own};
use super::notebook::{Cell, Executed, Notebook};
use super::progress::Line;
use super::report::{CellReport, Outcome};

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
pub(super) struct Rules {
    /// How long a cell may take.
    pub(super) timeout: Option<Duration>,
    /// Whether every cell may fail.
    pub(super) allow_errors: bool,
}

/// What a run made of a notebook's cells.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// For each cell of the file what stands below it now; `None` where it stays as it is.
    pub(super) results: Vec<Option<Executed>>,
    /// Each code cell that is not blank.
    pub(super) reports: Vec<CellReport>,
}

/// Whether a cell is one to run: code, and not blank.
pub(super) fn is_run(cell: &Cell) -> bool {
    cell.is_code && !cell.source.trim().is_empty()
}

/// Runs all cells, or those before the first that fails and may not. `stop`
/// counts the user's interrupts.
pub(super) async fn execute(
    notebook: &Notebook,
    interpreter: &Interpreter,
    rules: Rules,
    line: &Line,
    stop: &watch::Receiver<u32>,
) -> Ran {
    let mut reports = Vec::new();
    let mut shown: Vec<Option<(u64, Vec<Own>)>> = Vec::new();
    let mut count = 0;
    let mut is_over = false;
    for (index, cell) in notebook.cells.iter().enumerate() {
        if !is_run(cell) {
            shown.push(None);
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
            shown.push(None);
        } else if is_over || *stop.borrow() > 0 {
            // What a notebook showed before it was changed says nothing of this run.
            shown.push(Some((0, Vec::new())));
        } else {
            count += 1;
            line.begin(&first_line);
            let mut one = One { interpreter, rules, line, stop: stop.clone() };
            let is_ready = one.start(cell).await;
            let started = Instant::now();
            let (outcome, own) = if is_ready {
                one.run(cell, count, &mut shown).await
            } else {
                (Outcome::Interrupted(CellError::interrupted()), Vec::new())
            };
            (report.outcome, report.elapsed) = (outcome, started.elapsed());
            shown.push(Some((count, own)));
            is_over = matches!(report.outcome, Outcome::Failed(_) | Outcome::TimedOut(_) | Outcome::Interrupted(_));
        }
        line.end(reports.len() + 1, &first_line, &report.outcome, report.elapsed);
        reports.push(report);
    }
    let executed = |(count, own): (u64, Vec<Own>)| Executed {
        count: (count > 0).then_some(count),
        outputs: own.into_iter().map(Own::into_output).collect(),
    };
    Ran { results: shown.into_iter().map(|shown| shown.map(executed)).collect(), reports }
}

/// One cell that runs.
struct One<'a> {
    interpreter: &'a Interpreter,
    rules: Rules,
    line: &'a Line,
    stop: watch::Receiver<u32>,
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
        tokio::select! {
            // How it failed the cell tells.
            _ = self.interpreter.cells().ready() => true,
            () = tokio::time::sleep(START_DEADLINE) => true,
            Ok(()) = self.stop.changed() => false,
        }
    }

    /// Runs it, and changes what it updates in the cells before it.
    async fn run(mut self, cell: &Cell, count: u64, before: &mut [Option<(u64, Vec<Own>)>]) -> (Outcome, Vec<Own>) {
        let mut collector = Collector::default();
        let mut take = |event: Event| {
            if let Event::Progress(step) = &event {
                self.line.step(step);
            }
            if let Some(update) = collector.take(event) {
                before.iter_mut().flatten().for_each(|(_, own)| update.apply(own));
            }
        };
        let (sender, mut events) = mpsc::channel(EVENTS);
        let options = ExecuteOptions { label: format!("[{count}]"), allow_input: false, late: None };
        let mut execution = std::pin::pin!(self.interpreter.execute(&cell.source, &options, &sender));
        let mut ending = None::<Cause>;
        let mut interrupts = 0_u32;
        let mut deadline = self.rules.timeout.map(|timeout| Instant::now() + timeout);
        let ended = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => take(event),
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
            }
        };
        while let Ok(event) = events.try_recv() {
            take(event);
        }
        let outcome = self.outcome(cell, ending, ended);
        if let Some(error) = outcome.error() {
            collector.fail(error);
        }
        (outcome, collector.finish(count))
    }

    /// Interrupts once more; gives the time of the next step.
    fn interrupt(&self, interrupts: &mut u32) -> Instant {
        self.interpreter.interrupt();
        *interrupts += 1;
        Instant::now() + if *interrupts == 1 { SECOND_INTERRUPT } else { GIVE_UP }
    }

    fn outcome(&self, cell: &Cell, ending: Option<Cause>, ended: Option<Result<Ended, CellError>>) -> Outcome {
        match (ending, ended) {
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

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
