//! `history`: earlier runs of this machine.

use async_trait::async_trait;
use clap::Args;
use pelago_render::{Table, briefs};
use pelago_results::Filter;

use super::{Command, CommandError, Context, Outcome, Shell, values};

/// Which runs.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// How many runs
    #[arg(long, value_name = "N", default_value = "20", value_parser = values::whole::<u64>(1..=u64::from(u32::MAX)))]
    limit: u64,
    /// A question in SQL instead, over the tables and views of docs/results.md, as `sql` asks it
    #[arg(long, value_name = "QUERY", conflicts_with = "limit")]
    sql: Option<String>,
}

/// The command.
pub(super) struct History;

#[async_trait]
impl Command for History {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "history"
    }

    fn summary(&self) -> &'static str {
        "Show earlier runs, the newest first, one row a run"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":history", ":history --limit 5"]
    }

    fn shell(&self) -> Shell {
        Shell::Subcommand { json: Some("Print a JSON object a row, with every column"), reads_results: true }
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        if let Some(query) = arguments.sql {
            return super::sql::ask(context, query).await;
        }
        let filter = Filter { limit: Some(arguments.limit), ..Filter::default() };
        let frame = context.work.results().await?.history(filter).await?;
        context.frame(frame, |frame| Ok(Table::of(frame).with_brief(briefs::runs(frame)?))).await?;
        Ok(Outcome::Good)
    }
}
