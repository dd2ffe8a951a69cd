//! `pelago run`: notebooks without Jupyter and without Python.

use std::path::PathBuf;
use std::process::ExitCode;

use pelago_runtime::interpreter::InterpreterOptions;

use crate::failure::Failure;

/// `pelago run`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Notebooks
    #[arg(required = true)]
    pub(crate) notebooks: Vec<PathBuf>,
}

pub(crate) async fn run(options: InterpreterOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let _ = (options, arguments.notebooks);
    Ok(ExitCode::FAILURE)
}
