//! `pelago run`: notebooks from the command line, watched on a terminal.
//!
//! How notebooks are read, run, kept and compared is the runner's business.

mod arguments;
mod progress;

use std::process::ExitCode;
use std::time::Instant;

use futures::{StreamExt, stream};
use pelago_cells::interpreter::InterpreterOptions;
use pelago_runner::report::{self, NotebookReport, Verdict};
use pelago_runner::{NotebookError, plan};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub(crate) use self::arguments::Arguments;
use self::progress::Lines;
use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(options: InterpreterOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let asked = arguments.options();
    let jobs = match arguments.parameters().and_then(|parameters| plan(&asked, &parameters)) {
        Ok(jobs) => jobs,
        Err(error) => return Ok(ExitCode::from(refuse(&error).code())),
    };
    let (stop, stopped) = watch::channel(0);
    let listener = tokio::spawn(count_interrupts(stop));
    let (rules, lines) = (arguments.rules(), Lines::new());
    let running = jobs.into_iter().map(|job| job.run(&options, rules, &lines, &stopped));
    let mut finished = stream::iter(running).buffered(arguments.jobs);
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
fn refuse(error: &NotebookError) -> Verdict {
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
