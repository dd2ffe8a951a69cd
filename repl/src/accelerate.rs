//! `pelago accelerate`: run a model, print its output and a table of timings.

use std::path::Path;
use std::process::ExitCode;

use pelago_protocol::{Run, Voice};
use pelago_results::Results;
use pelago_session::{Session, SessionOptions};

use crate::args::Accelerate;
use crate::failure::Failure;
use crate::output::progress::Bars;
use crate::output::{self, json, table};

pub(crate) async fn run(options: SessionOptions, arguments: Accelerate) -> Result<ExitCode, Failure> {
    let session = Session::open(options).await?;
    let result = tokio::select! {
        result = with_session(&session, &arguments) => result,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    };
    session.close().await;
    result
}

async fn with_session(session: &Session, arguments: &Accelerate) -> Result<ExitCode, Failure> {
    let (Accelerate { accelerate: asked, json: as_json }, request) =
        (arguments, arguments.accelerate.request(Path::new(""))?);
    let bars = Bars::new();
    let mut runs = Vec::new();
    let mut failed = Vec::new();
    if asked.every_route {
        for _ in 0..asked.repeat {
            for attempt in session.accelerate_every_route(&request, Some(bars.observer())).await? {
                match attempt.outcome {
                    Ok(run) => runs.push(run),
                    Err(error) => failed.push((attempt.route, error)),
                }
            }
        }
    } else {
        for _ in 0..asked.repeat {
            let run = session.accelerate(&request, Some(bars.observer())).await?;
            if *as_json {
                json::print(&pelago_render::run::json(&run))?;
            }
            runs.push(run);
        }
    }
    bars.clear();
    if *as_json {
        if asked.every_route {
            runs.iter().try_for_each(|run| json::print(&pelago_render::run::json(run)))?;
            failed.iter().try_for_each(|(_, error)| json::print(&json::error(error)))?;
        }
    } else {
        show(&runs)?;
        for (route, error) in &failed {
            output::say(&format!(
                "{} on {}: {error}\n  → {}",
                route.platform,
                route.installation,
                error.advice().words(Voice::Shell)
            ));
        }
    }
    Ok(if failed.is_empty() && !runs.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(runs: &[Run]) -> Result<(), Failure> {
    if let Some(run) = runs.first() {
        output::print(&pelago_render::run::preview_of(run))?;
    }
    let reports = runs.iter().map(|run| run.report.clone()).collect::<Vec<_>>();
    let frame = Results::frame(&reports).map_err(pelago_session::SessionError::from)?;
    let summary = table::summary(&frame).map_err(pelago_session::SessionError::from)?;
    output::print(&summary.to_string())?;
    let mut warned = Vec::new();
    for warning in runs.iter().flat_map(|run| &run.report.warnings) {
        if !warned.contains(&warning) {
            output::say(&format!("warning: {warning}"));
            warned.push(warning);
        }
    }
    Ok(())
}
