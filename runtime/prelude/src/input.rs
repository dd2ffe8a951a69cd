//! A line from the user.

use pelago_protocol::cells::{Call, Reply};

use crate::{Error, Result, client};

/// Asks the user for a line and waits for it; without its end.
///
/// # Errors
/// [`Error`] where the front end cannot ask, or the user ended the cell.
pub fn input(prompt: impl Into<String>) -> Result<String> {
    ask(prompt.into(), false)
}

/// As [`input`], and the line is not shown.
///
/// # Errors
/// As [`input`].
pub fn password(prompt: impl Into<String>) -> Result<String> {
    ask(prompt.into(), true)
}

fn ask(prompt: String, password: bool) -> Result<String> {
    // The prompt comes after what was printed before it.
    // A stream that is gone has nobody who reads it.
    let _ = std::io::Write::flush(&mut std::io::stdout());
    match client::ask(Call::Input { prompt, password })? {
        Reply::Text { text } => Ok(text),
        other => Err(Error::unexpected(&other)),
    }
}
