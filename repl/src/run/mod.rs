//! `pelago run`: notebooks without Jupyter and without Python.
//!
//! It reads notebooks, runs each in an interpreter of its own, writes what ran,
//! compares it with what was stored, and reports. How cells run is the
//! interpreter's business, how values look the kernel's.

mod arguments;
mod check;
mod collect;
mod error;
mod execute;
mod files;
mod job;
mod late;
mod notebook;
mod outputs;
mod parameters;
mod places;
mod progress;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use futures::{StreamExt, stream};
use pelago_runtime::interpreter::InterpreterOptions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub(crate) use self::arguments::Arguments;
use self::error::RunError;
use self::execute::Rules;
use self::progress::Lines;
use self::report::{NotebookReport, Verdict};
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(options: InterpreterOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let jobs = match arguments.parameters().and_then(|parameters| job::plan(&arguments, &parameters)) {
        Ok(jobs) => jobs,
        Err(error) => return Ok(ExitCode::from(refuse(&error).code())),
    };
    let (stop, stopped) = watch::channel(0);
    let listener = tokio::spawn(count_interrupts(stop));
    let rules = Rules { timeout: arguments.timeout(), allow_errors: arguments.allow_errors };
    let lines = Lines::new();
    let running = jobs.into_iter().map(|job| job.run(&options, rules, &lines, &stopped));
    let mut finished = stream::iter(running).buffered(arguments.jobs.get());
    let mut notebooks = Vec::<NotebookReport>::new();
    while let Some(report) = finished.next().await {
        lines.print(&report::verdict(&report))?;
        notebooks.push(report);
    }
    listener.abort();
    let mut worst = notebooks.iter().map(NotebookReport::verdict).fold(Verdict::Passed, Ord::min);
    if let Some(path) = &arguments.junit
        && let Err(error) = report::junit(path, &notebooks, started.elapsed())
    {
        worst = worst.min(refuse(&error));
    }
    Ok(ExitCode::from(worst.code()))
}

/// Tells why there is nothing to run, or nowhere to write.
fn refuse(error: &RunError) -> Verdict {
    output::say(&format!("error: {error}\n  → {}", error.help()));
    Verdict::Unusable
}

/// Counts Ctrl-C and the end that a CI service asks for. The first interrupts
/// the cells that run, the second ends their processes; what ran is kept.
async fn count_interrupts(stop: watch::Sender<u32>) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.send_modify(|count| *count += 1);
    }
}
