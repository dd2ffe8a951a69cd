//! One notebook's, or one terminal's, state: a session, its Rust cells and its
//! `:commands`. A front end gives it code and gets [`Event`]s.
//!
//! It knows neither Jupyter's messages nor the terminal: what a cell shows is a
//! value ([`Shown`]), of which front ends make MIME bundles or text.

pub(crate) mod code;
mod completeness;
mod completion;
mod error;
mod event;
mod judge;
mod question;
#[cfg(test)]
mod tests;
pub(crate) mod typed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};

pub use completeness::{Completeness, completeness};
pub use completion::{Completion, Completions, Inspection};
pub use error::{CellError, InterpreterError};
pub use event::{Event, InputRequest};
pub use question::question;

use self::code::Code;
use crate::commands::{self, Context, Events, RustCells, Sink, Workplace};
use crate::rust::{CellOptions, Cells};
use pelago_session::{CancellationToken, Session, SessionOptions};

/// What a front end decides for an interpreter.
#[derive(Clone, Debug)]
pub struct InterpreterOptions {
    /// Models, results, browsers.
    pub session: SessionOptions,
    /// Rust cells.
    pub cells: CellOptions,
}

/// How one cell is run.
#[derive(Clone, Debug, Default)]
pub struct ExecuteOptions {
    /// What errors call the cell, e.g. `[3]`.
    pub label: String,
    /// Whether the front end can answer an [`Event::Input`]. Where it cannot,
    /// a cell that asks fails with an error that says so.
    pub allow_input: bool,
    /// Takes what threads of the cell print after the cell ended. Without it,
    /// that output goes to the cell that runs then, or is dropped.
    pub late: Option<mpsc::Sender<Event>>,
}

/// How a cell ended that did not fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Whether the user interrupted it and it came to its end all the same: what
    /// waits behind it is not to run.
    pub interrupted: bool,
}

/// A session, its cells and its commands. Cheap to clone; one cell runs at a
/// time, a second call waits for the first.
#[derive(Clone, Debug)]
pub struct Interpreter {
    session: Arc<Session>,
    cells: Arc<Cells>,
    /// What relative paths of commands are relative to.
    folder: Arc<Path>,
    /// Held while a cell runs.
    turn: Arc<Mutex<()>>,
    /// Ends the `:command` that runs.
    cancel: Arc<std::sync::Mutex<CancellationToken>>,
}

impl Interpreter {
    /// Opens the session. The Rust evaluator gets ready in the background;
    /// browsers open when they are first needed.
    ///
    /// # Errors
    /// [`InterpreterError`] where a folder cannot be used.
    pub async fn open(options: InterpreterOptions) -> Result<Self, InterpreterError> {
        // The evaluator starts while the session asks the browsers for their versions.
        let folder = options.cells.folder.clone().into();
        let cells = Arc::new(Cells::open(options.cells).await?);
        let session = Arc::new(Session::open(options.session).await?);
        cells.attach(Arc::clone(&session));
        Ok(Self { session, cells, folder, turn: Arc::default(), cancel: Arc::default() })
    }

    /// The session that cells and commands use.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The Rust cells.
    #[must_use]
    pub fn cells(&self) -> &Arc<Cells> {
        &self.cells
    }

    /// Runs a cell: lines that begin with `:` are commands, all else is Rust.
    /// What it shows comes through `events`, in order and before this returns;
    /// the value of the last expression is the last [`Event::Result`].
    ///
    /// # Errors
    /// [`CellError`]: the cell failed, as the error tells. The interpreter stays usable.
    pub async fn execute(
        &self,
        code: &str,
        options: &ExecuteOptions,
        events: &mpsc::Sender<Event>,
    ) -> Result<Ended, CellError> {
        let _turn = self.turn.lock().await;
        let work = Workplace::of(Arc::clone(&self.session));
        let sink: Arc<dyn Sink> = Arc::new(Events(events.clone()));
        let cancel = CancellationToken::new();
        *self.cancel() = cancel.clone();
        for part in code::split(code) {
            // One that came between two parts, or while a front end was slow to take an output, counts too.
            if cancel.is_cancelled() {
                return Err(CellError::interrupted());
            }
            match part {
                Code::Command { line, number } => {
                    let cells = Some(RustCells { cells: &self.cells, events });
                    let folder = &self.folder;
                    let context = Context { work: &work, cells, folder, sink: &sink, cancel: &cancel };
                    // What a front end of cells is told of the outcome is the answer itself.
                    commands::run(&context, line).await.map_err(|error| error.in_cell(line, number))?;
                }
                Code::Rust { text, first_line } => {
                    // Until the evaluator is there, nothing runs that it could interrupt.
                    tokio::select! {
                        ready = self.cells.ready() => ready?,
                        () = cancel.cancelled() => return Err(CellError::interrupted()),
                    }
                    let ended = self.cells.execute(text, first_line, options, events).await?;
                    if ended.interrupted {
                        return Ok(ended);
                    }
                }
            }
        }
        Ok(Ended::default())
    }

    /// Interrupts the running cell. The first time it cancels the session's
    /// call, the compile, or tells the user's loop, and keeps variables; the
    /// second time, or [`CellOptions::interrupt_deadline`] later, the process of
    /// the cells is ended. Nothing happens where no cell runs.
    pub fn interrupt(&self) {
        self.cancel().cancel();
        self.cells.interrupt();
    }

    fn cancel(&self) -> std::sync::MutexGuard<'_, CancellationToken> {
        // A token is put in whole, so a panic elsewhere leaves none half done.
        self.cancel.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What can stand at `cursor`, in code points.
    pub async fn complete(&self, code: &str, cursor: usize) -> Completions {
        if let Some(found) = commands::complete(&self.session, code, cursor).await {
            return found;
        }
        self.cells.complete(code, cursor).await
    }

    /// What is known about the word at `cursor`, in code points.
    pub async fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        if let Some(found) = commands::inspect(code, cursor) {
            return Some(found);
        }
        self.cells.inspect(code, cursor).await
    }

    /// Ends the cells' process, closes every browser, writes what is to be written.
    pub async fn close(&self) {
        self.cells.close().await;
        self.session.close().await;
    }
}

impl InterpreterOptions {
    /// How long an interrupt may take before the cells' process is ended.
    pub const INTERRUPT_DEADLINE: Duration = Duration::from_secs(10);

    /// The folder that cells see as working directory.
    #[must_use]
    pub fn with_folder(mut self, folder: PathBuf) -> Self {
        self.cells.folder = folder;
        self
    }
}
