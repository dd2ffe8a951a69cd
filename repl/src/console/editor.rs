//! The line editor: keys, colours, completion, hints, history and what is shown
//! above the line, around rustyline. It runs on a thread of its own, because it
//! waits for keys.

use std::borrow::Cow;

use pelago_cells::interpreter::Interpreter;
use rustyline::completion::Completer;
use rustyline::config::Behavior;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::{DefaultHistory, SearchDirection};
use rustyline::{ColorMode, CompletionType, Config, Context, Helper, Validator};

use super::above::{Above, Bell};
use super::complete::{Asker, Listed};
use super::highlight;
use super::history::{self, Kept};
use super::keys::{self, Cleared};
use crate::config::TerminalOptions;
use pelago_render::paint::{Ink, Paint};

/// Candidates above which Tab asks before it lists them.
const LIST_AT_ONCE: usize = 60;

/// What the user did at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A cell to run.
    Cell(String),
    /// Ctrl-C: the text is gone from the prompt, and in the history.
    Cleared,
    /// Ctrl-D: leave.
    Left,
}

/// An editor with its history.
pub(super) struct Editor {
    line: rustyline::Editor<Code, DefaultHistory>,
    kept: Kept,
    cleared: Cleared,
    paint: Paint,
    bell: Option<Bell>,
}

impl Editor {
    /// Loads the history and binds the keys. It draws what is `above` its line.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub(super) fn open(interpreter: &Interpreter, terminal: &TerminalOptions, above: Above) -> std::io::Result<Self> {
        let paint = Paint { on: terminal.colours };
        let config = Config::builder()
            .max_history_size(history::ENTRIES)
            .map_err(io_error)?
            .auto_add_history(false)
            .behavior(Behavior::PreferTerm)
            // The highlighter draws what is above the line, too. Whether there are colours is the paint's to say.
            .color_mode(ColorMode::Forced)
            .completion_prompt_limit(LIST_AT_ONCE)
            .completion_type(CompletionType::List)
            .build();
        let mut line = rustyline::Editor::with_config(config).map_err(io_error)?;
        line.set_helper(Some(Code { asker: Asker::new(interpreter), paint, above }));
        let cleared = keys::bind(&mut line);
        let kept = Kept::load(&terminal.history, &mut line);
        // A terminal without a movable cursor has none.
        let bell = line.create_external_printer().ok().map(Bell::new).transpose()?;
        Ok(Self { line, kept, cleared, paint, bell })
    }

    /// Has the editor draw while it reads; nothing where the terminal cannot move its cursor.
    pub(super) fn bell(&self) -> Option<Bell> {
        self.bell.clone()
    }

    /// Reads a cell. What was typed is in the history, on disk too, before this returns.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(super) fn read(&mut self, prompt: &str) -> std::io::Result<Typed> {
        let styled = self.paint.text(Ink::Prompt, prompt);
        match self.line.readline(&(prompt, styled)) {
            Ok(text) => {
                self.keep(&text);
                Ok(if self.cleared.take() { Typed::Cleared } else { Typed::Cell(text) })
            }
            // By Ctrl-C while Tab's list asks whether to go on.
            Err(ReadlineError::Interrupted) => Ok(Typed::Cleared),
            Err(ReadlineError::Eof) => Ok(Typed::Left),
            Err(error) => Err(io_error(error)),
        }
    }

    fn keep(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.kept.add(&mut self.line, text);
        }
    }
}

/// The operating system's error behind an editor's.
pub(super) fn io_error(error: ReadlineError) -> std::io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => std::io::Error::other(error),
    }
}

/// What the editor asks while a cell is typed.
#[derive(Helper, Validator)]
struct Code {
    asker: Asker,
    paint: Paint,
    above: Above,
}

impl Completer for Code {
    type Candidate = Listed;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Listed>)> {
        self.above.key();
        Ok(self.asker.candidates(line, cursor))
    }
}

/// The rest of what the user may be typing.
struct Rest {
    shown: String,
    typed: usize,
}

impl Hint for Rest {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.shown.get(..self.typed)
    }
}

impl Hinter for Code {
    type Hint = Rest;

    /// From the history, else how a command goes on. Rust is not asked about
    /// with every key: looking at it takes longer than typing it.
    fn hint(&self, line: &str, cursor: usize, context: &Context<'_>) -> Option<Rest> {
        self.above.key();
        if cursor < line.len() || line.trim().is_empty() {
            return None;
        }
        if let Some(rest) = earlier(line, context) {
            return Some(Rest { typed: rest.len(), shown: rest });
        }
        if !line.rsplit('\n').next().is_some_and(highlight::is_command) {
            return None;
        }
        let (rest, detail) = self.asker.hint(line, cursor)?;
        let typed = rest.len();
        let shown = detail.map_or(rest.clone(), |detail| format!("{rest}  {detail}"));
        Some(Rest { shown, typed })
    }
}

/// How the newest entry that begins with the text goes on.
fn earlier(line: &str, context: &Context<'_>) -> Option<String> {
    let history = context.history();
    let newest = history.len().checked_sub(1)?;
    let start =
        if context.history_index() == history.len() { newest } else { context.history_index().checked_sub(1)? };
    let found = history.starts_with(line, start, SearchDirection::Reverse).ok()??;
    found.entry.get(line.len()..).filter(|rest| !rest.is_empty()).map(str::to_owned)
}

impl Highlighter for Code {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(highlight::cell(line, self.paint))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        self.above.before(prompt)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.paint.text(Ink::Dim, hint))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.above.key();
        // A character may change the colour of all that is before it.
        kind != CmdKind::MoveCursor
    }
}
