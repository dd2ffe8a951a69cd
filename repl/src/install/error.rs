//! How an installation fails.

use std::io;
use std::path::PathBuf;

use pelago_cells::interpreter::{CellError, InterpreterError};

/// Why the kernel is not, or not wholly, installed or taken away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    #[error("the user has no home folder to install in; name a place with --prefix")]
    NoHome,
    #[error(
        "no Python environment was found: none is active and python3 did not name its own ({source}); \
         activate one, or name its folder with --prefix"
    )]
    NoPython { source: io::Error },
    #[error("{} cannot be written: {source}; see whether you may write there, or name another place with --prefix", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} cannot be taken away: {source}; see whether you may write there", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("{} holds the kernel spec of another program; choose another --name", path.display())]
    Foreign { path: PathBuf },
    #[error(
        "there is no kernel in {}; `jupyter kernelspec list` shows where there are some: \
         give the --name, and the --prefix or --sys-prefix that it was installed with",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error("the kernel is installed, but its session cannot be opened: {source}")]
    Open { source: InterpreterError },
    #[error("the kernel is installed, but its first cell failed:\n{source}")]
    Warm { source: CellError },
    /// Ctrl-C: the spec is written, and the first cell compiles the rest.
    #[error("interrupted")]
    Interrupted,
}
