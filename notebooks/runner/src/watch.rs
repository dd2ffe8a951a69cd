//! Whoever watches notebooks while they run: a terminal, a log, or nobody.

use std::path::Path;
use std::time::Duration;

use pelago_protocol::Step;

use crate::report::Outcome;

/// Hears of each notebook.
pub trait Watcher: Sync {
    /// A notebook begins that has so many cells to run.
    fn notebook(&self, path: &Path, cells: usize) -> Box<dyn Line>;

    /// A sentence that the user should read.
    fn say(&self, text: &str);
}

/// Hears of the cells of one notebook. Dropped: the notebook ended.
pub trait Line: Send + Sync {
    /// A cell begins; `line` is its first line.
    fn begin(&self, line: &str);

    /// What the session does meanwhile.
    fn step(&self, step: &Step);

    /// The `position`th cell ended, from 1.
    fn end(&self, position: usize, line: &str, outcome: &Outcome, elapsed: Duration);
}
