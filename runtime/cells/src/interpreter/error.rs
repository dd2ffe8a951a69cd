//! How a cell fails, and how an interpreter fails to open.

use crate::rust::CellsError;
use pelago_protocol::Advice;
use pelago_session::SessionError;

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// The session says so.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The Rust cells say so.
    #[error(transparent)]
    Cells(#[from] CellsError),
}

impl InterpreterError {
    /// What to do next. Empty where the message says it already.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::Session(error) => error.advice(),
            Self::Cells(error) => error.advice(),
        }
    }
}

/// A cell that failed, in the terms that every front end shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellError {
    /// What kind of error: `CompileError`, `Panic`, the type of a failed `?`,
    /// `SessionError`, `CommandError`, `Interrupted`, `ChildEnded`.
    pub name: String,
    /// Its message, one line or a few.
    pub value: String,
    /// What to do next, where there is something; not in `value`.
    pub help: Option<String>,
    /// Lines for a person, plain text, pointing at the cell's own line.
    pub traceback: Vec<String>,
    /// Whether the variables of earlier cells are gone.
    pub variables_lost: bool,
}

impl CellError {
    /// The error of a cell that the user ended.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new("Interrupted", "the cell was interrupted; variables are kept")
    }

    /// An error with a traceback of its own message alone.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        let traceback = vec![format!("{name}: {value}")];
        Self { name, value, help: None, traceback, variables_lost: false }
    }

    /// With what to do next, which the traceback tells too.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        if !help.is_empty() {
            self.traceback.push(format!("  → {help}"));
            self.help = Some(help);
        }
        self
    }
}

impl std::fmt::Display for CellError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.traceback.join("\n"))
    }
}

impl std::error::Error for CellError {}
