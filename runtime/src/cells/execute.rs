//! One cell: from its text to its result or its error, and how it is interrupted.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Cells;
use super::evaluator::{Evaluator, Failed, Job};
use super::state::{Phase, Running};
use super::transform::{Transformed, transform};
use crate::interpreter::{CellError, Ended, Event, ExecuteOptions};

/// From the end of a cell's code to the end of its output in both streams.
const LAST_OUTPUT: Duration = Duration::from_secs(30);
/// The same where the process ended.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Texts of cells that are kept for tracebacks.
const TEXTS: usize = 200;

/// A cell that was compiled.
#[derive(Clone, Debug)]
pub(super) struct Text {
    name: String,
    first_line: usize,
    text: String,
    transformed: Transformed,
}

impl Cells {
    /// Runs Rust that begins on line `first_line` of its cell.
    pub(crate) async fn execute(
        &self,
        text: &str,
        first_line: usize,
        options: &ExecuteOptions,
        events: &mpsc::Sender<Event>,
    ) -> Result<Ended, CellError> {
        let evaluator = self.evaluator().await?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let transformed = transform(text, number, first_line);
        let name = if options.label.is_empty() { "cell".to_owned() } else { format!("cell {}", options.label) };
        let cell = Text { name, first_line, text: text.to_owned(), transformed };
        let code = cell.transformed.code.clone();
        {
            let mut texts = self.texts.lock().await;
            texts.push(cell.clone());
            if texts.len() > TEXTS {
                texts.remove(0);
            }
        }
        self.options.compile().reset();
        self.state.start(number, events.clone(), options.allow_input);
        let ran = evaluator.ask(|reply| Job::Run { code, reply }).await;
        let ran = ran.unwrap_or_else(|| Err(Failed::Message("the Rust evaluator stopped".to_owned())));
        self.output_has_come(&ran).await;
        self.options.compile().reset();
        match self.state.finish() {
            Some(running) => {
                self.outcome(ran, &running, &cell).await?;
                Ok(Ended { interrupted: running.interrupts > 0 })
            }
            None => Ok(Ended::default()),
        }
    }

    /// Runs what needs none of a cell's trimmings.
    pub(super) async fn run_plain(&self, code: String, events: &mpsc::Sender<Event>) -> Result<(), CellError> {
        let evaluator = self.evaluator().await?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        self.options.compile().reset();
        self.state.start(number, events.clone(), false);
        let ran = evaluator.ask(|reply| Job::Run { code, reply }).await;
        self.options.compile().reset();
        let running = self.state.finish();
        match ran {
            Some(Ok(())) => Ok(()),
            _ if running.is_some_and(|running| running.interrupts > 0) => Err(CellError::interrupted()),
            Some(Err(Failed::Compile(errors))) => {
                let titles: Vec<_> = errors.iter().map(super::compile_error::CompileError::title).collect();
                Err(CellError::new("CompileError", titles.join("\n")))
            }
            Some(Err(Failed::Message(detail) | Failed::Ended(detail))) => Err(CellError::new("CompileError", detail)),
            None => Err(CellError::new("CellsError", "the Rust evaluator stopped").with_help("restart the kernel")),
        }
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
    async fn output_has_come(&self, ran: &Result<(), Failed>) {
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

    async fn outcome(&self, ran: Result<(), Failed>, running: &Running, cell: &Text) -> Result<(), CellError> {
        let interrupted = running.interrupts > 0;
        // A panic that the cell caught is none of its errors.
        let was_caught = running.phase == Phase::Ended && matches!(ran, Ok(()));
        if let Some(thrown) = running.thrown.as_ref().filter(|_| !was_caught) {
            let place = if thrown.file.is_empty() {
                Some((cell.clone(), thrown.line as usize))
            } else {
                self.find(&thrown.file, thrown.line as usize).await
            };
            if interrupted && thrown.name == "Error" {
                return Err(CellError::interrupted());
            }
            let mut error = CellError::new(&thrown.name, &thrown.message);
            error.traceback = traceback(&thrown.name, &thrown.message, place);
            return Err(error.with_help(&thrown.help));
        }
        match ran {
            Ok(()) if running.phase == Phase::Ended => Ok(()),
            Ok(()) => Err(CellError::new("Error", "the cell returned before its end, by an error that stderr tells")),
            Err(Failed::Ended(detail)) => Err(ended(&detail, interrupted)),
            Err(_) if interrupted => Err(CellError::interrupted()),
            Err(Failed::Compile(errors)) => {
                let first = errors.first().map(super::compile_error::CompileError::title).unwrap_or_default();
                let mut error = CellError::new("CompileError", first);
                error.traceback = errors
                    .iter()
                    .flat_map(|each| each.lines(&cell.text, &cell.transformed, &cell.name, cell.first_line))
                    .collect();
                Err(error)
            }
            Err(Failed::Message(detail)) => Err(CellError::new("CompileError", detail)),
        }
    }

    /// The cell and its line that a line of the compiled file is. The file holds
    /// the cells' lines as they are, so the newest cell that has this line is it.
    async fn find(&self, file: &str, line: usize) -> Option<(Text, usize)> {
        let evaluator = self.evaluator_now()?;
        if !file.ends_with("lib.rs") {
            return None;
        }
        let source = evaluator.ask(|reply| Job::Source { reply }).await??;
        let wanted = source.lines().nth(line.checked_sub(1)?)?;
        // Of several lines with the same text, it is as far along in the cell as in the file.
        let before = source.lines().take(line - 1).filter(|other| *other == wanted).count();
        let texts = self.texts.lock().await;
        texts.iter().rev().find_map(|cell| {
            let same =
                cell.transformed.code.lines().enumerate().filter(|(_, other)| *other == wanted || holds(wanted, other));
            let same: Vec<usize> = same.map(|(index, _)| index).collect();
            let index = same.get(before).or(same.last())?;
            Some((cell.clone(), index + cell.first_line))
        })
    }
}

/// Whether a line of the compiled file is this line of a cell: evcxr puts each
/// statement on a line of its own and text around it.
fn holds(compiled: &str, line: &str) -> bool {
    let (compiled, line) = (compiled.trim(), line.trim());
    compiled.len().min(line.len()) > 3 && (compiled.contains(line) || line.contains(compiled))
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

fn traceback(name: &str, message: &str, place: Option<(Text, usize)>) -> Vec<String> {
    let mut lines = vec![format!("{name}: {message}")];
    if let Some((cell, line)) = place {
        let margin = " ".repeat(line.to_string().len());
        lines.push(format!("{margin}--> {}:{line}", cell.name));
        if let Some(source) = line.checked_sub(cell.first_line).and_then(|index| cell.text.lines().nth(index)) {
            lines.push(format!("{margin} |"));
            lines.push(format!("{line} | {source}"));
        }
    }
    lines
}
