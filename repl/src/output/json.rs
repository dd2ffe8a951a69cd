//! The JSON that scripts read: one object a line on stdout. Its form is
//! documented in the README and stable.

use pelago_protocol::Voice;
use std::io::Write;

use pelago_session::RunError;
use serde_json::{Value, json};

/// `{"error": {"code", "message", "help"}}`
pub(crate) fn error(error: &RunError) -> Value {
    json!({ "error": { "code": error.code(), "message": error.to_string(), "help": error.advice().words(Voice::Shell) } })
}

/// Prints one object on a line of its own.
pub(crate) fn print(value: &Value) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{value}")
}
