//! Pelago's kernel beside evcxr_jupyter and ipykernel, asked by one Jupyter
//! client in turns; and what a cell's time is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pelago_tests::{SENTENCE, fixture, lab};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Failure;
use crate::models::{Models, NAME};
use crate::stats::{HEAD, Sample, ratio};
use crate::table::{Table, number};
use crate::verdict::Verdict;

const STARTS: usize = 3;
const TURNS: usize = 15;
/// The client, which lies beside the tests' other Python.
const CLIENT: &str = "../python/kernel_bench.py";
/// The feature set that Pelago has in scope, as far as the cells below use it.
const POLARS: &str = ":dep polars = { version = \"0.55\", features = [\"lazy\", \"fmt\", \"ipc\", \"parquet\"] }\nuse polars::prelude::*;";
const FRAME: &str = "let df = df!(\"a\" => [1, 2, 3]).unwrap();";
const FILTER: &str = "df.clone().lazy().filter(col(\"a\").gt(lit(1))).collect().unwrap().height()";

const PELAGO: &str = "pelago";
const EVCXR: &str = "evcxr";
const IPYTHON: &str = "ipython";

/// Milliseconds, as the client measured them.
#[derive(Debug, Deserialize)]
struct Measured {
    starts: Vec<f64>,
    ready: Vec<f64>,
    fresh: BTreeMap<String, Vec<f64>>,
    prepare: Vec<f64>,
    cells: BTreeMap<String, Vec<f64>>,
    lines: Vec<f64>,
}

impl Measured {
    fn cell(&self, name: &str) -> Sample {
        Sample(self.cells.get(name).cloned().unwrap_or_default())
    }
}

pub(crate) async fn run(models: &Models) -> Result<Vec<Verdict>, Failure> {
    let folder = tempfile::tempdir()?;
    let install = install(models, folder.path()).await?;
    let measured = measure(models, folder.path()).await?;
    let of = |name: &str| measured.get(name).ok_or_else(|| format!("the client measured no {name}"));
    let (pelago, evcxr, ipython) = (of(PELAGO)?, of(EVCXR)?, of(IPYTHON)?);

    let mut starts = Table::new(&["kernel", "what", "n", "min", "p50", "p90", "p99", "p50/min"]);
    let mut cells = Table::new(&["kernel", "cell", "n", "min", "p50", "p90", "p99", "p50/min"]);
    for (name, kernel) in [(PELAGO, pelago), (EVCXR, evcxr), (IPYTHON, ipython)] {
        let row = |table: &mut Table, what: &str, sample: &[f64]| {
            table.row([name.to_owned(), what.to_owned()].into_iter().chain(Sample(sample.to_vec()).cells()));
        };
        row(&mut starts, "process to kernel_info_reply", &kernel.starts);
        row(&mut starts, "process to the end of the first cell, `1+1`", &kernel.ready);
        for (cell, sample) in &kernel.fresh {
            row(&mut starts, &format!("fresh: `{cell}`"), sample);
        }
        for (cell, sample) in &kernel.cells {
            row(&mut cells, cell, sample);
        }
        row(&mut cells, "100,000 lines printed", &kernel.lines);
    }
    debug_assert_eq!(HEAD.len() + 2, 8);
    starts.print("Starts, ms");
    cells.print("Warm cells, request to idle, ms, turn by turn");
    if let (Some(compile), Some(frame)) = (evcxr.prepare.first(), evcxr.prepare.get(1)) {
        println!(
            "\nevcxr with Polars: the cell with `:dep polars` took {} s, the first DataFrame {} ms.",
            number(compile / 1e3),
            number(*frame)
        );
    }
    phases(folder.path())?;

    let one = pelago.cell("1+1");
    let (times, interval) = ratio(&one, &evcxr.cell("1+1, Polars in scope"));
    let verdict = |target: &str, wanted: f64, sample: &Sample| {
        let found = sample.p50();
        Verdict::new(target, format!("≤ {wanted} ms"), format!("{} ms", number(found)), found <= wanted)
    };
    let (lines, theirs) = (Sample(pelago.lines.clone()).p50(), Sample(ipython.lines.clone()).p50());
    let frame = pelago.fresh.get("DataFrame").cloned().unwrap_or_default();
    Ok(vec![
        verdict("kernel_info after the process's start", 300.0, &Sample(pelago.starts.clone())),
        verdict("first Rust cell after the process's start", 3000.0, &Sample(pelago.ready.clone())),
        verdict("first DataFrame of a fresh kernel", 3000.0, &Sample(frame)),
        verdict("`:vars`", 5.0, &pelago.cell(":vars")),
        verdict("`1+1`, Polars in scope", 200.0, &one),
        Verdict::new(
            "`1+1` to evcxr_jupyter's with Polars",
            "≤ 0.15",
            format!("{times:.3} ({:.3}…{:.3})", interval[0], interval[1]),
            times <= 0.15,
        ),
        verdict("`accelerate` on a warm model", 600.0, &pelago.cell("accelerate")),
        verdict("filter of a DataFrame", 900.0, &pelago.cell("filter")),
        Verdict::new(
            "100,000 lines to ipykernel's",
            "≤ 3",
            format!("{} ({} ms, {} ms)", number(lines / theirs), number(lines), number(theirs)),
            lines <= 3.0 * theirs,
        ),
        Verdict::new(
            "`pelago install` where Pelago was built",
            "≤ 60 s",
            format!("{} s", number(install)),
            install <= 60.0,
        ),
    ])
}

