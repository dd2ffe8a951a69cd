//! `pelago accelerate` as its user waits for it: from the start of the process
//! to the line with the result.

use std::process::Stdio;
use std::time::Instant;

use pelago_protocol::{PhaseName, Report};
use pelago_tests::{SENTENCE, lab};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::Failure;
use crate::models::{Models, NAME};
use crate::stats::Sample;
use crate::table::{Table, number};
use crate::verdict::Verdict;

const RUNS: usize = 5;
/// Seconds.
const WANTED: f64 = 4.0;

/// One run, in milliseconds.
struct Measured {
    report: Report,
    to_result: f64,
    to_end: f64,
}

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    // Fills the browser's profile.
    once(models).await?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(once(models).await?);
    }
    let mut bare = Sample::default();
    for _ in 0..RUNS {
        let start = Instant::now();
        Command::new(lab::pelago()).arg("--version").stdout(Stdio::null()).status().await?;
        bare.0.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let of = |pick: &dyn Fn(&Measured) -> f64| Sample(runs.iter().map(pick).collect());
    let phase = |pick: fn(&Report) -> Option<f64>| of(&|run| pick(&run.report).unwrap_or_default());
    let total = |run: &Measured| run.report.total_time * 1000.0;
    let known = |report: &Report| {
        let phases = &report.phases;
        // The first run is a part of the graph's time.
        phases.0.iter().filter(|one| one.phase != PhaseName::FirstRun).map(|one| one.ms).sum::<f64>()
    };
    let to_result = of(&|run| run.to_result);
    let mut table = Table::new(&["part", "p50", "min", "max"]);
    for (name, sample) in [
        ("from start to the result", to_result.clone()),
        ("… the process itself (`pelago --version`)", bare),
        (
            "… the rest before and after the run: stores, discovery, recording, printing",
            of(&|run| run.to_result - total(run)),
        ),
        ("… opening the browser and its page", phase(|report| report.phases.ms(PhaseName::Open))),
        ("… fetch, with the start of the runtime", phase(|report| report.phases.ms(PhaseName::Fetch))),
        ("… compile", phase(|report| report.phases.ms(PhaseName::Compile))),
        ("… tokenise, first run, pool", of(&|run| run.report.processing_time * 1000.0)),
        ("… of the run, named by no phase", of(&|run| total(run) - known(&run.report))),
        ("from the result to the end of the process: closing", of(&|run| run.to_end - run.to_result)),
    ] {
        table.row([name.to_owned(), number(sample.p50()), number(sample.min()), number(sample.quantile(1.0))]);
    }
    table.print(&format!("`pelago accelerate` on Chromium wasm, model and profile cached, {RUNS} runs, ms"));
    let seconds = to_result.p50() / 1000.0;
    let text = format!("{} s, at most {} s", number(seconds), number(to_result.quantile(1.0) / 1000.0));
    Ok(vec![Verdict::new("`pelago accelerate` to the result", "≤ 4 s", text, seconds <= WANTED)])
}

async fn once(models: &Models) -> Result<Measured, Failure> {
    let start = Instant::now();
    let mut child = Command::new(lab::pelago())
        .args(["accelerate", NAME, SENTENCE, "--platform", "wasm", "--browser", "chrome", "--json"])
        .env("PELAGO_HOME", models.home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let Some(stdout) = child.stdout.take() else { return Err("no stdout of `pelago`".into()) };
    let mut lines = BufReader::new(stdout).lines();
    let Some(line) = lines.next_line().await? else { return Err("`pelago accelerate` printed nothing".into()) };
    let to_result = start.elapsed().as_secs_f64() * 1000.0;
    child.wait().await?;
    let to_end = start.elapsed().as_secs_f64() * 1000.0;
    let mut object = serde_json::from_str::<Value>(&line)?;
    let report =
        serde_json::from_value(object["report"].take()).map_err(|_| format!("`pelago accelerate` answered {line}"))?;
    Ok(Measured { report, to_result, to_end })
}
