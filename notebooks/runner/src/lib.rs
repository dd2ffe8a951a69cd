//! Notebooks without Jupyter and without Python: they are read as bytes, given parameters, run each in an interpreter
//! of its own, kept, compared with what was stored, and reported.
//!
//! How cells run is the interpreter's business, and how values look is the renderer's. The terminal and the command line
//! are not known here: whoever watches implements [`Watcher`].

mod check;
mod collect;
mod error;
mod execute;
mod files;
mod job;
mod late;
mod notebook;
mod outputs;
pub mod parameters;
mod places;
pub mod report;
mod watch;

use std::path::PathBuf;

pub use error::NotebookError;
pub use execute::Rules;
pub use files::save;
pub use job::{Job, plan};
pub use watch::{Line, Watcher};

/// Which notebooks are run, and what becomes of the results.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Their files.
    pub notebooks: Vec<PathBuf>,
    /// Where to write what ran: a file, or a folder.
    pub output: Option<PathBuf>,
    /// Whether to write what ran to the notebook itself.
    pub inplace: bool,
    /// Whether outputs are compared with those that the notebook keeps.
    pub check: bool,
    /// Where a report in JUnit's XML goes.
    pub junit: Option<PathBuf>,
}
