//! The terminal session, through a real pseudo-terminal.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod prompt;
mod terminal;
