//! Progress bars on stderr, on a terminal only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pelago_runtime::session::{Observer, Step};

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

    /// What to hand to a session.
    pub(crate) fn observer(self: &Arc<Self>) -> Observer {
        let bars = Arc::clone(self);
        Arc::new(move |step| bars.show(&step))
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
        // Bars by what goes on; the label of one may change while it does.
        let (key, label, loaded, total) = match step {
            Step::Opening { product } => {
                let label = format!("opening {product}");
                (label.clone(), label, 0, None)
            }
            Step::Opened { product } => {
                if let Some(bar) = self.lock().remove(&format!("opening {product}")) {
                    bar.finish_and_clear();
                }
                return;
            }
            Step::Page { product, progress } => {
                let what = progress.file.as_deref().unwrap_or("");
                let label = format!("{product}: {} {what}", progress.phase);
                (label.clone(), label, progress.loaded, progress.total)
            }
            Step::Fetching { model, loaded, total, sources } => {
                let sources = if *sources == 1 { String::new() } else { format!(" from {sources} sources") };
                ("fetching".to_owned(), format!("fetching {model}{sources}"), *loaded, *total)
            }
            Step::Building { what } => ("building".to_owned(), what.clone(), 0, None),
            Step::Chosen(fit) => {
                // Said beside the bars, and still there when they are gone.
                self.all.suspend(|| super::say(&fit.to_string()));
                return;
            }
            Step::Measuring { what, done, total } => ("measuring".to_owned(), what.clone(), *done, Some(*total)),
            Step::Adding { file, loaded, total } => {
                ("adding".to_owned(), format!("adding {file}"), *loaded, Some(*total))
            }
        };
        let mut open = self.lock();
        let bar = open.entry(key).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar.set_style(style(step, total.is_some()));
            bar
        });
        bar.set_message(label);
        if let Some(total) = total {
            bar.set_style(style(step, true));
            bar.set_length(total);
            bar.set_position(loaded);
            if loaded >= total {
                bar.finish_and_clear();
            }
        }
    }
}

fn style(step: &Step, sized: bool) -> ProgressStyle {
    let template = match step {
        Step::Measuring { .. } => "{spinner} {msg:40!} {bar:30} {pos}/{len} runs {eta}",
        _ if sized => "{spinner} {msg:40!} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        _ => "{spinner} {msg} {elapsed}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
