//! `:sql`: a question about earlier runs.

use async_trait::async_trait;
use clap::{Arg, ArgMatches};

use super::{Command, CommandError, Context, Reading, Values};
use pelago_render::{Shown, Table};

/// The command.
pub(super) struct Sql;

#[async_trait]
impl Command for Sql {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn summary(&self) -> &'static str {
        "Ask about earlier runs in SQL; the table is `runs`, one row a run"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            ":sql SELECT * FROM runs ORDER BY started DESC LIMIT 5",
            ":sql SELECT browser, platform, median(processing_time) AS s \\\n    FROM runs GROUP BY ALL ORDER BY s",
        ]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        command.arg(
            Arg::new("query")
                .value_name("QUERY")
                .required(true)
                .help("One SELECT, unquoted: the rest of the line as it stands"),
        )
    }

    fn reading(&self) -> Reading {
        Reading::Rest
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "query" { Values::Columns } else { Values::Declared }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let query = arguments.get_one::<String>("query").cloned().unwrap_or_default();
        let frame = context.session.results().sql(query).await?;
        Ok(vec![Shown::Table(Table::of(&frame))])
    }
}
