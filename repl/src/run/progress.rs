//! Where each notebook is: a live line on a terminal, else a line a cell. Both
//! go to stderr.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pelago_protocol::Step;
use pelago_render::step::{Seen, seen};

use crate::output;
use pelago_runner::report::Outcome;
use pelago_runner::{Line as Watched, Watcher};

/// The lines of all notebooks.
pub(super) struct Lines {
    /// `None` where stderr is no terminal.
    live: Option<MultiProgress>,
}

/// The line of one notebook.
struct Line {
    bar: Option<ProgressBar>,
    name: String,
    cells: usize,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { live: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// A text on stdout, above the live lines.
    pub(super) fn print(&self, text: &str) -> std::io::Result<()> {
        match &self.live {
            Some(live) => live.suspend(|| output::print(text)),
            None => output::print(text),
        }
    }
}

impl Watcher for Lines {
    fn notebook(&self, path: &Path, cells: usize) -> Box<dyn Watched> {
        let bar = self.live.as_ref().map(|live| {
            let bar = live.add(ProgressBar::new(u64::try_from(cells).unwrap_or(u64::MAX)));
            let style = ProgressStyle::with_template("{spinner} {prefix} {pos}/{len} {elapsed} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(path.display().to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Box::new(Line { bar, name: path.display().to_string(), cells })
    }

    fn say(&self, text: &str) {
        match &self.live {
            Some(live) => live.suspend(|| output::say(text)),
            None => output::say(text),
        }
    }
}

impl Watched for Line {
    fn begin(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(line.to_owned());
        }
    }

    fn step(&self, step: &Step) {
        let Some(bar) = &self.bar else { return };
        match seen(step) {
            Seen::Going(line) => {
                let percent = line.percent().map_or(String::new(), |percent| format!(" {percent}%"));
                bar.set_message(format!("{}{percent}", line.label));
            }
            Seen::Over(_) => bar.set_message(String::new()),
            Seen::Note(text) => bar.set_message(text),
        }
    }

    fn end(&self, position: usize, line: &str, outcome: &Outcome, elapsed: Duration) {
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
