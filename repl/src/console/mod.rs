//! The terminal session: `pelago` alone, `pelago -c CODE`, or a script on stdin.

use std::process::ExitCode;

use pelago_runtime::interpreter::InterpreterOptions;

use crate::failure::Failure;

pub(crate) async fn run(options: InterpreterOptions, code: Option<String>) -> Result<ExitCode, Failure> {
    let _ = (options, code);
    Ok(ExitCode::FAILURE)
}
