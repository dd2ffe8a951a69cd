//! The terminal session: `pelago` alone, `pelago -c CODE`, or a script on stdin.
//!
//! It reads code, hands it to the interpreter, and writes what comes back. What
//! a cell or a command means is not known here.

mod cell;
mod complete;
mod editor;
mod highlight;
mod history;
mod keys;
mod prompt;
mod question;
mod script;

use std::io::IsTerminal;
use std::process::ExitCode;

use pelago_runtime::interpreter::{Interpreter, InterpreterOptions};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) use script::ScriptError;

use crate::config::TerminalOptions;
use crate::failure::Failure;

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
    let mut interrupts = signal(SignalKind::interrupt())?;
    let interpreter = tokio::select! {
        opened = Interpreter::open(options) => opened?,
        _ = interrupts.recv() => return Err(Failure::Interrupted),
    };
    let ended = match code {
        Some(code) => script::run(&interpreter, &terminal, code).await,
        None => prompt::run(&interpreter, &terminal).await,
    };
    interpreter.close().await;
    ended
}
