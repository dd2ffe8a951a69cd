//! `:model`, and `pelago model` likewise: models come, go, are kept, checked and
//! passed on.

mod answer;
mod arguments;
mod check;
mod perform;

use async_trait::async_trait;
use clap::{ArgMatches, Subcommand};

pub use answer::Answer;
pub use arguments::{Add, ModelCommand};

use super::command::taken;
use super::{Command, CommandError, Context, Values};
use pelago_render::{Shown, Table};

/// The command.
pub(super) struct Model;

#[async_trait]
impl Command for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    fn summary(&self) -> &'static str {
        "Add, fetch, show, keep, check or remove a model; :models lists all"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            ":model add ./all-MiniLM-L6-v2",
            ":model add hf://sentence-transformers/all-MiniLM-L6-v2",
            ":model get bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi --name mine",
            ":model show all-MiniLM-L6-v2",
            ":model check all-MiniLM-L6-v2 --golden golden.json",
            ":model remove all-MiniLM-L6-v2",
        ]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        ModelCommand::augment_subcommands(command).subcommand_required(true)
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "model" { Values::Models } else { Values::Declared }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let command: ModelCommand = taken(self, arguments)?;
        let observer = context.observer();
        let answer = match command {
            ModelCommand::Check(check) => check.perform(context.session, context.folder, &observer).await?,
            command => command.perform(context.session.network(), context.folder, &observer).await?,
        };
        let text = |lines: Vec<String>| Shown::Text(lines.join("\n"));
        let Some(table) = &answer.table else { return Ok(vec![text(answer.lines())]) };
        let head = (!answer.head.is_empty()).then(|| text(answer.head.clone()));
        Ok(head.into_iter().chain([Shown::Table(Table::of(table))]).collect())
    }
}
