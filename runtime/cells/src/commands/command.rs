//! What a command is: its name, arguments, help, completion and what it does.

use async_trait::async_trait;
use clap::{ArgMatches, Args, FromArgMatches};

use super::{CommandError, Context, Kept, Outcome};

/// A command of cells and of the shell. The table of them ([`super::TABLE`]) yields for cells parser, `:help`,
/// completion, inspection and the reference page, and for the shell its subcommands.
#[async_trait]
pub(crate) trait Command: Send + Sync {
    /// What it is asked.
    type Arguments: Args + Send;

    /// Its name, without the `:`.
    fn name(&self) -> &'static str;

    /// What it does, in one line.
    fn summary(&self) -> &'static str;

    /// Whole lines that show its use, each with its `:`.
    fn examples(&self) -> &'static [&'static str];

    /// How the line after its name is read.
    fn reading(&self) -> Reading {
        Reading::Words
    }

    /// What the argument of that id can be, beyond the values that it declares.
    fn values(&self, argument: &str) -> Values {
        let _ = argument;
        Values::Declared
    }

    /// What the shell's subcommand of its name is.
    fn shell(&self) -> Shell;

    /// Whether the answer, an error among them, is JSON without `--json`.
    fn is_json(&self, arguments: &Self::Arguments) -> bool {
        let _ = arguments;
        false
    }

    /// Whether it watches [`Context::cancel`] itself, to give what it has so far. Any other is dropped at once.
    fn ends_itself(&self) -> bool {
        false
    }

    /// What an interrupt leaves of it.
    fn kept(&self, arguments: &Self::Arguments) -> Kept {
        let _ = arguments;
        Kept::Nothing
    }

    /// Does it. What is to be shown goes to the context, in order.
    async fn run(&self, context: &Context<'_>, arguments: Self::Arguments) -> Result<Outcome, CommandError>;
}

/// The arguments of a command that takes none.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Nothing {}

/// What the shell makes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    /// A subcommand.
    Subcommand {
        /// What `--json` prints; `None` where there is no such option.
        json: Option<&'static str>,
        /// Whether nothing but the results is read: then they may be those of another database.
        reads_results: bool,
    },
    /// Nothing, for this reason.
    Nothing(&'static str),
}

impl Shell {
    /// A subcommand with `--json`, for which `json` is the help.
    pub(crate) const fn subcommand(json: &'static str) -> Self {
        Self::Subcommand { json: Some(json), reads_results: false }
    }
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

/// A [`Command`] whose arguments are still those of the parser: what the table holds.
#[async_trait]
pub(crate) trait Entry: Send + Sync {
    fn name(&self) -> &'static str;
    fn summary(&self) -> &'static str;
    fn examples(&self) -> &'static [&'static str];
    fn arguments(&self, command: clap::Command) -> clap::Command;
    fn reading(&self) -> Reading;
    fn values(&self, argument: &str) -> Values;
    fn shell(&self) -> Shell;
    fn is_json(&self, arguments: &ArgMatches) -> bool;
    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Outcome, CommandError>;
}

#[async_trait]
impl<C: Command> Entry for C {
    fn name(&self) -> &'static str {
        Command::name(self)
    }

    fn summary(&self) -> &'static str {
        Command::summary(self)
    }

    fn examples(&self) -> &'static [&'static str] {
        Command::examples(self)
    }

    fn arguments(&self, command: clap::Command) -> clap::Command {
        // What a struct says of itself is not what its command does.
        C::Arguments::augment_args(command).about(Command::summary(self))
    }

    fn reading(&self) -> Reading {
        Command::reading(self)
    }

    fn values(&self, argument: &str) -> Values {
        Command::values(self, argument)
    }

    fn shell(&self) -> Shell {
        Command::shell(self)
    }

    fn is_json(&self, arguments: &ArgMatches) -> bool {
        C::Arguments::from_arg_matches(arguments).is_ok_and(|arguments| Command::is_json(self, &arguments))
    }

    /// Runs it until it ends or is interrupted.
    async fn run(&self, context: &Context<'_>, arguments: &ArgMatches) -> Result<Outcome, CommandError> {
        let arguments = C::Arguments::from_arg_matches(arguments).map_err(|error| CommandError::Refused {
            command: Command::name(self).to_owned(),
            kind: error.kind(),
            usage: format!(":{} --help", Command::name(self)),
        })?;
        let (cancel, kept) = (context.cancel, self.kept(&arguments));
        let ended = async {
            cancel.cancelled().await;
            if self.ends_itself() {
                tokio::time::sleep(super::ENDING).await;
            }
        };
        tokio::select! {
            biased;
            ran = Command::run(self, context, arguments) => ran,
            () = ended => Err(CommandError::Interrupted { kept }),
        }
    }
}

/// The parser of a command's arguments in a cell, which also writes its help.
pub(crate) fn parser(command: &dyn Entry) -> clap::Command {
    let examples = command.examples().iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    let parser = clap::Command::new(command.name())
        .bin_name(format!(":{}", command.name()))
        .after_help(format!("Examples:\n{examples}"))
        .no_binary_name(true)
        .disable_help_subcommand(true)
        .color(clap::ColorChoice::Never)
        .term_width(WIDTH);
    // Arguments that are missing are an error that names them.
    command.arguments(parser).arg_required_else_help(false)
}

/// Columns of a help text.
const WIDTH: usize = 100;
