//! Text above the line that is being typed, without spoiling that line.
//!
//! rustyline draws the prompt anew with each key, and asks its highlighter for
//! it: what waits to be shown is put before the prompt then. So it is known of
//! every text whether it was shown, and what was not by the time the line is
//! entered can be shown before the cell's own output. Where no key is pressed,
//! rustyline's external printer has it draw: it is used as a bell and prints
//! nothing, since what it is given may wait until the next prompt.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustyline::ExternalPrinter;
use tokio::sync::Notify;

/// Bytes that may wait to be drawn. Who prints more waits itself.
const WAITING: usize = 64 << 10;

/// The bell moves the cursor down to a line of its own.
const ONE_LINE_UP: &str = "\x1b[A";

/// What waits to be shown above the line. Cheap to clone: the editor draws it on a thread of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Above(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Whole lines.
    waiting: Mutex<String>,
    /// Whether the next drawing is because of a key, and not of the bell.
    by_key: AtomicBool,
    drawn: Notify,
}

impl Above {
    /// Adds lines. Each ends with a line break.
    pub(super) fn add(&self, lines: &str) {
        self.waiting().push_str(lines);
    }

    /// Whether there is room for more.
    pub(super) fn has_room(&self) -> bool {
        self.waiting().len() < WAITING
    }

    /// Waits until there is room again.
    pub(super) async fn room(&self) {
        while !self.has_room() {
            self.0.drawn.notified().await;
        }
    }

    /// What was not drawn.
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut *self.waiting())
    }

    /// To be called when the editor looks at the line: the drawing that follows is not the bell's.
    pub(super) fn key(&self) {
        self.0.by_key.store(true, Ordering::Relaxed);
    }

    /// The prompt as it is drawn now, after what waits.
    pub(super) fn before<'p>(&self, prompt: &'p str) -> Cow<'p, str> {
        let by_key = self.0.by_key.swap(false, Ordering::Relaxed);
        let lines = self.take();
        self.0.drawn.notify_one();
        if by_key && lines.is_empty() {
            return Cow::Borrowed(prompt);
        }
        let up = if by_key { "" } else { ONE_LINE_UP };
        Cow::Owned(format!("{up}{lines}{prompt}"))
    }

    fn waiting(&self) -> MutexGuard<'_, String> {
        // A holder that panicked leaves a text or none, both whole.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the editor draw its line, from any thread.
#[derive(Clone, Debug)]
pub(super) struct Bell(SyncSender<()>);

impl Bell {
    /// A bell, and the thread that rings it: ringing waits for the editor, which
    /// may be done with its line. The thread ends after bell and editor.
    pub(super) fn new(mut printer: impl ExternalPrinter + Send + 'static) -> std::io::Result<Self> {
        let (ring, rings) = sync_channel(1);
        let work = move || while rings.recv().is_ok() && printer.print(String::new()).is_ok() {};
        thread::Builder::new().name("pelago-bell".to_owned()).spawn(work)?;
        Ok(Self(ring))
    }

    /// Rings. One that was not heard yet is enough.
    pub(super) fn ring(&self) {
        let _ = self.0.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_draws_what_waits_before_the_prompt_and_once() {
        let above = Above::default();
        above.key();
        assert_eq!(above.before("[1]> "), "[1]> ");
        above.add("one\n");
        above.add("two\n");
        above.key();
        assert_eq!(above.before("[1]> "), "one\ntwo\n[1]> ");
        above.key();
        assert_eq!(above.before("[1]> "), "[1]> ");
        assert_eq!(above.take(), "");
    }

    #[test]
    fn the_bells_line_is_taken_back() {
        let above = Above::default();
        above.add("one\n");
        assert_eq!(above.before("[1]> "), "\x1b[Aone\n[1]> ");
        // A bell that is heard late moves nothing.
        assert_eq!(above.before("[1]> "), "\x1b[A[1]> ");
    }

    #[test]
    fn what_was_not_drawn_is_not_lost() {
        let above = Above::default();
        above.add("one\n");
        assert_eq!(above.take(), "one\n");
        above.key();
        assert_eq!(above.before("> "), "> ");
    }

    #[tokio::test]
    async fn who_prints_much_waits_for_the_editor() {
        let above = Above::default();
        above.add(&"x".repeat(WAITING));
        assert!(!above.has_room());
        let (drawn, ()) = tokio::join!(
            async {
                tokio::task::yield_now().await;
                above.before("> ").len()
            },
            above.room()
        );
        assert!(drawn > WAITING && above.has_room());
    }

    struct Printer(SyncSender<String>);

    impl ExternalPrinter for Printer {
        fn print(&mut self, text: String) -> rustyline::Result<()> {
            self.0.send(text).map_err(|error| std::io::Error::other(error).into())
        }
    }

    #[test]
    fn ringing_never_waits() {
        // An editor that never draws.
        let (sender, editor) = sync_channel(0);
        let bell = Bell::new(Printer(sender)).unwrap();
        for _ in 0..1000 {
            bell.ring();
        }
        assert_eq!(editor.recv().unwrap(), "", "a bell has no text of its own");
    }
}
