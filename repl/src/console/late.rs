//! What threads of a cell print after that cell ended. Everything goes to one
//! terminal, so one channel serves all cells of a session.

use std::time::{Duration, Instant};

use pelago_cells::interpreter::Event;
use pelago_render::Shown;
use tokio::sync::mpsc;

use crate::output::screen::{Screen, Stream};

/// Events that may wait to be shown. Threads that are further ahead wait.
const QUEUE: usize = 64;

/// How long a line above the prompt waits for its end.
const WAIT: Duration = Duration::from_millis(100);

/// Bytes of a line above the prompt that never ends.
const LONGEST: usize = 8 << 10;

/// Something to show.
#[derive(Debug)]
pub(super) enum Late {
    /// Text of one of the streams, as it came.
    Text(Stream, String),
    /// A value.
    Value(Shown),
}

/// Both ends of the channel.
#[derive(Debug)]
pub(super) struct Threads {
    sender: mpsc::Sender<Event>,
    coming: mpsc::Receiver<Event>,
}

impl Threads {
    pub(super) fn new() -> Self {
        let (sender, coming) = mpsc::channel(QUEUE);
        Self { sender, coming }
    }

    /// Where a cell's threads print to.
    pub(super) fn sender(&self) -> mpsc::Sender<Event> {
        self.sender.clone()
    }

    /// The next that there is to show. It waits for ever where nothing is printed.
    pub(super) async fn next(&mut self) -> Late {
        loop {
            match self.coming.recv().await {
                Some(event) => {
                    if let Some(late) = shown(event) {
                        return late;
                    }
                }
                // Not so while the other end is kept here.
                None => std::future::pending().await,
            }
        }
    }

    /// Shows all that comes until the work is done, and what has come by then.
    pub(super) async fn during(&mut self, work: impl Future<Output = ()>, screen: &mut Screen) -> std::io::Result<()> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                () = &mut work => break,
                late = self.next() => late.show(screen)?,
            }
        }
        while let Ok(event) = self.coming.try_recv() {
            if let Some(late) = shown(event) {
                late.show(screen)?;
            }
        }
        Ok(())
    }
}

/// A thread cannot clear what other cells show, nor ask while the user types code.
fn shown(event: Event) -> Option<Late> {
    match event {
        Event::Stdout(text) => Some(Late::Text(Stream::Out, text)),
        Event::Stderr(text) => Some(Late::Text(Stream::Err, text)),
        Event::Display { shown, .. } | Event::Result(shown) => Some(Late::Value(shown)),
        Event::Clear { .. } | Event::Progress(_) | Event::Input(_) | Event::Made(_) | Event::MadeAll => None,
    }
}

impl Late {
    /// Which stream it goes to.
    pub(super) fn stream(&self) -> Stream {
        match self {
            Self::Text(stream, _) => *stream,
            Self::Value(_) => Stream::Out,
        }
    }

    /// Shows it where the cursor is.
    pub(super) fn show(self, screen: &mut Screen) -> std::io::Result<()> {
        match self {
            Self::Text(stream, text) => screen.text(stream, &text),
            Self::Value(shown) => screen.show(&shown, None, false),
        }
    }
}

/// Text on its way above the prompt, where only whole lines can stand.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: String,
    due: Option<Instant>,
}

impl Lines {
    /// Adds text, and gives the lines that are whole now.
    pub(super) fn add(&mut self, text: &str) -> String {
        self.begun.push_str(text);
        let end = self.begun.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.begun.split_off(end);
        let mut whole = std::mem::replace(&mut self.begun, rest);
        if self.begun.len() > LONGEST {
            whole += &self.rest();
        }
        self.due = if self.begun.is_empty() { None } else { Some(self.due.unwrap_or_else(|| Instant::now() + WAIT)) };
        whole
    }

    /// The line that is begun, ended.
    pub(super) fn rest(&mut self) -> String {
        self.due = None;
        let mut rest = std::mem::take(&mut self.begun);
        if !rest.is_empty() {
            rest.push('\n');
        }
        rest
    }

    /// When [`Self::rest`] is to be shown, if nothing comes before.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_whole_above_the_prompt() {
        let mut lines = Lines::default();
        assert_eq!(lines.add("a"), "");
        assert!(lines.due().is_some());
        assert_eq!(lines.add("b\nc\nd"), "ab\nc\n");
        assert!(lines.due().is_some());
        assert_eq!(lines.add("\n"), "d\n");
        assert_eq!((lines.due(), lines.rest()), (None, String::new()));
        lines.add("no end");
        assert_eq!((lines.rest(), lines.due()), ("no end\n".to_owned(), None));
    }

    #[test]
    fn a_line_that_never_ends_is_cut() {
        let mut lines = Lines::default();
        let shown: usize = (0..100).map(|_| lines.add(&"x".repeat(1000)).len()).sum();
        assert!(shown > 90_000, "{shown}");
    }

    #[tokio::test]
    async fn only_what_can_be_shown_anywhere_comes_through() {
        let mut threads = Threads::new();
        let sender = threads.sender();
        for event in [Event::Clear { wait: false }, Event::Stderr("x".to_owned())] {
            sender.send(event).await.unwrap();
        }
        assert!(matches!(threads.next().await, Late::Text(Stream::Err, text) if text == "x"));
        sender.send(Event::Result(Shown::Text("v".to_owned()))).await.unwrap();
        assert_eq!(threads.next().await.stream(), Stream::Out);
    }
}
