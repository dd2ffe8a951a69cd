//! What goes wrong with a call of the session.

use pelago_protocol::cells::Failure;

/// An error of a call, with a code for programs, a message for people and what
/// to do next.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// For programs, e.g. `model_unknown`, `interrupted`.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do next; may be empty.
    pub help: String,
}

impl std::fmt::Debug for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ({})", self.message, self.code)?;
        if self.help.is_empty() { Ok(()) } else { write!(out, "\n  → {}", self.help) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code, message: failure.message, help: failure.help }
    }
}

impl Error {
    pub(crate) fn lost(source: &std::io::Error) -> Self {
        Self {
            code: "session_lost".to_owned(),
            message: format!("the session does not answer: {source}"),
            help: "restart the kernel; models and history are kept".to_owned(),
        }
    }

    pub(crate) fn unexpected(found: &impl std::fmt::Debug) -> Self {
        Self {
            code: "protocol".to_owned(),
            message: format!("the session gave another answer than this call has: {found:?}"),
            help: "cells and kernel are of different versions: run `pelago install` and restart the kernel".to_owned(),
        }
    }
}

impl From<polars::error::PolarsError> for Error {
    fn from(error: polars::error::PolarsError) -> Self {
        Self { code: "frame".to_owned(), message: error.to_string(), help: String::new() }
    }
}
