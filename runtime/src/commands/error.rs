//! How a command fails.

use crate::interpreter::CellError;
use crate::session::SessionError;

/// Why a command gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No command has that name.
    #[error("there is no command :{name}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The one that looks most like it.
        nearest: Option<String>,
    },
    /// The session says so.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl CommandError {
    /// As the error of the cell that the command stands in.
    #[must_use]
    pub fn in_cell(&self, line: &str, number: usize) -> CellError {
        let help = match self {
            Self::Unknown { nearest: Some(nearest), .. } => format!("did you mean :{nearest}? :help lists all"),
            Self::Unknown { nearest: None, .. } => ":help lists all".to_owned(),
            Self::Session(error) => error.help(),
        };
        let mut error = CellError::new("CommandError", self.to_string()).with_help(help);
        error.traceback.insert(0, format!("line {number}: :{line}"));
        error
    }
}
