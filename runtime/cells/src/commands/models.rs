//! `:models`: the models of this machine.

use async_trait::async_trait;
use clap::ArgMatches;

use super::{Command, CommandError, Context};
use pelago_render::{Shown, Table};

/// The command.
pub(super) struct Models;

#[async_trait]
impl Command for Models {
    fn name(&self) -> &'static str {
        "models"
    }

    fn summary(&self) -> &'static str {
        "List the models that have a name: size in bytes, CID and where they came from"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":models"]
    }

    async fn run(&self, context: &Context<'_>, _: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let models = context.session.models().list().await?;
        Ok(vec![Shown::Table(Table::of(&pelago_session::models_frame(&models)?))])
    }
}
