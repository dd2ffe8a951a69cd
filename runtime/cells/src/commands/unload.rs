//! `:unload`: browsers let go of a model, so that others have room.

use async_trait::async_trait;
use clap::{ArgMatches, Args};
use polars::prelude::{Column, NamedFrom, Series};

use super::command::taken;
use super::{Command, CommandError, Context, Values, table};
use pelago_render::Shown;

/// Which model.
#[derive(Clone, Debug, Args)]
struct UnloadArguments {
    /// A model's name or its CID; all models where none is named
    model: Option<String>,
}

/// The command.
pub(super) struct Unload;

#[async_trait]
impl Command for Unload {
    fn name(&self) -> &'static str {
        "unload"
    }

    fn summary(&self) -> &'static str {
        "Have the open browsers let go of a model; its files stay, and the next run loads it again"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":unload all-MiniLM-L6-v2", ":unload"]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        UnloadArguments::augment_args(command)
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "model" { Values::Models } else { Values::Declared }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let arguments: UnloadArguments = taken(self, arguments)?;
        let unloaded = context.session.unload(arguments.model.as_deref()).await?;
        let columns: Vec<Column> = vec![
            Series::new("browser".into(), unloaded.iter().map(|page| page.browser.as_str()).collect::<Vec<_>>()).into(),
            Series::new("sessions_unloaded".into(), unloaded.iter().map(|page| page.unloaded).collect::<Vec<_>>())
                .into(),
            Series::new("sessions_held".into(), unloaded.iter().map(|page| page.held).collect::<Vec<_>>()).into(),
            Series::new("memory_mb".into(), unloaded.iter().map(|page| page.memory_mb).collect::<Vec<_>>()).into(),
        ];
        Ok(vec![table::shown(columns)?])
    }
}
