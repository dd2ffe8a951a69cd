//! The binary `pelago`: the one place that knows the terminal, the command
//! line and the environment. How things are done is `pelago-session`'s business.

mod args;
mod config;
mod console;
mod failure;
mod install;
mod interrupt;
mod kernel;
mod model;
mod output;
mod run;
mod shared;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pelago_cells::interpreter::InterpreterOptions;

use crate::args::{Cli, Command, Own};
use crate::failure::{Failure, SystemError};

/// How long what still writes at the end may take.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// The analyser allocates much and in small pieces: with the C library's
/// allocator it is a third slower.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pelago_cells::rust::hook();
    // The reaper's own arguments are no business of the command line's parser.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == config::REAPER) {
        let code = pelago_browser::reaper::run(arguments);
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let cli = Cli::parse();
    output::frames::fit_to_terminal(cli.command.as_ref().is_some_and(Command::is_of_notebooks));
    let (filter, refused) = config::log_filter();
    let has_colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(has_colours).with_env_filter(filter).init();
    if let Some(refused) = refused {
        tracing::error!("{refused}");
    }
    // SAFETY: no thread has been started.
    let cells = cli.needs_cells().then(|| unsafe { config::interpreter_options(&cli.global) }).transpose();
    let json = cli.command.as_ref().is_some_and(Command::is_json);
    let result = start(cli, cells);
    result.unwrap_or_else(|failure| failure.report(json))
}

fn start(cli: Cli, cells: Result<Option<InterpreterOptions>, Failure>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| SystemError::Start { source })?;
    let result = runtime.block_on(async { run(cli, cells?).await });
    // What still blocks a thread, such as a conversion that was interrupted, is not waited for.
    runtime.shutdown_timeout(LAST_WRITES);
    result
}

async fn run(cli: Cli, cells: Option<InterpreterOptions>) -> Result<ExitCode, Failure> {
    let options = config::session_options(&cli.global)?;
    match (cli.command, cells) {
        (Some(Command::Shared(asked)), _) => asked.run(options, config::colours()).await,
        (Some(Command::Model { command, json }), _) => command.run(options, json).await,
        (Some(Command::Own(Own::Kernel(arguments))), Some(options)) => kernel::run(options, arguments).await,
        (Some(Command::Own(Own::Install(arguments))), Some(options)) => install::run(options, arguments).await,
        (Some(Command::Own(Own::Run(arguments))), Some(options)) => run::run(options, arguments).await,
        (Some(Command::Own(Own::Uninstall(arguments))), _) => install::uninstall(arguments).await,
        (None, Some(options)) => {
            let terminal = config::terminal_options(&options);
            console::run(options, terminal, cli.code).await
        }
        (Some(Command::Own(Own::Kernel(_) | Own::Install(_) | Own::Run(_))) | None, None) => {
            unreachable!("`needs_cells` names these commands")
        }
    }
}
