//! Where a running cell's output goes: stdout and stderr, in order, with
//! progress bars that never overwrite a line.
//!
//! It remembers how far the cursor has come since the cell began, so that a
//! result starts on a line of its own, `clear_output` takes away what the cell
//! wrote, and `update_display` replaces what is still the last thing shown. It
//! knows nothing of cells or prompts.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::sync::Arc;

use console::{Term, measure_text_width};
use pelago_cells::interpreter::CellError;
use pelago_protocol::Step;
use pelago_render::Shown;
use pelago_render::paint::{Ink, Paint, printable};

use super::progress::Bars;

/// Rows above which their exact number no longer matters: no terminal is so high.
const MANY_ROWS: usize = 10_000;

/// Columns of a terminal that does not tell.
const USUAL_WIDTH: usize = 80;

/// Rows of a terminal that does not tell.
const USUAL_HEIGHT: usize = 24;

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Results.
    Out,
    /// The rest.
    Err,
}

/// The output of one process, cell by cell.
pub(crate) struct Screen {
    bars: Arc<Bars>,
    /// Colours of stdout and of stderr.
    paint: [Paint; 2],
    /// Whether stdout and stderr are terminals.
    terminal: [bool; 2],
    /// The cursor, relative to where the cell began.
    cursor: Cursor,
    /// Whether stdout, being no terminal, is in the middle of a line.
    in_line: bool,
    /// Clear before the next output.
    clear_first: bool,
    /// The display that is still the last thing shown: its name and where it began.
    last: Option<(String, usize)>,
    /// What a model made in this cell and no result has shown yet.
    made: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    row: usize,
    column: usize,
}

impl Screen {
    /// Output to this process's own streams, with colours where they are wanted
    /// and the stream is a terminal.
    pub(crate) fn new(colours: bool) -> Self {
        let terminal = [stdout().is_terminal(), stderr().is_terminal()];
        Self {
            bars: Bars::new(),
            paint: terminal.map(|terminal| Paint { on: colours && terminal }),
            terminal,
            cursor: Cursor::default(),
            in_line: false,
            clear_first: false,
            last: None,
            made: String::new(),
        }
    }

    /// A new cell begins, on a line of its own.
    pub(crate) fn begin(&mut self) {
        (self.cursor, self.clear_first, self.last) = (Cursor::default(), false, None);
        self.made.clear();
    }

    /// The cell ended: no bar is left, and the next line is a new one.
    pub(crate) fn end(&mut self) -> std::io::Result<()> {
        self.bars.clear();
        self.clear_first = false;
        self.fresh_line(Stream::Out)
    }

    /// Text, as it comes.
    pub(crate) fn text(&mut self, stream: Stream, text: &str) -> std::io::Result<()> {
        self.before_output()?;
        self.put(stream, text)
    }

    /// A line of Pelago's own, on stderr.
    pub(crate) fn say(&mut self, ink: Ink, line: &str) -> std::io::Result<()> {
        self.before_output()?;
        self.fresh_line(Stream::Err)?;
        let line = self.paint[Stream::Err as usize].text(ink, line);
        self.put(Stream::Err, &(line + "\n"))
    }

    /// A value. One with a name takes the place of what had the same name, if
    /// that is still the last thing shown.
    pub(crate) fn show(&mut self, shown: &Shown, name: Option<&str>, update: bool) -> std::io::Result<()> {
        let replaced = self.last.take().filter(|(last, _)| update && Some(last.as_str()) == name);
        self.before_output()?;
        if let Some((_, row)) = replaced {
            self.erase_from(row)?;
        }
        self.fresh_line(Stream::Out)?;
        let row = self.cursor.row;
        let text = self.rendered(shown);
        self.put(Stream::Out, &text)?;
        self.last = name.map(|name| (name.to_owned(), row));
        Ok(())
    }

    /// The cell's result. Of a run whose text was written as it was made, the report.
    pub(crate) fn result(&mut self, shown: Shown) -> std::io::Result<()> {
        let shown = shown.after(&std::mem::take(&mut self.made));
        self.show(&shown, None, false)
    }

    /// A piece of the text that a model makes now.
    pub(crate) fn made(&mut self, piece: &str) -> std::io::Result<()> {
        self.made.push_str(piece);
        self.text(Stream::Out, &printable(piece))
    }

    /// That text is whole.
    pub(crate) fn made_all(&mut self) -> std::io::Result<()> {
        self.fresh_line(Stream::Out)
    }

    /// A value as [`Self::show`] would write it, with its line break.
    pub(crate) fn rendered(&self, shown: &Shown) -> String {
        let width = self.terminal[Stream::Out as usize].then(|| size().1);
        pelago_render::terminal(shown, width, self.paint[Stream::Out as usize]) + "\n"
    }

    /// Whether a stream goes to a terminal.
    pub(crate) fn is_terminal(&self, stream: Stream) -> bool {
        self.terminal[stream as usize]
    }

    /// How the cell failed.
    pub(crate) fn error(&mut self, error: &CellError) -> std::io::Result<()> {
        self.before_output()?;
        self.fresh_line(Stream::Err)?;
        let text = error_text(error, self.paint[Stream::Err as usize]);
        self.put(Stream::Err, &text)
    }

    /// Takes away what the cell wrote, on a terminal: at once, or before its next output.
    pub(crate) fn clear(&mut self, wait: bool) -> std::io::Result<()> {
        self.clear_first = wait;
        if wait {
            return Ok(());
        }
        self.bars.clear();
        self.erase_from(0)
    }

