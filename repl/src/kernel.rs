//! `pelago kernel`: what Jupyter starts.

use std::path::PathBuf;
use std::process::ExitCode;

use pelago_runtime::interpreter::InterpreterOptions;

use crate::failure::Failure;

/// `pelago kernel`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file in which Jupyter names ports and key
    #[arg(value_name = "FILE")]
    pub(crate) connection_file: PathBuf,
}

pub(crate) async fn run(options: InterpreterOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let _ = (options, arguments.connection_file);
    Ok(ExitCode::FAILURE)
}
