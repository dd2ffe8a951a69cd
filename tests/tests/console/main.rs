//! The terminal session: through a real pseudo-terminal, and through pipes.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod cells;
mod prompt;
mod script;
mod terminal;
