//! Code that is given as a whole: `pelago -c CODE`, or a script on stdin. It is
//! one cell, so its last value is what is printed.

use std::io::IsTerminal;
use std::process::ExitCode;

use pelago_cells::interpreter::{ExecuteOptions, Interpreter};
use tokio::io::AsyncReadExt;

use super::Session;
use super::cell::{self, Ended};
use crate::failure::{Advised, Failure, SystemError};

/// Bytes of a script at most: something that never ends is no script.
const MOST: u64 = 16 << 20;

/// Why there is no script on stdin.
#[derive(Debug, thiserror::Error)]
enum ScriptError {
    /// Bytes that are no text.
    #[error("the script on stdin is not UTF-8 from byte {valid_up_to} on")]
    NotUtf8 {
        /// Bytes before it.
        valid_up_to: usize,
    },
    /// Too much.
    #[error("the script on stdin is longer than {} MiB", MOST >> 20)]
    TooLong,
}

impl Advised for ScriptError {
    fn code(&self) -> &'static str {
        "script"
    }

    fn advice(&self) -> String {
        match self {
            Self::NotUtf8 { .. } => "save it as UTF-8",
            Self::TooLong => "read large data from a file in the script instead",
        }
        .to_owned()
    }
}

/// The whole of stdin.
pub(super) async fn read() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = tokio::io::stdin().take(MOST + 1).read_to_end(&mut bytes).await;
    read.map_err(|source| SystemError::Stdin { source })?;
    if bytes.len() as u64 > MOST {
        return Err(ScriptError::TooLong.into());
    }
    String::from_utf8(bytes)
        .map_err(|error| ScriptError::NotUtf8 { valid_up_to: error.utf8_error().valid_up_to() }.into())
}

/// Runs the code as one cell: results on stdout, the rest on stderr. The exit
/// code is 1 where it fails, and 130 where Ctrl-C ended it.
pub(super) async fn run(interpreter: &Interpreter, session: &mut Session, code: String) -> Result<ExitCode, Failure> {
    // Without `-c` stdin was the script, and has no answers any more.
    let allow_input = std::io::stdin().is_terminal();
    let late = Some(session.threads.sender());
    let options = ExecuteOptions { label: "script".to_owned(), allow_input, late };
    match cell::run(interpreter, session, code, options).await? {
        Ended::Well => Ok(ExitCode::SUCCESS),
        Ended::Failed => Ok(ExitCode::FAILURE),
        Ended::Interrupted => Ok(ExitCode::from(130)),
    }
}
