//! The commands: one file each, one table of them, of which cells have `:commands` and the shell its subcommands.
//!
//! A command gives values ([`pelago_render::Shown`]) to a [`Sink`] and knows no front end. What the cell's Rust can do
//! by itself (`accelerate`, `history`, `sql`) a command does without a compiler.

mod accelerate;
mod asking;
mod bench;
mod browsers;
mod capabilities;
mod command;
mod complete;
mod context;
mod dep;
mod doctor;
mod error;
mod help;
mod history;
mod kept;
mod making;
mod model;
mod models;
mod parse;
mod reference;
mod report;
mod shell;
mod sql;
mod tune;
mod unload;
pub mod values;
mod vars;

use std::time::Duration;

use self::command::{Command, Entry, Nothing, Reading, Shell, Values, parser};
use self::parse::Parsed;
use crate::interpreter::code::{Place, place};
use crate::interpreter::{Completions, Inspection};
use pelago_render::Shown;
use pelago_session::Session;

pub(crate) use context::Events;
pub use context::{Context, RustCells, Sink, Workplace};
pub use error::CommandError;
pub use kept::Kept;
pub use report::ReportError;
pub use shell::Subcommand;

/// How long a command that was interrupted may take to give what it has.
pub(crate) const ENDING: Duration = Duration::from_secs(5);

/// Every command, in the order of `:help` and of the reference page.
static TABLE: &[&dyn Entry] = &[
    &accelerate::Accelerate,
    &bench::Bench,
    &tune::Tune,
    &history::History,
    &sql::Sql,
    &report::Report,
    &models::Models,
    &model::Model,
    &unload::Unload,
    &browsers::Browsers,
    &capabilities::Capabilities,
    &doctor::Doctor,
    &dep::Dep,
    &vars::Vars,
    &help::Help,
];

/// What a command's answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is as it should be.
    Good,
    /// Something is not: the shell ends with 1.
    Bad,
}

impl Outcome {
    /// Good where `is` holds.
    fn good_if(is: bool) -> Self {
        if is { Self::Good } else { Self::Bad }
    }
}

/// Runs the command of a line (without its `:`).
///
/// # Errors
/// [`CommandError`], with what was expected and what to do.
pub async fn run(context: &Context<'_>, line: &str) -> Result<Outcome, CommandError> {
    let (name, rest) = parse::name(line);
    let command = parse::find(name)?;
    match parse::arguments(command, rest)? {
        Parsed::Help(text) => {
            context.sink.show(Shown::Text(text)).await?;
            Ok(Outcome::Good)
        }
        Parsed::Arguments(arguments) => command.run(context, &arguments).await,
    }
}

/// Completes within a command's line, and the name of a model in Rust; `None`
/// where Rust's own completion has to say. `cursor` is in code points.
pub async fn complete(session: &Session, code: &str, cursor: usize) -> Option<Completions> {
    complete::at(session, code, cursor).await
}

/// The help of the command at the cursor; `None` where the cursor is in Rust.
/// `cursor` is in code points.
#[must_use]
pub fn inspect(code: &str, cursor: usize) -> Option<Inspection> {
    let Place::Command(range) = place(code, complete::byte(code, cursor)) else { return None };
    let (name, _) = parse::name(&code[range]);
    let command = parse::find(name).ok()?;
    Some(Inspection { text: help::of(command), markdown: reference::section(command) })
}

#[cfg(test)]
pub(crate) mod tests;
