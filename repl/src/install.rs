//! `pelago install` and `pelago uninstall`: the kernel spec.

use std::process::ExitCode;

use pelago_runtime::interpreter::InterpreterOptions;

use crate::failure::Failure;

/// `pelago install`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// `pelago uninstall`
#[derive(Debug, clap::Args)]
pub(crate) struct UninstallArguments {}

pub(crate) async fn run(options: InterpreterOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let _ = (options, arguments);
    Ok(ExitCode::FAILURE)
}

pub(crate) async fn uninstall(arguments: UninstallArguments) -> Result<ExitCode, Failure> {
    let _ = arguments;
    Ok(ExitCode::FAILURE)
}
