//! How a command fails: a message that says what to do, on stderr, or the
//! documented JSON object on stdout; and an exit code that is not zero.

use std::path::PathBuf;
use std::process::ExitCode;

use pelago_cells::interpreter::InterpreterError;
use pelago_cells::rust::CellsError;
use pelago_kernel::KernelError;
use pelago_protocol::Voice;
use pelago_results::reports::NoMoment;
use pelago_runner::NotebookError;
use pelago_session::SessionError;
use serde_json::json;

use crate::console::ScriptError;
use crate::install::InstallError;
use crate::output;

/// Why a command ended without its result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The session says so.
    Session(SessionError),
    /// The Rust cells do.
    Cells(CellsError),
    /// The script on stdin is none.
    Script(ScriptError),
    /// The kernel cannot be installed, or taken away.
    Install(InstallError),
    /// The kernel cannot start.
    Kernel(KernelError),
    /// The terminal, a pipe or the operating system does.
    Io(std::io::Error),
    /// The environment lacks what a default is made of.
    NoHome,
    /// A word that is no time.
    Moment(NoMoment),
    /// A file that is no report.
    NoReport {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Two reports that have no route in common.
    NothingToCompare,
    /// A file that could not be written.
    Output(Box<NotebookError>),
    /// Ctrl-C.
    Interrupted,
}

impl From<NoMoment> for Failure {
    fn from(error: NoMoment) -> Self {
        Self::Moment(error)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<CellsError> for Failure {
    fn from(error: CellsError) -> Self {
        Self::Cells(error)
    }
}

impl From<InterpreterError> for Failure {
    fn from(error: InterpreterError) -> Self {
        match error {
            InterpreterError::Session(error) => Self::Session(error),
            InterpreterError::Cells(error) => Self::Cells(error),
        }
    }
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Self {
        Self::Script(error)
    }
}

impl From<InstallError> for Failure {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Interrupted => Self::Interrupted,
            error => Self::Install(error),
        }
    }
}

impl From<KernelError> for Failure {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    /// Tells the user and gives the exit code.
    pub(crate) fn report(&self, as_json: bool) -> ExitCode {
        // A reader that went away (`pelago … | head`) is not told that it did.
        if matches!(self, Self::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        let (code, message, help) = self.parts();
        if as_json {
            let object = json!({ "error": { "code": code, "message": message, "help": help } });
            // Where stdout is gone too, the exit code is all that is left to say it.
            let _ = output::json::print(&object);
        } else {
            output::say(&format!("error: {message}"));
            if !help.is_empty() {
                output::say(&format!("  → {help}"));
            }
        }
        match self {
            Self::Interrupted => ExitCode::from(130),
            // 1 is a regression.
            Self::Moment(_) | Self::NoReport { .. } | Self::NothingToCompare => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    fn parts(&self) -> (&'static str, String, String) {
        match self {
            Self::Session(error) => (error.code(), error.to_string(), error.advice().words(Voice::Shell)),
            Self::Cells(error) => ("cells", error.to_string(), error.advice().words(Voice::Shell)),
            Self::Script(error) => ("script", error.to_string(), String::new()),
            // Their messages say what to do.
            Self::Install(error) => ("install", error.to_string(), String::new()),
            Self::Kernel(error) => ("kernel", error.to_string(), String::new()),
            Self::Io(error) => ("io", error.to_string(), "see whether the terminal or the disk is full".to_owned()),
            Self::NoHome => (
                "no_home",
                "neither --home nor PELAGO_HOME is given, and the user has no home folder".to_owned(),
                "name a folder with --home".to_owned(),
            ),
            Self::Moment(error) => ("time", error.to_string(), String::new()),
            Self::NoReport { path, reason } => (
                "no_report",
                format!("{} is no report that can be read: {reason}", path.display()),
                "write one with `pelago report --format json -o FILE`".to_owned(),
            ),
            Self::NothingToCompare => (
                "nothing_to_compare",
                "the two reports have no route with warm runs of the same inputs in common".to_owned(),
                "run the same inputs for both, several times in one session (`--repeat 30`)".to_owned(),
            ),
            Self::Output(error) => ("output", error.to_string(), error.help()),
            Self::Interrupted => ("interrupted", "interrupted".to_owned(), String::new()),
        }
    }
}
