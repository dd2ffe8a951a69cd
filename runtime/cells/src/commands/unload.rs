//! `unload`: browsers let go of a model, so that others have room.

use async_trait::async_trait;
use clap::Args;
use pelago_render::Table;
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use super::{Command, CommandError, Context, Outcome, Shell, Values};

/// Which model.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// A model's name or its CID; all models where none is named
    model: Option<String>,
}

/// The command.
pub(super) struct Unload;

#[async_trait]
impl Command for Unload {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "unload"
    }

    fn summary(&self) -> &'static str {
        "Have the open browsers let go of a model; its files stay, and the next run loads it again"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":unload all-MiniLM-L6-v2", ":unload"]
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "model" { Values::Models } else { Values::Declared }
    }

    fn shell(&self) -> Shell {
        Shell::Nothing("a command of the shell opens its own browsers and closes them: none is open before it")
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let unloaded = context.work.session().await?.unload(arguments.model.as_deref()).await?;
        let columns: Vec<Column> = vec![
            Series::new("browser".into(), unloaded.iter().map(|page| page.browser.as_str()).collect::<Vec<_>>()).into(),
            Series::new("sessions_unloaded".into(), unloaded.iter().map(|page| page.unloaded).collect::<Vec<_>>())
                .into(),
            Series::new("sessions_held".into(), unloaded.iter().map(|page| page.held).collect::<Vec<_>>()).into(),
            Series::new("memory_mb".into(), unloaded.iter().map(|page| page.memory_mb).collect::<Vec<_>>()).into(),
        ];
        let frame = DataFrame::new(unloaded.len(), columns)?;
        context.frame(frame, |frame| Ok(Table::of(frame))).await?;
        Ok(Outcome::Good)
    }
}
