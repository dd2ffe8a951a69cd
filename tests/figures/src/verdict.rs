//! Targets, and what was found.

use crate::table::Table;

/// One target of the benchmark.
#[derive(Debug)]
pub struct Verdict {
    target: String,
    wanted: String,
    found: String,
    met: bool,
}

impl Verdict {
    /// A target, what was wanted and what was found, and whether that meets it.
    pub fn new(target: impl Into<String>, wanted: impl Into<String>, found: impl Into<String>, met: bool) -> Self {
        Self { target: target.into(), wanted: wanted.into(), found: found.into(), met }
    }

    fn cells(&self) -> [String; 4] {
        let met = if self.met { "yes" } else { "NO" };
        [self.target.clone(), self.wanted.clone(), self.found.clone(), met.to_owned()]
    }
}

/// Prints the table of all targets.
pub fn print(verdicts: &[Verdict]) {
    let mut table = Table::new(&["target", "wanted", "found", "met"]);
    verdicts.iter().for_each(|verdict| table.row(verdict.cells()));
    table.print("");
}
