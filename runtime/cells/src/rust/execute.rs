//! One cell: from its text to its result or its error, and how it is interrupted.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use evcxr::CompilationError;
use pelago_protocol::{Advice, Voice};
use serde_json::Value;
use tokio::sync::mpsc;

use super::compile_error::CompileError;
use super::evaluator::{Evaluator, Failed, Job, Ran};
use super::places::{Place, Text};
use super::refused::{cargos, compile_errors, refused};
use super::state::{Phase, Running};
use super::toolchain::WARNINGS;
use super::transform::{Known, MacroKind, Transformed, transform};
use super::{Cells, broken};
use crate::interpreter::{CellError, Ended, Event, ExecuteOptions};

/// From the end of a cell's code to the end of its output in both streams.
const LAST_OUTPUT: Duration = Duration::from_secs(30);
/// The same where the process ended.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// A runtime that a session's cells wait in, once the user has added tokio.
const TOKIO: &str = "static pelago_runtime: ::std::sync::LazyLock<tokio::runtime::Runtime> = ::std::sync::LazyLock::new(|| \
     tokio::runtime::Builder::BUILDER().enable_all().build().expect(\"a runtime of tokio\"));\n\
     fn pelago_wait<F: ::std::future::IntoFuture>(future: F) -> F::Output { pelago_runtime.block_on(future.into_future()) }";

/// What the session knows of the cells that ran.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: Known,
    /// Variables that were declared, and whether they are `mut`.
    declared: std::collections::HashMap<String, bool>,
    /// Warnings that were shown.
    warned: HashSet<String>,
}

/// A cell that was given to evcxr.
struct Attempt {
    cell: Arc<Text>,
    ran: Result<Ran, Failed>,
    running: Option<Running>,
}

