//! `:help`: the commands, or one of them.

use async_trait::async_trait;
use clap::{Arg, ArgMatches};

use super::{Command, CommandError, Context, TABLE, Values, parse, parser};
use pelago_render::Shown;

/// The command.
pub(super) struct Help;

#[async_trait]
impl Command for Help {
    fn name(&self) -> &'static str {
        "help"
    }

    fn summary(&self) -> &'static str {
        "List the commands, or explain one"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":help", ":help accelerate"]
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        command.arg(Arg::new("command").value_name("COMMAND").help("The command to explain, with or without its colon"))
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "command" { Values::Commands } else { Values::Declared }
    }

    async fn run(&self, _: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError> {
        let text = match arguments.get_one::<String>("command") {
            Some(name) => of(parse::find(name.trim_start_matches(':'))?),
            None => all(),
        };
        Ok(vec![Shown::Text(text)])
    }
}

/// The help of one command.
pub(super) fn of(command: &dyn Command) -> String {
    parser(command).render_help().to_string()
}

/// A line a command, and how cells are written.
fn all() -> String {
    let width = TABLE.iter().map(|command| command.name().len()).max().unwrap_or_default();
    let lines = TABLE.iter().map(|command| format!("  :{:width$}  {}", command.name(), command.summary()));
    format!(
        "Commands, each on a line of its own:\n{}\n\n\
         All else is Rust. `:help COMMAND` explains one; a line that ends in \\ goes on in the next.\n",
        lines.collect::<Vec<_>>().join("\n")
    )
}