/// The kernel specs, below `folder`; the seconds of `pelago install` with nothing warm.
async fn install(models: &Models, folder: &Path) -> Result<f64, Failure> {
    // What the first install of a build links lies beside the executable.
    let linked = lab::pelago().with_file_name("cells");
    if linked.is_dir() {
        std::fs::remove_dir_all(&linked)?;
    }
    let start = std::time::Instant::now();
    let mut command = Command::new(lab::pelago());
    command.arg("--home").arg(models.home()).args(["install", "--prefix"]).arg(folder).stdout(Stdio::null());
    if !command.status().await?.success() {
        return Err("`pelago install` failed".into());
    }
    let took = start.elapsed().as_secs_f64();
    let python = python()?;
    let evcxr = std::env::var_os("PELAGO_BENCH_EVCXR").ok_or("PELAGO_BENCH_EVCXR names no evcxr_jupyter")?;
    // evcxr keeps what it compiled of Polars here; the next measurement finds it.
    let kept = std::env::temp_dir().join("pelago-bench-evcxr");
    std::fs::create_dir_all(&kept)?;
    spec(folder, EVCXR, &[&evcxr, "--control_file".as_ref()], &[("EVCXR_TMPDIR", &kept)])?;
    spec(folder, IPYTHON, &[python.as_os_str(), "-m".as_ref(), "ipykernel_launcher".as_ref(), "-f".as_ref()], &[])?;
    Ok(took)
}

fn spec(folder: &Path, name: &str, argv: &[&std::ffi::OsStr], env: &[(&str, &Path)]) -> Result<(), Failure> {
    let at = folder.join("share/jupyter/kernels").join(name);
    std::fs::create_dir_all(&at)?;
    let mut argv: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
    argv.push("{connection_file}".into());
    let env: BTreeMap<_, _> = env.iter().map(|(name, path)| (name, path.display().to_string())).collect();
    let spec = json!({"argv": argv, "display_name": name, "language": "rust", "env": env});
    Ok(std::fs::write(at.join("kernel.json"), spec.to_string())?)
}

fn python() -> Result<PathBuf, Failure> {
    let python = std::env::var_os("PELAGO_TEST_PYTHON").ok_or("PELAGO_TEST_PYTHON names no interpreter")?;
    Ok(PathBuf::from(python))
}

async fn measure(models: &Models, folder: &Path) -> Result<BTreeMap<String, Measured>, Failure> {
    let accelerate =
        format!("accelerate({NAME:?}, {SENTENCE:?}).platform(Wasm).browser(Chrome).run()?.output().shape()[1]");
    let lines = "for n in 0..100_000 { println!(\"{n}\"); }";
    let asked = json!({"starts": STARTS, "turns": TURNS, "kernels": {
        PELAGO: {
            "fresh": {"1+1": "1+1", "DataFrame": FRAME},
            "prepare": [FRAME, accelerate],
            "cells": {":vars": ":vars", "1+1": "1+1", "clone": "df.clone()", "filter": FILTER, "accelerate": accelerate},
            "lines": lines,
        },
        EVCXR: {
            "fresh": {"1+1": "1+1"},
            "prepare": [POLARS, FRAME],
            "cells": {
                ":vars": ":vars", "1+1, Polars in scope": "1+1", "clone": "df.clone()", "filter": FILTER,
            },
            "lines": lines,
        },
        IPYTHON: {
            "fresh": {"1+1": "1+1"},
            "prepare": [],
            "cells": {"1+1": "1+1"},
            "lines": "for n in range(100_000):\n    print(n)",
        },
    }});
    let mut client = Command::new(python()?);
    client
        .arg(fixture(CLIENT))
        .env("JUPYTER_PATH", folder.join("share/jupyter"))
        .env("JUPYTER_DATA_DIR", folder.join("data"))
        .env("IPYTHONDIR", folder.join("ipython"))
        .env("PELAGO_HOME", models.home())
        .env("PELAGO_LOG", "pelago_cells::rust=debug")
        .env("PELAGO_BENCH_LOGS", folder)
        .env("NO_COLOR", "1")
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut client = client.spawn()?;
    let mut stdin = client.stdin.take().ok_or("the client has no stdin")?;
    stdin.write_all(asked.to_string().as_bytes()).await?;
    drop(stdin);
    let output = client.wait_with_output().await?;
    if !output.status.success() {
        return Err("the Jupyter client failed; it says above why".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What Pelago's cells say of their own time in the log, by the kind of the phase.
fn phases(folder: &Path) -> Result<(), Failure> {
    let log = std::fs::read_to_string(folder.join(format!("{PELAGO}.log")))?;
    let mut found: BTreeMap<&str, Sample> = BTreeMap::new();
    for (name, ms) in log.lines().filter_map(phase) {
        found.entry(name).or_default().0.push(ms);
    }
    let mut table = Table::new(&["phase", "n", "min", "p50", "p90", "p99", "p50/min"]);
    for (name, sample) in found {
        table.row(std::iter::once(name.to_owned()).chain(sample.cells()));
    }
    table.print("Phases of Pelago's starts and of all its Rust cells, ms");
    Ok(())
}

/// `… phase="compile" ms=12.5`
fn phase(line: &str) -> Option<(&str, f64)> {
    let (name, rest) = line.split_once("phase=\"")?.1.split_once('"')?;
    let ms = rest.split_once("ms=")?.1.split_whitespace().next()?.parse().ok()?;
    Some((name, ms))
}
