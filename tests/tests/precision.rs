//! The precision that fits, recipes of one's own, and the search for one, by the
//! command line in a real browser.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::path::Path;
use std::process::{Command, Output};

use pelago_onnx::files::Folder;
use pelago_onnx::precision::{Destination, Recipe, convert};
use pelago_tests::fixture;
use pelago_tests::lab::pelago;
use serde_json::Value;

const WASM: [&str; 4] = ["--browser", "chrome", "--platform", "wasm"];

fn run(home: &Path, arguments: &[&str]) -> Output {
    Command::new(pelago()).arg("--home").arg(home).args(arguments).output().unwrap()
}

/// A run of the tiny model, as JSON: its report, or its error.
fn accelerate(home: &Path, more: &[&str]) -> Value {
    let arguments = [&["accelerate", "tiny", "one two three"][..], &WASM, more, &["--json"]].concat();
    let output = run(home, &arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let model = fixture("models/bert");
    let added = run(home.path(), &["model", "add", model.to_str().unwrap(), "--name", "tiny"]);
    assert!(added.status.success(), "{added:?}");
    home
}

#[test]
fn auto_takes_the_highest_that_fits() {
    let home = home();
    let free = accelerate(home.path(), &["--precision", "auto"]);
    let report = &free["report"];
    assert_eq!((&report["precision"], &report["requested_precision"]), (&32.into(), &"auto".into()), "{report}");
    // The prediction is of the model: its weights and what it computes with. The page holds its runtime, too.
    let bytes = |name: &str| report[name].as_f64().unwrap() * f64::from(1 << 20);
    let weights = std::fs::metadata(fixture("models/bert/model.safetensors")).unwrap().len() as f64;
    let (predicted, measured) = (bytes("memory_predicted_mb"), bytes("memory_usage_mb"));
    assert!((0.9..=3.0).contains(&(predicted / weights)), "{predicted} for {weights}: {report}");
    assert!(predicted < measured, "{report}");

    let arguments = [&["accelerate", "tiny", "one two three"][..], &WASM, &["--precision", "auto"]].concat();
    let output = run(home.path(), &[&arguments[..], &["--memory-limit", "90K"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("predicted of") && said.contains("32 bit would need"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("8"), "{output:?}");
    let less = accelerate(home.path(), &["--precision", "auto", "--memory-limit", "90K"]);
    assert!(less["report"]["precision"].as_u64().unwrap() < 32, "{less}");

    let none = accelerate(home.path(), &["--precision", "auto", "--memory-limit", "10K"]);
    assert_eq!(none["error"]["code"], "nothing_fits", "{none}");
    let alone = accelerate(home.path(), &["--memory-limit", "1G"]);
    assert_eq!(alone["error"]["code"], "unsupported", "{alone}");
}

#[test]
fn two_bits_run_and_three_are_refused_by_name() {
    let home = home();
    let two = accelerate(home.path(), &["--precision", "2"]);
    assert_eq!(two["report"]["precision"], 2, "{two}");
    let three = run(home.path(), &["accelerate", "tiny", "one", "--precision", "3"]);
    let said = String::from_utf8_lossy(&three.stderr);
    assert!(!three.status.success() && said.contains("weights of 3 bits") && said.contains("16, 32"), "{said}");
}

#[test]
fn a_folder_may_publish_one_precision_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    let model = pelago_tests::family("bert", home.path()).unwrap();
    let to = model.join("onnx");
    let to = Destination::new(&to, "model_fp16.onnx");
    convert(&Folder(model.clone()), "onnx/model.onnx", &Recipe::new(16), to).unwrap();
    for file in ["onnx/model.onnx", "model.safetensors"] {
        std::fs::remove_file(model.join(file)).unwrap();
    }
    let path = model.to_str().unwrap();
    let output =
        run(home.path(), &["accelerate", path, "one two three", "--browser", "chrome", "--precision", "16", "--json"]);
    let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!((&run["report"]["precision"], &run["report"]["recipe"]), (&16.into(), &Value::Null), "{run}");
}

#[test]
fn webnn_runs_eight_bits_that_are_stored() {
    let home = home();
    let arguments = ["accelerate", "tiny", "one two three", "--browser", "chrome", "--platform", "webnn"];
    let output = run(home.path(), &[&arguments[..], &["--precision", "8", "--json"]].concat());
    let run: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(run["report"]["sessions"][0]["execution_provider"], "WebNNExecutionProvider", "{run}");
    assert!(run["report"]["recipe"].as_str().unwrap().contains("stored"), "{run}");
}

#[test]
fn a_recipe_says_which_layers_keep_more() {
    let home = home();
    let recipe = r#"{"bits":4,"overrides":[{"nodes":"*encoder*0*","bits":8}]}"#;
    let run = accelerate(home.path(), &["--recipe", recipe]);
    let report = &run["report"];
    assert_eq!((&report["precision"], &report["mixed_precision"]), (&4.into(), &true.into()), "{report}");
    let kept: Value = serde_json::from_str(report["recipe"].as_str().unwrap()).unwrap();
    assert_eq!(kept["overrides"][0]["bits"], 8, "{report}");
    let plain = accelerate(home.path(), &["--precision", "4"]);
    let graph = |report: &Value| report["sessions"][0]["graph_cid"].as_str().unwrap().to_owned();
    assert_ne!(graph(report), graph(&plain["report"]));

    for (wrong, expected) in [("{\"bits\":3}", "3"), ("{\"bits\":4,\"block\":7}", "block"), ("{", "recipe")] {
        let refused = accelerate(home.path(), &["--recipe", wrong]);
        let message = refused["error"]["message"].as_str().unwrap_or_default();
        assert!(refused["error"]["code"] == "precision" && message.contains(expected), "{refused}");
    }
    let missing = accelerate(home.path(), &["--recipe", "nowhere.json"]);
    assert_eq!(missing["error"]["code"], "recipe", "{missing}");
}

#[test]
fn a_search_keeps_within_its_error() {
    let home = home();
    let file = home.path().join("recipe.json");
    let uniform = |bits: &str| {
        let arguments = ["bench", "tiny", "--precision", bits, "--repeat", "1", "--warm-up", "0", "--json"];
        let output = run(home.path(), &[&arguments[..], &WASM].concat());
        let row: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        1.0 - row["parity"]["cosine"].as_f64().unwrap()
    };
    // Between what all layers of 2 bits give and what those of 8 do, so that some of each are right.
    let (coarse, fine) = (uniform("2"), uniform("8"));
    assert!(fine < coarse, "{fine} {coarse}");
    let budget = ((coarse + fine) / 2.0).to_string();
    let arguments = ["tune", "tiny", "--max-error", &budget, "--precision", "2,8", "--groups", "6", "--json"];
    let output = run(home.path(), &[&arguments[..], &WASM, &["--output", file.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{output:?}");
    let tuned: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(tuned["error"].as_f64().unwrap() <= tuned["max_error"].as_f64().unwrap(), "{tuned}");
    assert!(tuned["bytes"].as_u64().unwrap() < tuned["bytes_fp32"].as_u64().unwrap() / 2, "{tuned}");
    let groups = tuned["sensitivities"].as_array().unwrap();
    assert!((2..=6).contains(&groups.len()), "{tuned}");
    assert!(groups[0]["error"].as_f64().unwrap() > 0.0, "the most sensitive comes first: {tuned}");
    let recipe = std::fs::read_to_string(&file).unwrap();
    assert_eq!(recipe.trim(), tuned["recipe"]);

    // What was tried is gone again; what was found can be run.
    let run_of_it = accelerate(home.path(), &["--recipe", file.to_str().unwrap()]);
    assert_eq!(run_of_it["report"]["precision"], 2, "{run_of_it}");
    let strict = ["tune", "tiny", "--max-error", "0", "--precision", "4", "--json"];
    let output = run(home.path(), &[&strict[..], &WASM].concat());
    let refused: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(refused["error"]["code"], "tune", "{refused}");
}

#[test]
fn families_without_texts_are_given_tensors() {
    let home = tempfile::tempdir().unwrap();
    for (family, graph) in [("vit", None), ("llama", None), ("t5", Some("onnx/encoder_model.onnx"))] {
        let model = pelago_tests::family(family, home.path()).unwrap();
        let more = graph.map_or(Vec::new(), |graph| vec!["--graph", graph]);
        let arguments = ["bench", model.to_str().unwrap(), "--precision", "8,32", "--repeat", "6", "--json"];
        let output = run(home.path(), &[&arguments[..], &WASM, &more].concat());
        let shown = String::from_utf8_lossy(&output.stdout);
        let rows = shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
        assert_eq!(rows.len(), 2, "{output:?}");
        for row in &rows {
            assert_eq!(row["outcome"], "measured", "{row}");
            assert!(row["parity"]["cosine"].as_f64().unwrap() > 0.99, "{row}");
        }
        if family == "vit" {
            assert!(rows[0]["parity"]["top1_agreement"].is_number(), "logits are scores: {}", rows[0]);
        }
    }
}
