//! Where each notebook is: a live line on a terminal, else a line a cell. Both
//! go to stderr.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pelago_runtime::session::Step;

use super::report::Outcome;
use crate::output;

/// The lines of all notebooks.
pub(super) struct Lines {
    /// `None` where stderr is no terminal.
    live: Option<MultiProgress>,
}

/// The line of one notebook.
pub(super) struct Line {
    bar: Option<ProgressBar>,
    name: String,
    cells: usize,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { live: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// A line for a notebook with that many cells to run.
    pub(super) fn notebook(&self, path: &Path, cells: usize) -> Line {
        let bar = self.live.as_ref().map(|live| {
            let bar = live.add(ProgressBar::new(u64::try_from(cells).unwrap_or(u64::MAX)));
            let style = ProgressStyle::with_template("{spinner} {prefix} {pos}/{len} {elapsed} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(path.display().to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Line { bar, name: path.display().to_string(), cells }
    }

    /// A text on stdout, above the live lines.
    pub(super) fn print(&self, text: &str) -> std::io::Result<()> {
        match &self.live {
            Some(live) => live.suspend(|| output::print(text)),
            None => output::print(text),
        }
    }

    /// A text on stderr, above the live lines.
    pub(super) fn say(&self, text: &str) {
        match &self.live {
            Some(live) => live.suspend(|| output::say(text)),
            None => output::say(text),
        }
    }
}

impl Line {
    /// A cell begins.
    pub(super) fn begin(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(line.to_owned());
        }
    }

    /// What the session does meanwhile.
    pub(super) fn step(&self, step: &Step) {
        let Some(bar) = &self.bar else { return };
        bar.set_message(match step {
            Step::Opening { product } => format!("opening {product}"),
            Step::Opened { product } => format!("{product} is open"),
            Step::Page { product, progress } => {
                format!("{product}: {} {}", progress.phase, progress.file.as_deref().unwrap_or_default())
            }
            Step::Fetching { model, loaded, total: Some(total), .. } => {
                format!("fetching {model} {}%", loaded * 100 / (*total).max(1))
            }
            Step::Fetching { model, .. } => format!("fetching {model}"),
            Step::Building { what } => what.clone(),
            Step::Chosen(fit) => fit.to_string(),
            Step::Measuring { what, done, total } => format!("{what} {}%", done * 100 / (*total).max(1)),
            Step::Adding { file, loaded, total } => format!("adding {file} {}%", loaded * 100 / (*total).max(1)),
        });
    }

    /// The `position`th cell ended, from 1.
    pub(super) fn end(&self, position: usize, line: &str, outcome: &Outcome, elapsed: Duration) {
        if let Some(bar) = &self.bar {
            bar.set_position(u64::try_from(position).unwrap_or(u64::MAX));
            return;
        }
        let word = match outcome {
            Outcome::Passed => "passed",
            Outcome::Allowed(_) => "failed, as it may",
            Outcome::Failed(_) => "failed",
            Outcome::TimedOut(_) => "timed out",
            Outcome::Interrupted(_) => "interrupted",
            Outcome::Skipped | Outcome::NotRun => return,
        };
        let Self { name, cells, .. } = self;
        output::say(&format!("{name} {position}/{cells} {word} {:.1} s  {line}", elapsed.as_secs_f64()));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
