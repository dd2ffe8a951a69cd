//! `help`: the commands, or one of them.

use async_trait::async_trait;
use clap::Args;

use super::{Command, CommandError, Context, Entry, Outcome, Shell, TABLE, Values, parse, parser};

/// Which command.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The command to explain, with or without its colon
    command: Option<String>,
}

/// The command.
pub(super) struct Help;

#[async_trait]
impl Command for Help {
    type Arguments = Arguments;

    fn name(&self) -> &'static str {
        "help"
    }

    fn summary(&self) -> &'static str {
        "List the commands, or explain one"
    }

    fn examples(&self) -> &'static [&'static str] {
        &[":help", ":help accelerate"]
    }

    fn values(&self, argument: &str) -> Values {
        if argument == "command" { Values::Commands } else { Values::Declared }
    }

    fn shell(&self) -> Shell {
        Shell::Nothing("the shell has a `help` of its own, which also explains what only the shell has")
    }

    async fn run(&self, context: &Context<'_>, arguments: Arguments) -> Result<Outcome, CommandError> {
        let text = match arguments.command {
            Some(name) => of(parse::find(name.trim_start_matches(':'))?),
            None => all(),
        };
        context.text(text).await?;
        Ok(Outcome::Good)
    }
}

/// The help of one command.
pub(super) fn of(command: &dyn Entry) -> String {
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