impl Cells {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs Rust that begins on line `first_line` of its cell.
    pub(crate) async fn execute(
        &self,
        text: &str,
        first_line: usize,
        options: &ExecuteOptions,
        events: &mpsc::Sender<Event>,
    ) -> Result<Ended, CellError> {
        let evaluator = self.evaluator().await?;
        let known = self.memory().known.clone();
        let number = self.number();
        let transformed = transform(text, number, first_line, &known, true);
        let name = if options.label.is_empty() { "cell".to_owned() } else { format!("cell {}", options.label) };
        let cell = |transformed: Transformed| {
            Arc::new(Text { name: name.clone(), first_line, text: text.to_owned(), transformed })
        };
        let cell_as_guessed = cell(transformed);
        self.look_at(&evaluator, &cell_as_guessed).await?;
        let mut attempt = self.attempt(&evaluator, cell_as_guessed, number, options, events).await;
        if !attempt.cell.transformed.guessed.is_empty() {
            let is_refused = matches!(attempt.ran, Err(Failed::Compile(_) | Failed::Message(_)));
            let kind = if is_refused { MacroKind::Statements } else { MacroKind::Items };
            if is_refused && attempt.running.as_ref().is_none_or(|running| running.interrupts == 0) {
                // Nothing of it ran: the macros make statements.
                let again = self.number();
                let plain = cell(transform(text, again, first_line, &known, false));
                let second = self.attempt(&evaluator, plain, again, options, events).await;
                if !matches!(second.ran, Err(Failed::Compile(_) | Failed::Message(_))) {
                    self.learn(&attempt.cell.transformed.guessed, kind);
                    attempt = second;
                }
            } else {
                self.learn(&attempt.cell.transformed.guessed, kind);
            }
        }
        let warnings = attempt.cell.transformed.problems.iter().filter(|problem| problem.is_warning);
        let mut warnings: Vec<_> = warnings.map(|problem| CompileError::of_problem(problem, &attempt.cell)).collect();
        if attempt.ran.is_ok() {
            warnings.extend(self.warnings());
            self.remember(&attempt);
        }
        let Some(running) = attempt.running else { return Ok(Ended::default()) };
        self.outcome(attempt.ran, &running, &attempt.cell)?;
        // A cell that failed has its error; what is warned of is still there when it runs again.
        self.warn(warnings, events).await;
        Ok(Ended { interrupted: running.interrupts > 0 })
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Refuses a cell whose fault the compiler would tell in words of what stands around it.
    async fn look_at(&self, evaluator: &Evaluator, cell: &Arc<Text>) -> Result<(), CellError> {
        let Transformed { problems, is_broken, .. } = &cell.transformed;
        let problems = problems.iter().filter(|problem| !problem.is_warning);
        let mut errors: Vec<_> = problems.map(|problem| CompileError::of_problem(problem, cell)).collect();
        if *is_broken {
            let (tools, cell) = (evaluator.tools.clone(), Arc::clone(cell));
            let found = tokio::task::spawn_blocking(move || broken::errors(&tools, &cell)).await;
            errors = found.unwrap_or_default();
        }
        if errors.is_empty() { Ok(()) } else { Err(compile_errors(&errors)) }
    }

    /// Has evcxr compile and run a cell.
    async fn attempt(
        &self,
        evaluator: &Evaluator,
        cell: Arc<Text>,
        number: u64,
        options: &ExecuteOptions,
        events: &mpsc::Sender<Event>,
    ) -> Attempt {
        self.state.places.add(Arc::clone(&cell));
        self.options.compile().reset();
        self.state.start(number, events.clone(), options.allow_input, options.late.clone());
        let code = cell.transformed.code.clone();
        let ran = evaluator.ask(|reply| Job::Run { code, reply }).await;
        let ran = ran.unwrap_or_else(|| Err(Failed::Message("the Rust evaluator stopped".to_owned())));
        self.output_has_come(&ran).await;
        let running = self.state.finish();
        Attempt { cell, ran, running }
    }

    fn learn(&self, macros: &[String], kind: MacroKind) {
        self.memory().known.macros.extend(macros.iter().map(|name| (name.clone(), kind)));
    }

    /// What later cells are to know of one that ran.
    fn remember(&self, attempt: &Attempt) {
        let Transformed { defines, declares, .. } = &attempt.cell.transformed;
        let mut memory = self.memory();
        memory.known.macros.extend(defines.iter().cloned());
        for (name, is_mut, _) in declares {
            memory.declared.insert(name.clone(), *is_mut);
            memory.known.moved.remove(name);
        }
        for name in attempt.ran.iter().flat_map(|ran| &ran.gone) {
            if memory.declared.get(name).copied().unwrap_or_default() {
                memory.known.moved.insert(name.clone());
            }
        }
    }

    /// The compiler's warnings of what the user wrote.
    fn warnings(&self) -> Vec<CompileError> {
        let file = self.options.compile().file().with_extension(WARNINGS);
        let said = std::fs::read_to_string(file).unwrap_or_default();
        let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let place = |file: &str, line: usize, column: usize| {
            let place = self.state.places.find(file, line, column)?;
            Some((place.cell.as_ref().clone(), place.index, place.column))
        };
        let warnings = messages.map(|message| CompileError::of_json(&message, place));
        warnings.filter(CompileError::has_place).collect()
    }

    /// Shows warnings, each once a session: an item is compiled again with every cell.
    async fn warn(&self, warnings: Vec<CompileError>, events: &mpsc::Sender<Event>) {
        for warning in warnings {
            let text = warning.lines().join("\n") + "\n";
            if self.memory().warned.insert(text.clone()) {
                // A front end that is gone needs no warning.
                let _ = events.send(Event::Stderr(text)).await;
            }
        }
    }

    /// Runs what needs none of a cell's trimmings.
    pub(super) async fn run_plain(&self, code: String, events: &mpsc::Sender<Event>) -> Result<(), CellError> {
        let evaluator = self.evaluator().await?;
        let number = self.number();
        self.options.compile().reset();
        self.state.start(number, events.clone(), false, None);
        let ran = evaluator.ask(|reply| Job::Run { code, reply }).await;
        self.options.compile().reset();
        let running = self.state.finish();
        match ran {
            Some(Ok(_)) => Ok(()),
            _ if running.is_some_and(|running| running.interrupts > 0) => Err(CellError::interrupted()),
            Some(Err(Failed::Compile(errors))) => {
                let titles: Vec<_> = errors.iter().map(CompilationError::message).collect();
                Err(CellError::new("CompileError", titles.join("\n")))
            }
            Some(Err(Failed::Message(detail) | Failed::Ended(detail))) => {
                Err(CellError::new("CompileError", cargos(&detail)))
            }
            None => Err(CellError::new("CellsError", "the Rust evaluator stopped")
                .with_help(Advice::none().restart_cells().words(Voice::Command))),
        }
    }

    /// Adds the runtime that cells wait in; the user has added tokio.
    pub(super) async fn add_runtime(&self, events: &mpsc::Sender<Event>) -> Result<(), CellError> {
        if self.memory().known.has_tokio {
            return Ok(());
        }
        // Which of the two there is depends on the features that the user named.
        let mut added = Ok(());
        for builder in ["new_multi_thread", "new_current_thread"] {
            let text = TOKIO.replace("BUILDER", builder);
            let transformed = transform(&text, self.number(), 1, &Known::default(), false);
            added = self.run_plain(transformed.items_alone(), events).await;
            if added.is_ok() {
                self.memory().known.has_tokio = true;
                return Ok(());
            }
        }
        tracing::debug!(?added, "tokio has no runtime here: cells wait for futures without it");
        Ok(())
    }

    /// See [`crate::interpreter::Interpreter::interrupt`].
    pub(crate) fn interrupt(&self) {
        let Some((number, times, phase)) = self.state.interrupt() else { return };
        let Some(evaluator) = self.evaluator_now() else { return };
        if times > 1 {
            return evaluator.kill();
        }
        if phase == Phase::Compiling {
            self.options.compile().stop();
        }
        let (state, deadline) = (std::sync::Arc::clone(&self.state), self.options.interrupt_deadline);
        // Without a runtime there is no cell either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(end_after(deadline, number, state, evaluator));
        }
    }

