//! Progress bars on stderr, on a terminal only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pelago_protocol::Step;
use pelago_render::step::{Line, Seen, Unit, seen};

/// Bars of the steps that are going on now. `indicatif` draws nothing where
/// stderr is not a terminal.
pub(crate) struct Bars {
    all: MultiProgress,
    open: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    /// No bar yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { all: MultiProgress::new(), open: Mutex::default() })
    }

    /// Writes beside the bars, which come back below it.
    pub(crate) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.all.suspend(write)
    }

    /// Takes every bar away, so that what follows starts on a clean line.
    pub(crate) fn clear(&self) {
        self.lock().drain().for_each(|(_, bar)| bar.finish_and_clear());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, ProgressBar>> {
        // A bar that panicked leaves the map whole: nothing in it is half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws a step.
    pub(crate) fn show(&self, step: &Step) {
        let line = match seen(step) {
            Seen::Going(line) => line,
            Seen::Over(key) => {
                if let Some(bar) = self.lock().remove(&key) {
                    bar.finish_and_clear();
                }
                return;
            }
            Seen::Note(text) => {
                // Said beside the bars, and still there when they are gone.
                self.beside(|| super::say(&text));
                return;
            }
        };
        let mut open = self.lock();
        let bar = open.entry(line.key.clone()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        });
        bar.set_style(style(&line));
        bar.set_message(line.label);
        let Some(total) = line.total else { return };
        bar.set_length(total);
        bar.set_position(line.done);
        if line.done >= total
            && let Some(bar) = open.remove(&line.key)
        {
            bar.finish_and_clear();
        }
    }
}

fn style(line: &Line) -> ProgressStyle {
    let template = match (line.unit, line.total) {
        (Unit::Runs, _) => "{spinner} {msg:40!} {bar:30} {pos}/{len} runs {eta}",
        (Unit::Bytes, Some(_)) => {
            "{spinner} {msg:40!} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}"
        }
        (Unit::Bytes, None) => "{spinner} {msg} {elapsed}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
