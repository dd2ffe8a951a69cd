//! `sql`: a question about earlier runs.

use async_trait::async_trait;
use clap::Args;
use pelago_render::Table;

use super::{Command, CommandError, Context, Outcome, Reading, Shell, Values};

/// What is asked.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// One SELECT over the tables and views of docs/results.md; in a cell unquoted, the rest of the line as it stands
    query: String,
}

/// The command.
pub(super) struct Sql;

#[async_trait]
impl Command for Sql {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "sql"
    }

    fn summary(&self) -> &'static str {
        "Ask about earlier runs in SQL; the table is `runs`, one row a run"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            ":sql SELECT * FROM runs ORDER BY started DESC LIMIT 5",
            ":sql SELECT browser, median(processing_time) AS s \\\n    FROM runs GROUP BY ALL",
        ]
    }

    fn reading(&self) -> Reading {
        Reading::Rest
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "query" { Values::Columns } else { Values::Declared }
    }

    fn shell(&self) -> Shell {
        Shell::Subcommand { json: Some("Print a JSON object a row"), reads_results: true }
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        ask(context, arguments.query).await
    }
}

/// Asks, and gives the answer as a table.
pub(super) async fn ask(context: &Context<'_>, query: String) -> Result<Outcome, CommandError> {
    let frame = context.work.results().await?.sql(query).await?;
    context.frame(frame, |frame| Ok(Table::of(frame))).await?;
    Ok(Outcome::Good)
}
