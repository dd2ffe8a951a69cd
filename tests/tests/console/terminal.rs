//! A program in a real pseudo-terminal: keys go in, and what a terminal would
//! show comes out.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use pelago_tests::lab::pelago;
use portable_pty::{ChildKiller, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::{Color, Parser, Screen};

/// How long a test waits for what must come: the first Rust cell of a new home
/// compiles on a busy machine.
const DEADLINE: Duration = Duration::from_secs(240);

/// Rows of a terminal.
const ROWS: u16 = 40;

/// Up, in the terminal's words.
pub(crate) const UP: &str = "\x1b[A";
/// Enter.
pub(crate) const ENTER: &str = "\r";
/// Alt-Enter.
pub(crate) const ALT_ENTER: &str = "\x1b\r";
/// Ctrl-C.
pub(crate) const CTRL_C: &str = "\x03";
/// Ctrl-D.
pub(crate) const CTRL_D: &str = "\x04";

/// What the terminal shows, and a bell for those who wait for it to change.
struct Shown {
    parser: Mutex<Parser>,
    changed: Condvar,
}

/// `pelago` in a terminal. It is ended when this is dropped.
pub(crate) struct Terminal {
    shown: Arc<Shown>,
    keys: Box<dyn Write + Send>,
    killer: Box<dyn ChildKiller + Send + Sync>,
    exit: Receiver<u32>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts `pelago` with a home folder, in a terminal so many columns wide.
    pub(crate) fn start(home: &Path, columns: u16, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: ROWS, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(pelago());
        command.args(arguments);
        command.env_remove("NO_COLOR");
        command.env("PELAGO_HOME", home);
        command.env("TERM", "xterm-256color");
        environment.iter().for_each(|(name, value)| command.env(name, value));
        let mut child = pair.slave.spawn_command(command).unwrap();
        let killer = child.clone_killer();
        let (ended, exit) = sync_channel(1);
        std::thread::spawn(move || ended.send(child.wait().unwrap().exit_code()));
        let [rows, columns] = [ROWS, columns].map(|side| NonZero::new(side).unwrap());
        let shown = Arc::new(Shown { parser: Mutex::new(Parser::new(rows, columns, 0)), changed: Condvar::new() });
        let mut reader = pair.master.try_clone_reader().unwrap();
        let feed = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The read fails when the last process of the terminal is gone.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                feed.parser.lock().unwrap().process(&buffer[..length]);
                feed.changed.notify_all();
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { shown, keys, killer, exit, _master: pair.master }
    }

    /// Types.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is so, and gives its text.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Screen) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        let mut parser = self.shown.parser.lock().unwrap();
        while !is_so(parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} never came; the screen is\n{}", parser.screen().contents());
            parser = self.shown.changed.wait_timeout(parser, left).unwrap().0;
        }
        parser.screen().contents()
    }

    /// Waits for text anywhere on the screen.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contents().contains(text))
    }

    /// Waits until the line with the cursor is this, without blanks at its end.
    pub(crate) fn wait_for_line(&self, line: &str) -> String {
        self.wait(line, |screen| cursor_line(screen) == line)
    }

    /// Waits until the line with the cursor is this up to the cursor: a hint may stand behind it.
    pub(crate) fn wait_for_typed(&self, line: &str) -> String {
        self.wait(line, |screen| {
            let columns = screen.cursor_position().1;
            cursor_line(screen).chars().take(usize::from(columns)).collect::<String>().trim_end() == line
        })
    }

    /// Types a cell and waits until the prompt of that number is there.
    pub(crate) fn cell(&mut self, code: &str, next: u32) -> String {
        self.keys(code);
        self.keys(ENTER);
        self.wait_for_line(&format!("[{next}]>"))
    }

    /// Waits for the end, and gives the exit code.
    pub(crate) fn wait_for_exit(&self) -> u32 {
        self.exit.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("it did not end; the screen is\n{}", self.text()))
    }

    /// The screen as it is.
    pub(crate) fn text(&self) -> String {
        self.shown.parser.lock().unwrap().screen().contents()
    }

    /// The colours of a line's characters, by the text that it begins with.
    pub(crate) fn colours(&self, line: &str) -> Vec<Color> {
        let parser = self.shown.parser.lock().unwrap();
        let screen = parser.screen();
        let columns = screen.size().1.get();
        let row = screen.rows(0, columns).position(|row| row.starts_with(line));
        let row = row.unwrap_or_else(|| panic!("no line {line:?} in\n{}", screen.contents()));
        let row = u16::try_from(row).unwrap();
        (0..columns).filter_map(|column| Some(screen.cell(row, column)?.fgcolor())).collect()
    }
}

fn cursor_line(screen: &Screen) -> String {
    let (row, _) = screen.cursor_position();
    screen.rows(0, screen.size().1.get()).nth(usize::from(row)).unwrap_or_default().trim_end().to_owned()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.killer.kill();
    }
}
