//! Sweeps in a real browser: every precision of a tiny model, made from its one checkpoint.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::path::Path;
use std::process::{Command, Output};

use pelago_tests::fixture;
use pelago_tests::lab::pelago;
use serde_json::Value;

fn run(home: &Path, arguments: &[&str]) -> Output {
    Command::new(pelago()).arg("--home").arg(home).args(arguments).output().unwrap()
}

fn objects(output: &Output) -> Vec<Value> {
    let shown = String::from_utf8_lossy(&output.stdout);
    shown.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn every_precision_is_measured_and_compared_with_fp32() {
    let home = tempfile::tempdir().unwrap();
    let model = fixture("models/bert");
    let added = run(home.path(), &["model", "add", model.to_str().unwrap(), "--name", "tiny"]);
    assert!(added.status.success(), "{added:?}");
    let output = run(
        home.path(),
        &[
            "bench",
            "tiny",
            "--browser",
            "chrome",
            "--platform",
            "wasm,webgpu",
            "--precision",
            "4,8,16,32",
            "--mixed",
            "--repeat",
            "6",
            "--json",
        ],
    );
    let rows = objects(&output);
    assert!(output.status.success(), "{output:?}");
    // Of fp32 there is no mix.
    assert_eq!(rows.len(), 2 * 7, "{rows:?}");
    let row = |platform: &str, bits: u64, mixed: bool| {
        let is =
            |row: &&Value| row["platform"] == platform && row["precision"] == bits && row["mixed_precision"] == mixed;
        rows.iter().find(is).unwrap_or_else(|| panic!("{platform} {bits} {mixed} is missing"))
    };
    for (bits, mixed) in [(4, false), (4, true), (8, false), (8, true), (16, false), (16, true), (32, false)] {
        let row = row("wasm", bits, mixed);
        assert_eq!((&row["outcome"], row["runs"].as_u64()), (&"measured".into(), Some(6)), "{row}");
        assert!(row["p50_ms"].as_f64().unwrap() > 0.0 && row["speedup_low"].is_number(), "{row}");
        assert_ne!(row["parity"]["verdict"], "broken", "{row}");
        assert!(row["memory_usage_mb"].as_f64().is_some_and(|grown| grown >= 0.0), "{row}");
    }
    let size = |bits| row("wasm", bits, false)["model_bytes"].as_u64().unwrap();
    assert!(size(4) < size(16) && size(8) < size(16) && size(16) < size(32));
    assert_eq!(row("wasm", 32, false)["parity"]["verdict"], "exact");
    let phases = row("wasm", 32, false)["phases"].as_array().unwrap();
    let compile = phases.iter().find(|phase| phase["phase"] == "compile");
    assert!(compile.is_some_and(|compile| compile["ms"].is_number()), "its cold start is that of the reference");
    // Weights in blocks run on the GPU; where the adapter has no half precision, that is a row that says so.
    for (bits, mixed) in [(4, false), (8, false), (32, false)] {
        assert_eq!(row("webgpu", bits, mixed)["outcome"], "measured");
    }
    let half = row("webgpu", 16, false);
    let refused = half["problem"].as_str().is_some_and(|problem| problem.contains("shader-f16"));
    assert!(half["outcome"] == "measured" || (half["outcome"] == "refused" && refused), "{half}");

    // Its rows are kept, and each precision is content that is made once.
    let kept = run(home.path(), &["history", "--sql", "SELECT count(*) AS n FROM sweeps", "--json"]);
    assert_eq!(objects(&kept)[0]["n"], 14, "{kept:?}");
    let again = run(
        home.path(),
        &["accelerate", "tiny", "one", "--precision", "4", "--platform", "wasm", "--browser", "chrome", "--json"],
    );
    let report = &objects(&again)[0]["report"];
    assert_eq!((&report["precision"], &report["mixed_precision"]), (&4.into(), &false.into()), "{report}");
}

#[test]
fn a_cell_sweeps_and_plots() {
    let home = tempfile::tempdir().unwrap();
    let model = fixture("models/bert");
    let code = format!(
        ":model add '{}' --name tiny\n\n\
         let sweep = bench(\"tiny\").browsers([Chrome]).platforms([Wasm]).precisions([8, 32]).repeat(6).run()?;\n\
         println!(\"{{}} rows of {{}}\", sweep.frame().height(), sweep.rows()[0].model_name);\n\
         assert_eq!(bench(\"tiny\").precisions([5]).run().unwrap_err().code, \"precision\");\n\
         let tuned = tune(\"tiny\").browser(Chrome).platform(Wasm).max_error(0.5).run()?;\n\
         let one = accelerate(\"tiny\", \"one\").browser(Chrome).platform(Wasm);\n\
         assert_eq!(one.clone().recipe(tuned.recipe()).run()?.report().precision, Precision::Bits4);\n\
         assert_eq!(one.clone().precision(\"auto\").run()?.report().requested_precision, PrecisionChoice::Auto);\n\
         assert_eq!(one.precision(3).run().unwrap_err().code, \"precision\");\n\
         sweep.plot()\n",
        model.display()
    );
    let output = run(home.path(), &["-c", &code]);
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}\n{said}");
    assert!(shown.contains("2 rows of tiny") && shown.contains("cosine"), "{shown}\n{said}");
}
