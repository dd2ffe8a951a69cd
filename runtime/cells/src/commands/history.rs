//! `:history`: earlier runs of this machine.

use async_trait::async_trait;
use clap::{Arg, ArgMatches, value_parser};

use super::{Command, CommandError, Context};
use pelago_render::{Shown, Table};
use pelago_results::Filter;

/// The command.
pub(super) struct History;

#[async_trait]
impl Command for History {
    fn name(&self) -> &'static str {
        "history"
    }

    fn summary(&self) -> &'static str {
        "Show earlier runs, the newest first, one row a run"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":history", ":history --limit 5"]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        command.arg(
            Arg::new("limit")
                .long("limit")
                .value_name("N")
                .default_value("20")
                .value_parser(value_parser!(u64).range(1..))
                .help("How many runs"),
        )
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let filter = Filter { limit: arguments.get_one("limit").copied(), ..Filter::default() };
        let frame = context.session.results().history(filter).await?;
        Ok(vec![Shown::Table(Table::of(&frame))])
    }
}
