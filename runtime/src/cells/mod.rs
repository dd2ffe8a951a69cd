//! Rust cells: evcxr, a child process that runs them, and the socket on which
//! they talk back to the session.

mod error;
mod options;

use std::sync::Arc;

use tokio::sync::mpsc;

pub use error::CellsError;
pub use options::CellOptions;

use crate::interpreter::{CellError, Completions, Event, ExecuteOptions, Inspection};
use crate::session::Session;

/// A variable that cells share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type, as Rust.
    pub type_name: String,
}

/// The Rust cells of one interpreter.
#[derive(Debug)]
pub struct Cells {}

impl Cells {
    /// Starts the evaluator in the background.
    ///
    /// # Errors
    /// [`CellsError`] where the socket cannot be made.
    pub async fn open(options: CellOptions, session: Arc<Session>) -> Result<Self, CellsError> {
        let _ = (options, session);
        Ok(Self {})
    }

    /// Runs Rust that begins on line `first_line` of its cell.
    pub(crate) async fn execute(
        &self,
        text: &str,
        first_line: usize,
        options: &ExecuteOptions,
        events: &mpsc::Sender<Event>,
    ) -> Result<(), CellError> {
        let _ = (text, first_line, options, events);
        Err(CellError::new("CompileError", "Rust cells are not built"))
    }

    /// See [`crate::interpreter::Interpreter::interrupt`].
    pub(crate) fn interrupt(&self) {}

    /// Completes Rust.
    pub(crate) async fn complete(&self, code: &str, cursor: usize) -> Completions {
        let _ = code;
        Completions { start: cursor, end: cursor, matches: Vec::new() }
    }

    /// What is known about a word of Rust.
    pub(crate) async fn inspect(&self, code: &str, cursor: usize) -> Option<Inspection> {
        let _ = (code, cursor);
        None
    }

    /// The variables that cells share, by name.
    pub async fn variables(&self) -> Vec<Variable> {
        Vec::new()
    }

    /// Adds a crate for all cells to come, as `:dep` does: `serde`, `serde = "1"`, or
    /// `serde = { version = "1", features = ["derive"] }`. Its compiler output
    /// goes to `events`.
    ///
    /// # Errors
    /// [`CellError`] with cargo's words.
    pub async fn add_dependency(&self, spec: &str, events: &mpsc::Sender<Event>) -> Result<(), CellError> {
        let _ = (spec, events);
        Ok(())
    }

    /// Ends the child process.
    pub(crate) async fn close(&self) {}
}
