//! `pelago tune`: the fewest bytes that keep a model within an error of fp32.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use pelago_cells::commands::{TuneArguments, tuned_sentence};
use pelago_session::{Session, SessionError, SessionOptions, sensitivities_frame};

use crate::failure::Failure;
use crate::output::progress::Bars;
use crate::output::{self, json};

/// `pelago tune`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    tune: TuneArguments,
    /// Print one JSON object with the recipe and what each group of layers adds to the error
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) async fn run(options: SessionOptions, arguments: Arguments) -> Result<ExitCode, Failure> {
    let session = Session::open(options).await?;
    let bars = Bars::new();
    let request = arguments.tune.request();
    let result = tokio::select! {
        result = session.tune(&request, Some(bars.observer())) => result.map_err(Failure::from),
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    };
    bars.clear();
    session.close().await;
    let tuned = result?;
    arguments.tune.keep(&tuned, Path::new(""))?;
    if arguments.json {
        json::print(&serde_json::to_value(&tuned).map_err(SessionError::from)?)?;
    } else {
        if !tuned.sensitivities.is_empty() {
            output::print(&sensitivities_frame(&tuned)?.to_string())?;
        }
        output::print(&tuned_sentence(&tuned))?;
    }
    Ok(ExitCode::SUCCESS)
}
