//! A line that a running cell asks of the user.

use std::borrow::Cow;

use rustyline::config::Behavior;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, Completer, Config, Editor, Helper, Hinter, Validator};

use crate::config::TerminalOptions;
use crate::failure::Failure;
use crate::output;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The line, without its end.
    Line(String),
    /// Ctrl-D, or the end of stdin.
    None,
    /// Ctrl-C.
    Interrupted,
}

/// Asks. What is typed for a password is not shown, and no answer is kept in the history.
pub(super) async fn ask(terminal: &TerminalOptions, prompt: String, password: bool) -> Result<Answer, Failure> {
    if password && !terminal.editing {
        output::say("this terminal cannot hide what is typed, so no password is asked for; set TERM to its real type");
        return Ok(Answer::None);
    }
    let asked = tokio::task::spawn_blocking(move || read(&prompt, password)).await;
    let line = asked.map_err(std::io::Error::other)?;
    match line {
        Ok(line) => Ok(Answer::Line(line)),
        Err(ReadlineError::Eof) => Ok(Answer::None),
        Err(ReadlineError::Interrupted) => Ok(Answer::Interrupted),
        Err(error) => Err(super::editor::io_error(error).into()),
    }
}

fn read(prompt: &str, password: bool) -> rustyline::Result<String> {
    // The mask is made by the highlighter, which runs only where there are colours.
    let colours = if password { ColorMode::Forced } else { ColorMode::Disabled };
    let config = Config::builder().behavior(Behavior::PreferTerm).color_mode(colours).build();
    let mut editor = Editor::<Mask, DefaultHistory>::with_config(config)?;
    editor.set_helper(Some(Mask { on: password }));
    editor.readline(prompt)
}

/// Shows a star for each character.
#[derive(Completer, Helper, Hinter, Validator)]
struct Mask {
    on: bool,
}

impl Highlighter for Mask {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.on { Cow::Owned("*".repeat(console::measure_text_width(line))) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.on
    }
}
