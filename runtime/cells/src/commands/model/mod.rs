//! `model`: models come, go, are kept, checked and passed on.

mod answer;
mod arguments;
mod check;
mod perform;

use async_trait::async_trait;
use clap::Args;

pub(super) use self::answer::Answer;
use self::arguments::ModelCommand;
use super::{Command, CommandError, Context, Kept, Outcome, Shell, Values};

/// What is to be done.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: ModelCommand,
}

/// The command.
pub(super) struct Model;

#[async_trait]
impl Command for Model {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "model"
    }

    fn summary(&self) -> &'static str {
        "Add, fetch, show, keep, check or remove a model; `models` lists all"
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

    fn values(&self, argument: &str) -> Values {
        if argument == "model" { Values::Models } else { Values::Declared }
    }

    fn shell(&self) -> Shell {
        Shell::subcommand("Print a JSON object, one a line")
    }

    fn kept(&self, arguments: &Arguments) -> Kept {
        match arguments.command {
            ModelCommand::Add(_) | ModelCommand::Get { .. } | ModelCommand::Refresh { .. } => Kept::Fetched,
            ModelCommand::Check(_) => Kept::Runs,
            _ => Kept::Nothing,
        }
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let observer = context.observer();
        let answer = match arguments.command {
            ModelCommand::Check(check) => {
                check.perform(context.work.session().await?, context.folder, &observer).await?
            }
            command => command.perform(context.work.network().await?, context.folder, &observer).await?,
        };
        answer.give(context).await
    }
}
