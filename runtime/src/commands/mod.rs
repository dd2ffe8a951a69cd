//! The `:commands` of a cell: one file each, one table of them.

mod error;

use tokio::sync::mpsc;

pub use error::CommandError;

use crate::cells::Cells;
use crate::interpreter::{Completions, Event, Inspection, Shown};
use crate::session::Session;

/// What a command works with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Browsers, models, results.
    pub session: &'a Session,
    /// The Rust cells.
    pub cells: &'a Cells,
    /// Takes what happens on the way.
    pub events: &'a mpsc::Sender<Event>,
}

/// Runs the command of a line (without its `:`).
///
/// # Errors
/// [`CommandError`], with what was expected and what to do.
pub async fn run(context: &Context<'_>, line: &str) -> Result<Vec<Shown>, CommandError> {
    let _ = context;
    let name = line.split_whitespace().next().unwrap_or_default().to_owned();
    Err(CommandError::Unknown { name, nearest: None })
}

/// Completes within a command's line; `None` where the cursor is in Rust.
pub async fn complete(session: &Session, code: &str, cursor: usize) -> Option<Completions> {
    let _ = (session, code, cursor);
    None
}

/// The help of the command at the cursor; `None` where the cursor is in Rust.
#[must_use]
pub fn inspect(code: &str, cursor: usize) -> Option<Inspection> {
    let _ = (code, cursor);
    None
}
