//! `pelago kernel`: what Jupyter starts.

use std::path::PathBuf;
use std::process::ExitCode;

use pelago_cells::commands::values::whole;
use pelago_cells::interpreter::InterpreterOptions;
use pelago_kernel::KernelOptions;

use crate::failure::Failure;

/// `pelago kernel`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file in which Jupyter names ports and key
    #[arg(value_name = "FILE")]
    pub(crate) connection_file: PathBuf,
    /// Listen where other machines can reach it, if the connection file says so
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// MiB of output that one cell shows at most; the rest is dropped, and told
    #[arg(long, value_name = "MIB", default_value_t = default_output_limit())]
    #[arg(value_parser = whole::<u32>(1..=1024))]
    pub(crate) output_limit: u32,
}

fn default_output_limit() -> u32 {
    u32::try_from(pelago_kernel::OUTPUT_LIMIT >> 20).unwrap_or(u32::MAX)
}

pub(crate) async fn run(options: InterpreterOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let kernel = KernelOptions {
        connection_file: arguments.connection_file,
        allow_remote: arguments.allow_remote,
        history: options.session.store.with_file_name("notebook-history.sqlite"),
        output_limit: usize::try_from(arguments.output_limit).unwrap_or(usize::MAX) << 20,
        end_with_parent: started_by_jupyter(),
    };
    pelago_kernel::run(kernel, options).await?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a Jupyter server started this process and ends with it: it names
/// itself to its kernels.
fn started_by_jupyter() -> bool {
    std::env::var_os("JPY_PARENT_PID").is_some()
}