    /// Waits for what a cell that ran still has to say, which comes over other
    /// connections than evcxr's word that it ran: that its code runs no more, and
    /// the marks of the end in both streams.
    async fn output_has_come(&self, ran: &Result<Ran, Failed>) {
        let process_ended = matches!(ran, Err(Failed::Ended(_)));
        if matches!(ran, Err(Failed::Compile(_) | Failed::Message(_))) {
            return;
        }
        let all = async {
            loop {
                let changed = self.state.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                match self.state.running() {
                    Some(running) if running.streams_ended < 2 => changed.await,
                    Some(running) if !running.has_left && !process_ended => changed.await,
                    _ => return,
                }
            }
        };
        // A process that ended gives no word; its streams end, if it had opened them.
        let patience = if process_ended { LAST_WORDS } else { LAST_OUTPUT };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("the last output of a cell did not come");
        }
    }

    fn outcome(&self, ran: Result<Ran, Failed>, running: &Running, cell: &Arc<Text>) -> Result<(), CellError> {
        let interrupted = running.interrupts > 0;
        // A panic that the cell caught is none of its errors.
        let was_caught = running.phase == Phase::Ended && ran.is_ok();
        if let Some(thrown) = running.thrown.as_ref().filter(|_| !was_caught && !matches!(ran, Err(Failed::Ended(_)))) {
            let line = thrown.line as usize;
            let place = if thrown.file.is_empty() {
                let index = line.checked_sub(cell.first_line);
                index.map(|index| Place { cell: Arc::clone(cell), index, column: 1 })
            } else {
                self.state.places.find(&thrown.file, line, 1)
            };
            if interrupted && thrown.name == "Error" {
                return Err(CellError::interrupted());
            }
            let mut error = CellError::new(&thrown.name, &thrown.message);
            error.traceback = traceback(&thrown.name, &thrown.message, place);
            return Err(error.with_help(&thrown.help));
        }
        match ran {
            Ok(_) if running.phase == Phase::Ended => Ok(()),
            Ok(_) => Err(CellError::new("Error", "the cell returned before its end")),
            Err(Failed::Ended(detail)) => Err(ended(&detail, interrupted)),
            Err(_) if interrupted => Err(CellError::interrupted()),
            Err(Failed::Compile(errors)) => {
                let errors: Vec<_> = errors.iter().map(|error| self.explained(error, cell)).collect();
                Err(compile_errors(&errors))
            }
            Err(Failed::Message(detail)) => Err(refused(&detail, cell)),
        }
    }

    /// An error of the compiler, with what the session knows of its cause.
    fn explained(&self, error: &CompilationError, cell: &Text) -> CompileError {
        let error = CompileError::of(error, cell, &self.state.places);
        let moved = error.named("E0425").filter(|name| self.memory().known.moved.contains(*name)).map(str::to_owned);
        match moved {
            Some(name) => {
                error.with_help(format!("`{name}` was moved away by an earlier cell; assign it a new value first"))
            }
            None => error,
        }
    }
}

async fn end_after(deadline: Duration, number: u64, state: std::sync::Arc<super::state::State>, evaluator: Evaluator) {
    tokio::time::sleep(deadline).await;
    if state.running().is_some_and(|running| running.number == number) {
        evaluator.kill();
    }
}

fn ended(detail: &str, interrupted: bool) -> CellError {
    let detail = detail.trim();
    let (name, value) = if interrupted {
        ("Interrupted", "the cell did not end when it was interrupted, so its process was ended".to_owned())
    } else {
        ("ProcessEnded", format!("the process of the cells ended: {}", reason(detail)))
    };
    let mut error = CellError::new(name, value).with_help(
        "variables are gone; functions, browsers, models and history are kept: run the cells that make them again",
    );
    error.variables_lost = true;
    error
}

/// evcxr's words for the end of a process, without what it printed before.
fn reason(detail: &str) -> String {
    let last = detail.lines().last().unwrap_or(detail);
    let status = last.split_once("terminated with status: ").map_or(last, |(_, status)| status);
    match status {
        "signal: 11 (SIGSEGV)" | "signal: 11 (SIGSEGV) (core dumped)" => {
            format!("{status}; a function that calls itself without end is the usual reason")
        }
        _ => status.to_owned(),
    }
}

fn traceback(name: &str, message: &str, place: Option<Place>) -> Vec<String> {
    let mut lines = vec![format!("{name}: {message}")];
    if let Some(place) = place {
        let line = place.line();
        let margin = " ".repeat(line.to_string().len());
        lines.push(format!("{margin}--> {}:{line}", place.cell.name));
        if let Some(source) = place.cell.text.lines().nth(place.index) {
            lines.push(format!("{margin} |"));
            lines.push(format!("{line} | {source}"));
        }
    }
    lines
}