    /// What the session is doing.
    pub(crate) fn progress(&mut self, step: &Step) -> std::io::Result<()> {
        if self.terminal[Stream::Err as usize] {
            // A bar would be drawn over the line that the cell has begun.
            if self.terminal[Stream::Out as usize] {
                self.fresh_line(Stream::Out)?;
            }
            self.bars.show(step);
        }
        Ok(())
    }

    /// Makes place for a prompt that somebody else writes, on a line of its own,
    /// and counts the rows that it and its answer take.
    pub(crate) fn make_room(&mut self, prompt: &str) -> std::io::Result<()> {
        self.before_output()?;
        self.fresh_line(Stream::Out)?;
        self.cursor.advance(prompt, size().1);
        (self.cursor.row, self.cursor.column) = (self.cursor.row + 1, 0);
        Ok(())
    }

    fn before_output(&mut self) -> std::io::Result<()> {
        self.bars.clear();
        self.last = None;
        if std::mem::take(&mut self.clear_first) { self.erase_from(0) } else { Ok(()) }
    }

    /// Ends a line that is begun.
    fn fresh_line(&mut self, stream: Stream) -> std::io::Result<()> {
        let begun = match (stream, self.terminal[stream as usize]) {
            (_, true) => self.cursor.column > 0,
            (Stream::Out, false) => self.in_line,
            // What is in a file of errors stands there as the cell wrote it.
            (Stream::Err, false) => false,
        };
        if begun { self.put(stream, "\n") } else { Ok(()) }
    }

    /// Erases from a row of this cell's to the end, as far up as the terminal goes.
    fn erase_from(&mut self, row: usize) -> std::io::Result<()> {
        if !self.terminal[Stream::Out as usize] {
            return Ok(());
        }
        let up = (self.cursor.row - row.min(self.cursor.row)).min(size().0.saturating_sub(1));
        let mut out = stdout().lock();
        if up > 0 {
            write!(out, "\x1b[{up}A")?;
        }
        write!(out, "\r\x1b[J")?;
        out.flush()?;
        self.cursor = Cursor { row: self.cursor.row - up, column: 0 };
        Ok(())
    }

    fn put(&mut self, stream: Stream, text: &str) -> std::io::Result<()> {
        match stream {
            Stream::Out => write_all(stdout().lock(), text)?,
            Stream::Err => write_all(stderr().lock(), text)?,
        }
        if self.terminal[stream as usize] {
            self.cursor.advance(text, size().1);
        } else if stream == Stream::Out && !text.is_empty() {
            self.in_line = !text.ends_with('\n');
        }
        Ok(())
    }
}

fn write_all(mut to: impl Write, text: &str) -> std::io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// Rows and columns of the terminal as it is now.
pub(crate) fn size() -> (usize, usize) {
    let (rows, columns) = Term::stdout().size_checked().unwrap_or_default();
    let or = |found: u16, usual| if found == 0 { usual } else { usize::from(found) };
    (or(rows, USUAL_HEIGHT), or(columns, USUAL_WIDTH))
}

impl Cursor {
    /// Moves over text that was written to a terminal of that width.
    fn advance(&mut self, text: &str, width: usize) {
        // Where a cell has written more than any screen holds, only the column matters.
        let text = if self.row > MANY_ROWS { text.rfind('\n').map_or(text, |end| &text[end..]) } else { text };
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                (self.row, self.column) = (self.row + 1, 0);
            }
            let line = match line.rsplit_once('\r') {
                Some((_, line)) => {
                    self.column = 0;
                    line
                }
                None => line,
            };
            // A character in the last column leaves the cursor there until the next one.
            self.column += measure_text_width(line);
            if self.column > width {
                self.row += (self.column - 1) / width;
                self.column = (self.column - 1) % width + 1;
            }
        }
    }
}

/// The lines for a person: what failed in colour, then what to do.
fn error_text(error: &CellError, paint: Paint) -> String {
    let mut text = String::new();
    let head = format!("{}:", error.name);
    for line in error.traceback.iter().flat_map(|part| part.lines()) {
        if line.starts_with(&head) {
            paint.push(&mut text, Ink::Error, line);
        } else if line.starts_with("  → ") {
            paint.push(&mut text, Ink::Help, line);
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, width: usize) -> (usize, usize) {
        let mut cursor = Cursor::default();
        cursor.advance(text, width);
        (cursor.row, cursor.column)
    }

    #[test]
    fn the_cursor_follows_text() {
        assert_eq!(after("", 10), (0, 0));
        assert_eq!(after("abc", 10), (0, 3));
        assert_eq!(after("abc\nd", 10), (1, 1));
        assert_eq!(after("abc\rd", 10), (0, 1));
        assert_eq!(after("\x1b[31mabc\x1b[0m", 10), (0, 3));
        assert_eq!(after("0123456789", 10), (0, 10));
        assert_eq!(after("0123456789a", 10), (1, 1));
        assert_eq!(after("日本語日本語", 10), (1, 2));
    }

    #[test]
    fn errors_say_what_to_do() {
        let mut error =
            CellError::new("ProcessEnded", "it ended").with_help("variables are gone; run their cells again");
        // The help says so, once.
        error.variables_lost = true;
        let text = error_text(&error, Paint { on: false });
        assert_eq!(text, "ProcessEnded: it ended\n  → variables are gone; run their cells again\n");
        assert!(error_text(&error, Paint { on: true }).starts_with("\x1b[1;31mProcessEnded: it ended\x1b[0m\n"));
    }
}
