//! `pelago install` and `pelago uninstall`: the kernel spec, and the first
//! compile of what every cell links.

mod error;
mod place;
mod spec;

use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use pelago_cells::interpreter::{Event, ExecuteOptions, Interpreter, InterpreterOptions};
use pelago_session::CancellationToken;
use tokio::sync::mpsc;

use self::error::InstallError;
use crate::failure::Failure;
use crate::{interrupt, output};

/// Where a kernel spec belongs, and its name.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// For this user; the default
    #[arg(long, conflicts_with_all = ["prefix", "sys_prefix"])]
    pub(crate) user: bool,
    /// Below a folder such as /usr/local: in its share/jupyter/kernels
    #[arg(long, value_name = "FOLDER", conflicts_with = "sys_prefix")]
    pub(crate) prefix: Option<PathBuf>,
    /// In the Python environment that is active, or that python3 runs in
    #[arg(long)]
    pub(crate) sys_prefix: bool,
    /// The name that Jupyter knows the kernel by
    #[arg(long, default_value = "pelago", value_name = "NAME", value_parser = place::name)]
    pub(crate) name: String,
}

/// `pelago install`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The name that a person sees
    #[arg(long, default_value = "Pelago (Rust)", value_name = "TEXT")]
    pub(crate) display_name: String,
    /// Write the kernel spec alone: the first cell then compiles what this command would have
    #[arg(long)]
    pub(crate) no_warm: bool,
}

/// `pelago uninstall`
#[derive(Debug, clap::Args)]
pub(crate) struct UninstallArguments {
    #[command(flatten)]
    pub(crate) place: Place,
}

pub(crate) async fn run(options: InterpreterOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let folder = place::folder(&arguments.place).await?;
    spec::write(&folder, &spec::kernel_json(&options, &arguments.display_name))?;
    output::print(&format!("the kernel {:?} is installed in {}", arguments.place.name, folder.display()))?;
    if !arguments.no_warm {
        warm(options, &interrupt::listen()?).await?;
        output::print("cells are compiled and ready")?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn uninstall(arguments: UninstallArguments) -> Result<ExitCode, Failure> {
    let folder = place::folder(&arguments.place).await?;
    spec::remove(&folder)?;
    output::print(&format!("the kernel {:?} is gone from {}", arguments.place.name, folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs one cell of Rust, so that what every cell links is compiled.
async fn warm(options: InterpreterOptions, cancel: &CancellationToken) -> Result<(), InstallError> {
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{spinner} {msg:60!} {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar.set_message("compiling what cells link; this happens once");
    let opened = cancel.run_until_cancelled(Interpreter::open(options)).await.ok_or(InstallError::Interrupted)?;
    let interpreter = opened.map_err(|source| InstallError::Open { source })?;
    let (events, mut coming) = mpsc::channel(64);
    let told = async {
        while let Some(event) = coming.recv().await {
            if let Event::Stderr(text) = event
                && let Some(line) = text.lines().map(str::trim).rfind(|line| !line.is_empty())
            {
                bar.set_message(line.to_owned());
            }
        }
    };
    let ran = async {
        let cell = ExecuteOptions { label: "[install]".to_owned(), allow_input: false, late: None };
        tokio::select! {
            ran = interpreter.execute("1 + 1", &cell, &events) => ran.map(drop).map_err(|source| InstallError::Warm { source }),
            () = cancel.cancelled() => Err(InstallError::Interrupted),
        }
    };
    let ran = tokio::select! {
        ran = ran => ran,
        // Ends with the sender, which is held until the cell ended.
        () = told => Ok(()),
    };
    bar.finish_and_clear();
    interpreter.close().await;
    ran
}
