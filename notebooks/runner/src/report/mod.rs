//! What became of each notebook and cell: for a person, for CI, and as the exit code.

mod junit;
mod lines;

use std::path::PathBuf;
use std::time::Duration;

use pelago_cells::interpreter::CellError;

pub use junit::junit;
pub use lines::verdict;

use super::error::NotebookError;

/// What became of a notebook.
#[derive(Debug)]
pub struct NotebookReport {
    /// Its file, as the user named it.
    pub path: PathBuf,
    /// Its code cells, blank ones left out.
    pub cells: Vec<CellReport>,
    /// Why it could not be run, or the result not be kept.
    pub problem: Option<NotebookError>,
    /// Whether the user ended it, also before its first cell.
    pub is_interrupted: bool,
    /// From opening the session to its end.
    pub elapsed: Duration,
}

/// What became of a cell.
#[derive(Debug)]
pub struct CellReport {
    /// Its place among all cells, from 1.
    pub number: usize,
    /// Its first line.
    pub line: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it ran.
    pub elapsed: Duration,
    /// What `--check` found.
    pub differences: Vec<String>,
    /// What `--check` compared of tables.
    pub compared: Vec<String>,
}

/// How a cell ended.
#[derive(Debug)]
pub enum Outcome {
    /// It ran.
    Passed,
    /// It failed, which it may.
    Allowed(CellError),
    /// It failed.
    Failed(CellError),
    /// It took longer than it may.
    TimedOut(CellError),
    /// The user ended it.
    Interrupted(CellError),
    /// It is tagged `skip-execution`.
    Skipped,
    /// A cell before it failed.
    NotRun,
}

/// How a run ended, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The user ended it.
    Interrupted,
    /// A notebook cannot be run, or the result not be kept.
    Unusable,
    /// A cell took too long.
    TimedOut,
    /// A cell failed.
    Failed,
    /// An output differs from the stored one.
    Differs,
    /// All is well.
    Passed,
}

impl Verdict {
    /// The exit code of the program.
    pub fn code(self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Unusable => 2,
            Self::TimedOut => 124,
            Self::Failed => 1,
            Self::Differs => 3,
            Self::Passed => 0,
        }
    }
}

impl Outcome {
    /// The error that it ended with.
    pub fn error(&self) -> Option<&CellError> {
        match self {
            Self::Allowed(error) | Self::Failed(error) | Self::TimedOut(error) | Self::Interrupted(error) => {
                Some(error)
            }
            Self::Passed | Self::Skipped | Self::NotRun => None,
        }
    }
}

impl CellReport {
    fn verdict(&self) -> Verdict {
        match self.outcome {
            Outcome::Interrupted(_) => Verdict::Interrupted,
            Outcome::TimedOut(_) => Verdict::TimedOut,
            Outcome::Failed(_) => Verdict::Failed,
            _ if !self.differences.is_empty() => Verdict::Differs,
            Outcome::Passed | Outcome::Allowed(_) | Outcome::Skipped | Outcome::NotRun => Verdict::Passed,
        }
    }
}

impl NotebookReport {
    /// The worst of what happened.
    pub fn verdict(&self) -> Verdict {
        let own = match &self.problem {
            _ if self.is_interrupted => Verdict::Interrupted,
            Some(_) => Verdict::Unusable,
            None => Verdict::Passed,
        };
        self.cells.iter().map(CellReport::verdict).fold(own, Ord::min)
    }
}
