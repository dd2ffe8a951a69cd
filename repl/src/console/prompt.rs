//! The session at a terminal: a prompt, a cell, what it shows, and again.

use std::process::ExitCode;

use pelago_runtime::interpreter::{ExecuteOptions, Interpreter};

use super::cell;
use super::editor::{Editor, Typed};
use crate::config::TerminalOptions;
use crate::failure::Failure;
use crate::output::paint::Ink;
use crate::output::screen::Screen;

/// Runs cells until the user leaves with Ctrl-D. A cell that fails is shown and
/// does not end the session.
pub(super) async fn run(interpreter: &Interpreter, terminal: &TerminalOptions) -> Result<ExitCode, Failure> {
    let mut screen = Screen::new(terminal.colours);
    let version = env!("CARGO_PKG_VERSION");
    screen.say(Ink::Dim, &format!("Pelago {version} · :help lists the commands, Ctrl-D leaves"))?;
    let mut editor = Editor::open(interpreter, terminal)?;
    let mut number = 1_u32;
    loop {
        let prompt = format!("[{number}]> ");
        let (returned, typed) = tokio::task::spawn_blocking(move || {
            let typed = editor.read(&prompt);
            (editor, typed)
        })
        .await
        .map_err(std::io::Error::other)?;
        editor = returned;
        let code = match typed? {
            Typed::Cell(code) if code.trim().is_empty() => continue,
            Typed::Cell(code) => code,
            Typed::Cleared => continue,
            Typed::Left => return Ok(ExitCode::SUCCESS),
        };
        let options = ExecuteOptions { label: format!("[{number}]"), allow_input: true, late: None };
        cell::run(interpreter, &mut screen, terminal, code, options).await?;
        number = number.saturating_add(1);
    }
}
