//! `:report`: many runs in one page.

use async_trait::async_trait;
use clap::{Arg, ArgMatches};

use super::{Command, CommandError, Context, Values};
use pelago_render::Shown;
use pelago_results::reports::{self, Scope, moment};

/// The command.
pub(super) struct Report;

#[async_trait]
impl Command for Report {
    fn name(&self) -> &'static str {
        "report"
    }

    fn summary(&self) -> &'static str {
        "Show runs by route with statistics, parity, content, reliability and plots"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":report", ":report --since 7d", ":report --since 2026-01-31 --model all-MiniLM-L6-v2"]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        command
            .arg(
                Arg::new("since")
                    .long("since")
                    .value_name("TIME")
                    .value_parser(|text: &str| moment(text, chrono::Utc::now()))
                    .help("Only runs since then: 30m, 12h, 7d, 2w, a date, or a time in RFC 3339"),
            )
            .arg(Arg::new("model").long("model").value_name("MODEL").help("Only runs of this model: its name or CID"))
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "model" { Values::Models } else { Values::Declared }
    }

    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let scope = Scope {
            since: arguments.get_one("since").copied(),
            until: None,
            model: arguments.get_one("model").cloned(),
        };
        let summary = reports::gather(context.session.results(), &scope).await?;
        Ok(vec![Shown::Report(Box::new(summary))])
    }
}
