//! Answers on stdout, drawn by `render`; progress bars and all else on stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pelago_cells::commands::Sink;
use pelago_protocol::Step;
use pelago_render::Shown;
use pelago_render::paint::{Paint, printable};

use crate::output::progress::Bars;
use crate::output::{self, screen};

/// This process's own stdout and stderr.
pub(super) struct Terminal {
    bars: Arc<Bars>,
    takes_json: bool,
    /// The text of a model that was written as it was made.
    made: Mutex<String>,
    /// `None` where stdout is no terminal: what is written then is the same wherever it runs.
    paint: Option<Paint>,
}

impl Terminal {
    pub(super) fn new(takes_json: bool, colours: bool) -> Self {
        let paint = io::stdout().is_terminal().then_some(Paint { on: colours });
        Self { bars: Bars::new(), takes_json, made: Mutex::default(), paint }
    }

    /// Takes every bar away, so that what follows starts on a clean line.
    pub(super) fn clear(&self) {
        self.bars.clear();
    }

    /// A line on stderr, above the bars.
    pub(super) fn line(&self, line: &str) {
        self.bars.beside(|| output::say(line));
    }
}

#[async_trait]
impl Sink for Terminal {
    fn takes_json(&self) -> bool {
        self.takes_json
    }

    async fn show(&self, shown: Shown) -> io::Result<()> {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let shown = shown.after(&made);
        let text = match self.paint {
            // A picture has no text of its own.
            None if matches!(shown, Shown::Chart(_)) => return Ok(()),
            Some(paint) => pelago_render::terminal(&shown, Some(screen::size().1), paint),
            None => pelago_render::plain(&shown),
        };
        self.bars.beside(|| output::print(text.trim_end_matches('\n')))
    }

    async fn json(&self, lines: String) -> io::Result<()> {
        self.bars.beside(|| raw(&lines))
    }

    async fn made(&self, piece: String) -> io::Result<()> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push_str(&piece);
        self.bars.beside(|| raw(&printable(&piece)))
    }

    async fn made_all(&self) -> io::Result<()> {
        self.bars.beside(|| raw("\n"))
    }

    async fn say(&self, line: String) {
        self.line(&line);
    }

    fn progress(&self, step: Step) {
        self.bars.show(&step);
    }
}

/// Writes text as it is.
fn raw(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Terminal").field("takes_json", &self.takes_json).finish_non_exhaustive()
    }
}
