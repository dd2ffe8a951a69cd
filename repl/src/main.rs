//! The binary `pelago`: the one place that knows the terminal, the command
//! line and the environment. How things are done is `pelago-runtime`'s business.

mod accelerate;
mod args;
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
mod run;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    // The guard's own arguments are no business of the command line's parser.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == config::GUARD) {
        let code = pelago_browser::guard::run(arguments);
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    let cli = Cli::parse();
    output::table::fit_to_terminal(matches!(cli.command, Some(Command::Kernel(_) | Command::Run(_))));
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("PELAGO_LOG").unwrap_or_else(|_| "error".into()))
        .init();
    let json = cli.command.as_ref().is_some_and(Command::json);
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(cli)));
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let options = config::session_options(&cli.global)?;
    let Some(command) = cli.command else {
        return console::run(config::interpreter_options(&cli.global)?, cli.code).await;
    };
    match command {
        Command::Accelerate(arguments) => accelerate::run(options, arguments).await,
        Command::Model(command) => model::run(options, command).await,
        Command::Doctor(arguments) => doctor::run(options, arguments).await,
        Command::Capabilities(arguments) => capabilities::run(options, arguments).await,
        Command::History(arguments) => history::run(options, arguments).await,
        Command::Kernel(arguments) => kernel::run(config::interpreter_options(&cli.global)?, arguments).await,
        Command::Install(arguments) => install::run(config::interpreter_options(&cli.global)?, arguments).await,
        Command::Uninstall(arguments) => install::uninstall(arguments).await,
        Command::Run(arguments) => run::run(config::interpreter_options(&cli.global)?, arguments).await,
    }
}
