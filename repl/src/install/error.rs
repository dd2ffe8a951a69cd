//! How an installation fails.

use std::io;
use std::path::PathBuf;

use pelago_cells::interpreter::{CellError, InterpreterError};
use pelago_protocol::Voice;

use crate::failure::{Advised, INTERRUPTED};

/// Why the kernel is not, or not wholly, installed or taken away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    #[error("the user has no home folder to install in")]
    NoHome,
    #[error("no Python environment was found: none is active and python3 did not name its own ({source})")]
    NoPython { source: io::Error },
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} cannot be taken away: {source}", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("{} holds the kernel spec of another program", path.display())]
    Foreign { path: PathBuf },
    #[error("there is no kernel in {}", path.display())]
    Missing { path: PathBuf },
    #[error("the kernel is installed, but its session cannot be opened: {source}")]
    Open { source: InterpreterError },
    #[error("the kernel is installed, but its first cell failed:\n{source}")]
    Warm { source: CellError },
    /// Ctrl-C: the spec is written, and the first cell compiles the rest.
    #[error("interrupted")]
    Interrupted,
}

impl Advised for InstallError {
    fn code(&self) -> &'static str {
        if matches!(self, Self::Interrupted) { "interrupted" } else { "install" }
    }

    fn advice(&self) -> String {
        let advice = match self {
            Self::NoHome => "name a place with --prefix",
            Self::NoPython { .. } => "activate one, or name its folder with --prefix",
            Self::Write { .. } => "see whether you may write there, or name another place with --prefix",
            Self::Remove { .. } => "see whether you may write there",
            Self::Foreign { .. } => "choose another --name",
            Self::Missing { .. } => {
                "`jupyter kernelspec list` shows where there are some: give the --name, and the --prefix or --sys-prefix \
                 that it was installed with"
            }
            Self::Open { source } => return source.advice().words(Voice::Shell),
            Self::Warm { .. } => {
                "mend it and install again, or leave the first compile to the first cell with --no-warm"
            }
            Self::Interrupted => "the kernel is installed; its first cell compiles what was not compiled yet",
        };
        advice.to_owned()
    }

    fn exit_code(&self) -> u8 {
        if matches!(self, Self::Interrupted) { INTERRUPTED } else { 1 }
    }
}
