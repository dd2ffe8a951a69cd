//! How a command fails: a message that says what to do, on stderr, or the
//! documented JSON object on stdout; and an exit code that is not zero.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use pelago_cells::commands::{CommandError, Kept, ReportError};
use pelago_cells::interpreter::InterpreterError;
use pelago_cells::rust::CellsError;
use pelago_kernel::KernelError;
use pelago_protocol::Voice;
use pelago_session::SessionError;
use serde_json::json;

use crate::output;

/// The exit code of what Ctrl-C ended, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

/// An error that is told to the user. Its message is what it displays.
pub(crate) trait Advised: std::error::Error + Send + Sync {
    /// A word that scripts can rely on.
    fn code(&self) -> &'static str;

    /// What to do next. Empty where the message says it already.
    fn advice(&self) -> String;

    /// With what the process ends.
    fn exit_code(&self) -> u8 {
        1
    }

    /// Whether the reader of the output went away (`pelago … | head`): it is not told that it did.
    fn is_reader_gone(&self) -> bool {
        false
    }
}

/// Why a command ended without its result.
#[derive(Debug)]
pub(crate) struct Failure(Box<dyn Advised>);

impl<E: Advised + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl From<io::Error> for Failure {
    fn from(source: io::Error) -> Self {
        OutputError { source }.into()
    }
}

impl Failure {
    /// Tells the user and gives the exit code.
    pub(crate) fn report(&self, as_json: bool) -> ExitCode {
        let error = &self.0;
        if error.is_reader_gone() {
            return ExitCode::SUCCESS;
        }
        let (code, message, advice) = (error.code(), error.to_string(), error.advice());
        if as_json {
            let object = json!({ "error": { "code": code, "message": message, "help": advice } });
            // Where stdout is gone too, the exit code is all that is left to say it.
            let _ = output::print(&object.to_string());
        } else {
            output::say(&format!("error: {message}"));
            if !advice.is_empty() {
                output::say(&format!("  → {advice}"));
            }
        }
        ExitCode::from(error.exit_code())
    }
}

/// The terminal or a pipe does not take the output.
#[derive(Debug, thiserror::Error)]
#[error("the output cannot be written: {source}")]
struct OutputError {
    source: io::Error,
}

impl Advised for OutputError {
    fn code(&self) -> &'static str {
        "output"
    }

    fn advice(&self) -> String {
        room(&self.source)
    }

    fn is_reader_gone(&self) -> bool {
        self.source.kind() == io::ErrorKind::BrokenPipe
    }
}

/// What there is to do where nothing can be written.
fn room(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on the disk, and run it again",
        _ => "see whether what the output goes to is still there and may be written to",
    }
    .to_owned()
}

/// The operating system refuses what every command needs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SystemError {
    /// No threads, no timers.
    #[error("Pelago cannot start: {source}")]
    Start { source: io::Error },
    /// No signals.
    #[error("signals cannot be waited for: {source}")]
    Signals { source: io::Error },
    /// Its own executable cannot be named, which watches over browsers and cells.
    #[error("the path of Pelago's own program is not known: {source}")]
    Program { source: io::Error },
    /// The working directory is gone.
    #[error("the working directory cannot be used: {source}")]
    Folder { source: io::Error },
    /// What is named as home is no path.
    #[error("--home (or PELAGO_HOME) {} cannot be used: {source}", path.display())]
    Home { path: PathBuf, source: io::Error },
    /// The script on stdin cannot be read.
    #[error("the script on stdin cannot be read: {source}")]
    Stdin { source: io::Error },
    /// The environment lacks what a default is made of.
    #[error("neither --home nor PELAGO_HOME is given, and the user has no home folder")]
    NoHome,
}

impl Advised for SystemError {
    fn code(&self) -> &'static str {
        match self {
            Self::Start { .. } | Self::Signals { .. } | Self::Program { .. } => "system",
            Self::Folder { .. } => "folder",
            Self::Stdin { .. } => "stdin",
            Self::Home { .. } | Self::NoHome => "no_home",
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::Start { .. } | Self::Signals { .. } => "see whether a limit of this user is reached (`ulimit -a`)",
            Self::Program { .. } => "see whether the program was moved or deleted, and start it by its path",
            Self::Folder { .. } => "change to a folder that is there and that you may read",
            Self::Stdin { .. } => "give the script with `pelago < FILE`, or code with `pelago -c CODE`",
            Self::Home { .. } | Self::NoHome => "name a folder with --home",
        }
        .to_owned()
    }
}

/// Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

impl Advised for Interrupted {
    fn code(&self) -> &'static str {
        "interrupted"
    }

    fn advice(&self) -> String {
        String::new()
    }

    fn exit_code(&self) -> u8 {
        INTERRUPTED
    }
}

impl Advised for CommandError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn advice(&self) -> String {
        match self {
            Self::Interrupted { kept: Kept::Runs } => {
                "the runs that ended are recorded: `pelago history` shows them".to_owned()
            }
            Self::Output(source) => room(source),
            _ => self.words(Voice::Shell),
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted { .. } => INTERRUPTED,
            // 1 is a regression.
            Self::Report(error) if !matches!(error, ReportError::Write { .. }) => 2,
            _ => 1,
        }
    }

    fn is_reader_gone(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl Advised for SessionError {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn advice(&self) -> String {
        Self::advice(self).words(Voice::Shell)
    }
}

impl Advised for CellsError {
    fn code(&self) -> &'static str {
        "cells"
    }

    fn advice(&self) -> String {
        Self::advice(self).words(Voice::Shell)
    }
}

impl Advised for InterpreterError {
    fn code(&self) -> &'static str {
        match self {
            Self::Session(error) => error.code(),
            Self::Cells(_) => "cells",
        }
    }

    fn advice(&self) -> String {
        Self::advice(self).words(Voice::Shell)
    }
}

impl Advised for KernelError {
    fn code(&self) -> &'static str {
        "kernel"
    }

    fn advice(&self) -> String {
        self.help().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_told_nothing_and_a_full_disk_is() {
        let of = |kind| OutputError { source: io::Error::from(kind) };
        assert!(of(io::ErrorKind::BrokenPipe).is_reader_gone());
        assert!(!of(io::ErrorKind::StorageFull).is_reader_gone());
        assert!(of(io::ErrorKind::StorageFull).advice().contains("space"));
        assert!(!of(io::ErrorKind::PermissionDenied).advice().contains("space"));
    }

    #[test]
    fn an_error_of_the_system_says_which_and_what_to_do() {
        let source = || io::Error::from(io::ErrorKind::NotFound);
        let all = [
            SystemError::Start { source: source() },
            SystemError::Signals { source: source() },
            SystemError::Program { source: source() },
            SystemError::Folder { source: source() },
            SystemError::Home { path: PathBuf::new(), source: source() },
            SystemError::Stdin { source: source() },
            SystemError::NoHome,
        ];
        for error in all {
            assert!(!error.advice().is_empty() && !error.advice().contains("disk"), "{error}");
        }
    }
}
