//! The terminal session: `pelago` alone, `pelago -c CODE`, or a script on stdin.
//!
//! It reads code, hands it to the interpreter, and writes what comes back. What
//! a cell or a command means is not known here.

mod above;
mod cell;
mod complete;
mod editor;
mod highlight;
mod history;
mod keys;
mod late;
mod prompt;
mod question;
mod script;

use std::io::IsTerminal;
use std::process::ExitCode;

use pelago_cells::interpreter::{Interpreter, InterpreterOptions};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::TerminalOptions;
use crate::failure::{Failure, Interrupted, SystemError};
use crate::output::screen::Screen;

use self::late::Threads;

/// What all cells of a session share.
struct Session {
    terminal: TerminalOptions,
    screen: Screen,
    threads: Threads,
}

/// Runs the code that is given, else the script on stdin, else asks for cells
/// until the user leaves.
pub(crate) async fn run(
    options: InterpreterOptions,
    terminal: TerminalOptions,
    code: Option<String>,
) -> Result<ExitCode, Failure> {
    let code = match code {
        Some(code) => Some(code),
        None if std::io::stdin().is_terminal() => None,
        None => Some(script::read().await?),
    };
    // From here on Ctrl-C does not end the process: whoever waits decides.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(|source| SystemError::Signals { source })?;
    let interpreter = tokio::select! {
        opened = Interpreter::open(options) => opened?,
        _ = interrupts.recv() => return Err(Interrupted.into()),
    };
    let mut session = Session { screen: Screen::new(terminal.colours), threads: Threads::new(), terminal };
    let ended = match code {
        Some(code) => script::run(&interpreter, &mut session, code).await,
        None => prompt::run(&interpreter, &mut session).await,
    };
    // Threads of cells print until their process ends.
    let Session { mut screen, mut threads, .. } = session;
    let shown = threads.during(interpreter.close(), &mut screen).await.and_then(|()| screen.end());
    ended.and_then(|code| shown.map(|()| code).map_err(Failure::from))
}
