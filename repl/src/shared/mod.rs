//! The subcommands that the commands' table gives: everything about them but drawing stands there.

mod sink;

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgMatches;
use pelago_cells::commands::{Context, Outcome, Sink, Subcommand, Workplace};
use pelago_results::Place;
use pelago_session::SessionOptions;

use self::sink::Terminal;
use crate::failure::Failure;
use crate::interrupt;

/// The name of the program in examples.
const PROGRAM: &str = "pelago";

/// A subcommand of the table, and what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    command: Subcommand,
    arguments: ArgMatches,
}

impl Asked {
    /// The parsers of all of them.
    pub(crate) fn parsers() -> impl Iterator<Item = clap::Command> {
        Subcommand::all().map(|command| command.parser(PROGRAM))
    }

    /// The one of that name.
    pub(crate) fn find(name: &str, arguments: &ArgMatches) -> Option<Self> {
        let command = Subcommand::all().find(|command| command.name() == name)?;
        Some(Self { command, arguments: arguments.clone() })
    }

    /// Whether the answer, an error among them, is wanted as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.command.is_json(&self.arguments)
    }

    /// Runs it. The first Ctrl-C ends it, closes the browsers and keeps what there is; a second one ends the process.
    pub(crate) async fn run(self, mut options: SessionOptions, colours: bool) -> Result<ExitCode, Failure> {
        let Self { command, arguments } = self;
        if command.is_db_only(&arguments) {
            options.results = Place::ReadOnly(options.results.database());
        }
        let cancel = interrupt::listen()?;
        let terminal = Arc::new(Terminal::new(command.wants_json(&arguments), colours));
        let sink: Arc<dyn Sink> = Arc::clone(&terminal) as Arc<dyn Sink>;
        let work = Workplace::new(options);
        let context = Context { work: &work, cells: None, folder: Path::new(""), sink: &sink, cancel: &cancel };
        let ran = async {
            let ran = command.run(&context, &arguments).await;
            terminal.clear();
            work.close().await;
            ran
        };
        let told = async {
            cancel.cancelled().await;
            terminal.line("interrupting; Ctrl-C again ends at once");
            std::future::pending::<Infallible>().await
        };
        let ran = tokio::select! {
            ran = ran => ran,
            never = told => match never {},
        };
        match ran? {
            Outcome::Good => Ok(ExitCode::SUCCESS),
            Outcome::Bad => Ok(ExitCode::FAILURE),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn every_command_of_the_table_is_one_of_the_shell_or_says_why_not() {
        let shell = Cli::command();
        for (name, why_not) in Subcommand::table() {
            let has = shell.get_subcommands().any(|command| command.get_name() == name);
            assert_ne!(has, why_not.is_some(), "{name}: {why_not:?}");
        }
    }

    #[test]
    fn the_arguments_and_the_help_are_those_of_the_table() {
        let mut shell = Cli::command();
        shell.build();
        for command in Subcommand::all() {
            let (of_table, of_shell) = (command.parser(PROGRAM), shell.find_subcommand(command.name()).unwrap());
            let about = |parser: &clap::Command| parser.get_about().map(ToString::to_string);
            assert_eq!(about(&of_table), about(of_shell), "{}", command.name());
            for argument in of_table.get_arguments() {
                let same = of_shell.get_arguments().find(|other| other.get_id() == argument.get_id());
                let help = |argument: &clap::Arg| argument.get_help().map(ToString::to_string);
                assert_eq!(same.map(help), Some(help(argument)), "{} {}", command.name(), argument.get_id());
            }
        }
    }

    /// What stands in a help text can be typed.
    #[test]
    fn examples_are_understood() {
        for command in Subcommand::all() {
            let help = command.parser(PROGRAM).render_help().to_string();
            let (_, examples) = help.split_once("Examples:\n").unwrap();
            for line in examples.lines() {
                let words = shlex::split(line).unwrap();
                let parsed = <Cli as clap::Parser>::try_parse_from(words);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }
}
