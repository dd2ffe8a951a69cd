//! The `:commands` of a cell: one file each, one table of them.
//!
//! A command answers with values ([`Shown`]) and knows no front end. What the
//! cell's Rust can do by itself (`accelerate`, `history`, `sql`) a command does
//! without a compiler.

mod accelerate;
mod bench;
mod browsers;
mod capabilities;
mod command;
mod complete;
mod dep;
mod doctor;
mod error;
mod help;
mod history;
mod model;
mod models;
mod parse;
mod reference;
mod report;
mod sql;
mod table;
mod tune;
mod unload;
mod values;
mod vars;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use self::command::{Command, Reading, Values, parser};
use self::parse::Parsed;
use crate::interpreter::code::{Place, place};
use crate::interpreter::{Completions, Event, Inspection};
use crate::rust::Cells;
use pelago_protocol::Observer;
use pelago_render::Shown;
use pelago_session::Session;

pub use accelerate::AccelerateArguments;
pub use bench::BenchArguments;
pub use error::CommandError;
pub use model::{Add, Answer, ModelCommand};
pub use tune::{TuneArguments, tuned_sentence};

/// Every command, in the order of `:help` and of the reference page.
static TABLE: &[&dyn Command] = &[
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

/// What a command works with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Browsers, models, results.
    pub session: &'a Session,
    /// The Rust cells.
    pub cells: &'a Cells,
    /// What relative paths are relative to.
    pub folder: &'a Path,
    /// Takes what happens on the way.
    pub events: &'a mpsc::Sender<Event>,
}

impl Context<'_> {
    /// Tells the front end each step of the session. One that is slow misses
    /// some: a run never waits for it.
    fn observer(&self) -> Observer {
        let events = self.events.clone();
        Arc::new(move |step| {
            let _ = events.try_send(Event::Progress(step));
        })
    }
}

/// Runs the command of a line (without its `:`).
///
/// # Errors
/// [`CommandError`], with what was expected and what to do.
pub async fn run(context: &Context<'_>, line: &str) -> Result<Vec<Shown>, CommandError> {
    let (name, rest) = parse::name(line);
    let command = parse::find(name)?;
    match parse::arguments(command, rest)? {
        Parsed::Help(text) => Ok(vec![Shown::Text(text)]),
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
