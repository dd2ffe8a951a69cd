//! `pelago bench`: a model on every combination of browser, platform and precision.

use std::process::ExitCode;

use clap::Args;
use pelago_cells::commands::BenchArguments;
use pelago_protocol::SweepOutcome;
use pelago_session::{Session, SessionError, SessionOptions};

use crate::failure::Failure;
use crate::output;
use crate::output::progress::Bars;
use crate::output::table;

/// `pelago bench`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    bench: BenchArguments,
    /// Print a JSON object a combination
    #[arg(long)]
    pub(crate) json: bool,
}

/// Fails where not one combination could be measured.
pub(crate) async fn run(options: SessionOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let session = Session::open(options).await?;
    let bars = Bars::new();
    let sweep = session.sweep(&arguments.bench.into(), Some(bars.observer())).await;
    bars.clear();
    session.close().await;
    let rows = sweep?.rows;
    if arguments.json {
        for row in &rows {
            output::json::print(&serde_json::to_value(row).map_err(SessionError::from)?)?;
        }
    } else {
        output::print(&table::sweep(&rows)?.to_string())?;
        for row in rows.iter().filter(|row| row.outcome != SweepOutcome::Measured) {
            let problem = row.problem.as_deref().unwrap_or_default();
            let mixed = if row.mixed_precision { " mixed" } else { "" };
            let what = format!("{} {} {} bit{mixed}", row.browser, row.platform, row.precision);
            output::say(&format!("{what}: {}: {problem}", row.outcome));
        }
    }
    let any = rows.iter().any(|row| row.outcome == SweepOutcome::Measured);
    Ok(if any { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
