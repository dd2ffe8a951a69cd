//! `models`: the models of this machine.

use async_trait::async_trait;

use super::model::Answer;
use super::{Command, CommandError, Context, Nothing, Outcome, Shell};

/// The command.
pub(super) struct Models;

#[async_trait]
impl Command for Models {
    type Arguments = Nothing;

    fn name(&self) -> &'static str {
        "models"
    }

    fn summary(&self) -> &'static str {
        "List the models that have a name: size, CID and where they came from"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":models"]
    }

    fn shell(&self) -> Shell {
        Shell::subcommand("Print a JSON object a model")
    }

    async fn run(&self, context: &Context<'_>, _: Nothing) -> Result<Outcome, CommandError> {
        Answer::listed(&context.work.network().await?.models().list().await?)?.give(context).await
    }
}
