//! The binary `pelago`: the one place that knows the terminal, the command
//! line and the environment. How things are done is `pelago-session`'s business.

mod accelerate;
mod args;
mod bench;
mod capabilities;
mod config;
mod console;
mod doctor;
mod failure;
mod history;
mod install;
mod kernel;
mod model;
mod output;
mod report;
mod run;
mod tune;

use std::process::ExitCode;

use clap::Parser;
use pelago_cells::interpreter::InterpreterOptions;

use crate::args::{Cli, Command};
use crate::failure::Failure;

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
    output::table::fit_to_terminal(matches!(cli.command, Some(Command::Kernel(_) | Command::Run(_))));
    let (filter, refused) = config::log_filter();
    let has_colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(has_colours).with_env_filter(filter).init();
    if let Some(refused) = refused {
        tracing::error!("{refused}");
    }
    // SAFETY: no thread has been started.
    let cells = cli.needs_cells().then(|| unsafe { config::interpreter_options(&cli.global) }).transpose();
    let json = cli.command.as_ref().is_some_and(Command::json);
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(cli, cells?)));
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}

async fn run(cli: Cli, cells: Option<InterpreterOptions>) -> Result<ExitCode, Failure> {
    let options = config::session_options(&cli.global)?;
    match (cli.command, cells) {
        (Some(Command::Kernel(arguments)), Some(options)) => kernel::run(options, arguments).await,
        (Some(Command::Install(arguments)), Some(options)) => install::run(options, arguments).await,
        (Some(Command::Run(arguments)), Some(options)) => run::run(options, arguments).await,
        (None, Some(options)) => {
            let terminal = config::terminal_options(&options);
            console::run(options, terminal, cli.code).await
        }
        (Some(Command::Accelerate(arguments)), _) => accelerate::run(options, arguments).await,
        (Some(Command::Bench(arguments)), _) => bench::run(options, arguments).await,
        (Some(Command::Tune(arguments)), _) => tune::run(options, arguments).await,
        (Some(Command::Model(command)), _) => model::run(options, command).await,
        (Some(Command::Doctor(arguments)), _) => doctor::run(options, arguments).await,
        (Some(Command::Capabilities(arguments)), _) => capabilities::run(options, arguments).await,
        (Some(Command::History(arguments)), _) => history::run(&options, arguments).await,
        (Some(Command::Report(arguments)), _) => report::run(&options, arguments).await,
        (Some(Command::Uninstall(arguments)), _) => install::uninstall(arguments).await,
        (Some(Command::Kernel(_) | Command::Install(_) | Command::Run(_)) | None, None) => {
            unreachable!("`needs_cells` names these commands")
        }
    }
}
