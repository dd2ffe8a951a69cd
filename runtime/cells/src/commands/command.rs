//! What a command is: its name, arguments, help, completion and what it does.

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches};

use super::{CommandError, Context};
use pelago_render::Shown;

/// A `:command`. The table of them ([`super::TABLE`]) yields parser, `:help`,
/// completion, inspection and the reference page.
#[async_trait]
pub(crate) trait Command: Send + Sync {
    /// Its name, without the `:`.
    fn name(&self) -> &'static str;

    /// What it does, in one line.
    fn summary(&self) -> &'static str;

    /// Whole lines that show its use, each with its `:`.
    fn examples(&self) -> &'static [&'static str];

    /// Adds its arguments and options.
    fn arguments(&self, command: clap::Command) -> clap::Command {
        command
    }

    /// How the line after its name is read.
    fn reading(&self) -> Reading {
        Reading::Words
    }

    /// What the argument of that id can be, beyond the values that it declares.
    fn values(&self, argument: &str) -> Values {
        let _ = argument;
        Values::Declared
    }

    /// Does it. What is to be shown comes back, in order.
    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Vec<Shown>, CommandError>;
}

/// How the line after a command's name is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As words, with a shell's quotes.
    Words,
    /// As one argument, just as it stands.
    Rest,
}

/// What the value of an argument is chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// The values that it declares, if any.
    Declared,
    /// Names of models.
    Models,
    /// Kinds of browsers, those of this machine first.
    Browsers,
    /// Names of commands.
    Commands,
    /// Columns of the table `runs`.
    Columns,
}

/// The parser of a command's arguments, which also writes its help.
pub(crate) fn parser(command: &dyn Command) -> clap::Command {
    let examples = command.examples().iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    let parser = clap::Command::new(command.name())
        .bin_name(format!(":{}", command.name()))
        .about(command.summary())
        .after_help(format!("Examples:\n{examples}"))
        .no_binary_name(true)
        .disable_help_subcommand(true)
        .color(clap::ColorChoice::Never)
        .term_width(WIDTH);
    command.arguments(parser)
}

/// A command's arguments as values.
///
/// # Errors
/// [`CommandError::Refused`], which does not happen where the parser was [`parser`]'s.
pub(crate) fn taken<T: FromArgMatches>(command: &dyn Command, arguments: &ArgMatches) -> Result<T, CommandError> {
    T::from_arg_matches(arguments).map_err(|error| CommandError::Refused {
        command: command.name().to_owned(),
        kind: error.kind(),
        usage: format!(":{} --help", command.name()),
    })
}

/// Columns of a help text.
const WIDTH: usize = 100;
