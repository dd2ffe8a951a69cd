//! Models as people publish them, in a real browser: the vectors are those of sentence-transformers and transformers on
//! PyTorch, or the model is refused by name. One browser runs all of them.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod cases;

use std::path::{Path, PathBuf};
use std::process::Command;

use pelago_protocol::{
    BrowserKind, DType, Family, Input, OnLong, Output, ParityVerdict, PhaseName, Platform, Precision, Request, Run,
    Tensor, Voice,
};
use pelago_tests::fixture;
use pelago_tests::lab::{Lab, embeddings, pelago};
use serde_json::Value;

use self::cases::{case, copy, names};

/// The largest difference by the largest expected value; infinite for another shape.
fn difference(run: &Run, expected: &[Vec<f32>]) -> f32 {
    let (shape, values) = embeddings(run);
    if *shape != [expected.len(), expected[0].len()] {
        return f32::INFINITY;
    }
    let expected = expected.concat();
    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    values.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

fn wasm(model: &Path, texts: &[String]) -> Request {
    let input = Input::Texts(texts.to_vec());
    Request { platform: Platform::Wasm, browser: BrowserKind::Chrome, ..Request::new(model.to_str().unwrap(), input) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_published_case_is_right_or_refused() {
    let lab = Lab::open().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for name in names() {
        let case = case(&name, into.path());
        let ran = lab.run(&wasm(&case.folder, &case.texts)).await;
        match (ran, &case.expected) {
            (Ok(run), Some(expected)) => {
                let tolerance = if name.contains("fp16") { 1e-2 } else { 1e-4 };
                let difference = difference(&run, expected);
                if difference > tolerance {
                    wrong.push(format!("{name}: {difference}, shape {:?}", embeddings(&run).0));
                }
            }
            (Ok(run), None) => wrong.push(format!("{name}: gives {:?}", embeddings(&run).0)),
            // Half of the file's notes allow a refusal; none of these is one here.
            (Err(error), Some(_)) => wrong.push(format!("{name}: {error}")),
            (Err(error), None) => assert!(error.to_string().contains("the token"), "{name}: {error}"),
        }
    }
    lab.session.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bfloat16_runs_everywhere_and_in_every_precision() {
    let lab = Lab::open().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let case = case("12_bf16", into.path());
    let expected = case.expected.unwrap();
    for platform in [Platform::Wasm, Platform::WebGpu, Platform::WebNn] {
        let request = Request { platform, ..wasm(&case.folder, &case.texts) };
        let run = lab.run(&request).await.unwrap();
        assert!(difference(&run, &expected) < 1e-4, "{platform}: {:?}", embeddings(&run));
        assert_eq!((run.report.sessions[0].graph.as_str(), run.report.platform), ("checkpoint", platform));
    }
    for (precision, tolerance) in [(Precision::Bits16, 1e-2), (Precision::Bits8, 0.05), (Precision::Bits4, 0.5)] {
        let request = Request { precision: precision.into(), ..wasm(&case.folder, &case.texts) };
        let run = lab.run(&request).await.unwrap();
        assert!(difference(&run, &expected) < tolerance, "{precision}: {:?}", embeddings(&run));
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_was_done_with_the_texts() {
    let lab = Lab::open().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let dense = case("01_dense_tanh_labse", into.path());
    let run = lab.run(&wasm(&dense.folder, &dense.texts)).await.unwrap();
    assert_eq!(run.report.modules, ["cls", "Dense(32→32, Tanh)", "Normalize"]);
    assert_eq!((run.report.sessions[0].graph.as_str(), &run.report.warnings), ("checkpoint", &Vec::new()));
    assert!(run.report.phases.ms(PhaseName::Tokenize).is_some_and(|took| took > 0.0));

    let prompts = case("07_default_prompt", into.path());
    let mut request = wasm(&prompts.folder, &prompts.texts);
    let prompted = lab.run(&request).await.unwrap().report;
    assert_eq!((prompted.prompt.as_deref(), prompted.similarity.as_deref()), (Some("query"), Some("cosine")));
    request.prompt = Some(String::new());
    let plain = lab.run(&request).await.unwrap();
    assert_eq!(plain.report.prompt, None);
    let base = case("00_base", into.path());
    assert!(difference(&plain, base.expected.as_ref().unwrap()) < 1e-4, "without a prompt it is the base");
    request.prompt = Some("passage".to_owned());
    assert_eq!(lab.run(&request).await.unwrap_err().code(), "no_prompt");

    let long = case("11_sentence_roberta_config", into.path());
    let mut request = wasm(&long.folder, &long.texts);
    let cut = lab.run(&request).await.unwrap();
    assert_eq!((cut.report.tokens, cut.report.truncated_texts), (Some(8), 1));
    assert!(cut.report.warnings[0].starts_with("text 1: cut"), "{:?}", cut.report.warnings);
    request.on_long = OnLong::Error;
    assert_eq!(lab.run(&request).await.unwrap_err().code(), "input_too_long");
    request.on_long = OnLong::Split;
    let split = lab.run(&request).await.unwrap();
    assert_eq!((embeddings(&split).0, split.report.truncated_texts), (&[1, 32], 0));

    let texts = ["", "hello world"].map(str::to_owned);
    let mut request = wasm(&base.folder, &texts);
    request.truncate_dim = Some(8);
    let run = lab.run(&request).await.unwrap();
    let (shape, values) = embeddings(&run);
    let expected = &base.expected.as_ref().unwrap()[0];
    assert_eq!(*shape, [2, 8]);
    assert!(values[8..].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{values:?}");
    assert!(
        run.report.warnings.iter().any(|warning| warning.starts_with("text 1: empty")),
        "{:?}",
        run.report.warnings
    );
    assert!(run.report.warnings.iter().any(|warning| warning.contains("modules.json")), "{:?}", run.report.warnings);
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn which_graph_runs_is_a_rule_and_a_damaged_checkpoint_is_an_error() {
    let lab = Lab::open().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let published = case("15_onnx_external_dot_data", into.path());
    let base = case("00_base", into.path());
    let expected = base.expected.unwrap();
    let run = lab.run(&wasm(&published.folder, &base.texts)).await.unwrap();
    assert_eq!(run.report.sessions[0].graph, "onnx/model.onnx", "there is no checkpoint");

    // With a checkpoint beside it, that is built; and --graph settles it either way.
    let both = into.path().join("both");
    std::fs::create_dir_all(both.join("onnx")).unwrap();
    copy(&published.folder, &both);
    copy(&base.folder, &both);
    for (graph, ran) in
        [(None, "checkpoint"), (Some("onnx/model.onnx"), "onnx/model.onnx"), (Some("checkpoint"), "checkpoint")]
    {
        let request = Request { graph: graph.map(str::to_owned), ..wasm(&both, &base.texts) };
        let run = lab.run(&request).await.unwrap();
        assert_eq!(run.report.sessions[0].graph, ran, "{graph:?}");
        assert!(difference(&run, &expected) < 1e-4, "{graph:?}");
    }

    // A checkpoint that is not whole is never replaced by what lies beside it.
    let damaged = into.path().join("damaged");
    std::fs::create_dir_all(&damaged).unwrap();
    copy(&both, &damaged);
    let config = std::fs::read_to_string(damaged.join("config.json")).unwrap();
    std::fs::write(damaged.join("config.json"), config.replace("\"hidden_size\": 32", "\"hidden_size\": 64")).unwrap();
    let error = lab.run(&wasm(&damaged, &base.texts)).await.unwrap_err();
    assert_eq!(error.code(), "graph", "{error}");
    let request = Request { graph: Some("onnx/model.onnx".to_owned()), ..wasm(&damaged, &base.texts) };
    assert_eq!(lab.run(&request).await.unwrap().report.sessions[0].graph, "onnx/model.onnx");
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_claim_one_name_are_told_apart() {
    let lab = Lab::open().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let models = lab.session.models();
    let mut named = Vec::new();
    for (name, case_of) in [("first", "00_base"), ("second", "12_bf16")] {
        let folder = into.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        copy(&case(case_of, into.path()).folder, &folder);
        let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
        let mut config: Value = serde_json::from_str(&config).unwrap();
        config["_name_or_path"] = "bert-base-uncased".into();
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        named.push(models.add(&folder, None, None, |_| {}).await.unwrap().name);
    }
    assert_eq!(named, ["bert-base-uncased", "second"]);
    let first = models.show("bert-base-uncased").await.unwrap();
    assert!(first.source.ends_with("first"), "{first:?}");
    lab.session.close().await;
}

/// What the parity of every route is measured from.
#[tokio::test(flavor = "multi_thread")]
async fn a_distance_names_its_reference() {
    let lab = Lab::open().await.unwrap();
    lab.add(&fixture("models/bert"), "tiny").await.unwrap();
    let request = Request::new("tiny", "one two three");
    let attempts = lab.session.accelerate_every_route(&request, None).await.unwrap();
    let compared = attempts.iter().filter_map(|attempt| attempt.outcome.as_ref().ok()?.report.parity.as_ref());
    let compared = compared.collect::<Vec<_>>();
    assert!(!compared.is_empty());
    for parity in compared {
        assert_eq!((parity.reference.as_str(), parity.verdict), ("fp32 on wasm", ParityVerdict::Exact));
    }
    lab.session.close().await;
}

/// `golden.json` is what scripts/golden.py wrote with sentence-transformers 6.2 on PyTorch 2.15.
#[test]
fn a_model_is_checked_against_sentence_transformers() {
    let into = tempfile::tempdir().unwrap();
    let case = case("07_default_prompt", into.path());
    let home = into.path().join("home");
    let run = |arguments: &[&str]| {
        Command::new(pelago()).arg("--home").arg(&home).args(arguments).current_dir(into.path()).output().unwrap()
    };
    let folder = case.folder.to_str().unwrap();
    assert!(run(&["model", "add", folder, "--name", "prompted"]).status.success());
    let golden = fixture("published/07_default_prompt/golden.json");
    let check = ["model", "check", "prompted", "--platform", "wasm", "--browser", "chrome"];
    let with = |file: &str| run(&[&check[..], &["--golden", file]].concat());

    let agrees = with(golden.to_str().unwrap());
    let said = String::from_utf8_lossy(&agrees.stdout).into_owned();
    assert!(agrees.status.success(), "{agrees:?}");
    assert!(said.contains("prompted agrees with sentence-transformers") && said.contains("token ids equal"), "{said}");
    assert!(said.contains("prompt query") && said.contains("exact"), "{said}");

    let mut json: Value = serde_json::from_slice(&std::fs::read(&golden).unwrap()).unwrap();
    json["cases"][0]["ids"][1][1] = 7.into();
    json["cases"][0]["embeddings"][0][0] = 9.into();
    std::fs::write(into.path().join("other.json"), json.to_string()).unwrap();
    let other = with("other.json");
    let said = String::from_utf8_lossy(&other.stdout).into_owned();
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    assert!(said.contains("does not agree") && said.contains("token ids other in text 2"), "{said}");

    let missing = run(&check);
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(!missing.status.success() && said.contains("golden.json") && said.contains("--golden"), "{said}");
    let recorded = run(&["history", "--sql", "SELECT DISTINCT parity_reference FROM runs", "--json"]);
    assert!(String::from_utf8_lossy(&recorded.stdout).contains("golden"), "{recorded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_file_and_a_graph_by_itself_are_models() {
    let lab = Lab::open().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let base = case("00_base", into.path());
    let zip = into.path().join("zipped.zip");
    let made = Command::new("python3")
        .args(["-c", "import shutil, sys; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])"])
        .args([into.path().join("zipped"), base.folder.clone()])
        .status()
        .unwrap();
    assert!(made.success());
    let run = lab.run(&wasm(&zip, &base.texts)).await.unwrap();
    assert!(difference(&run, &base.expected.unwrap()) < 1e-4);
    assert_eq!(run.report.model_name, "zipped");

    // A graph with its weights beside it, under a name of the exporter's own.
    let graph = fixture("published/15_onnx_external_dot_data/files/onnx/model.onnx");
    let models = lab.session.models();
    let error = models.add(&graph, Some("bare"), None, |_| {}).await.unwrap_err();
    assert!(error.advice().words(Voice::Shell).contains("--family"), "{error}");
    models.add(&graph, Some("bare"), Some(Family::Vision), |_| {}).await.unwrap();
    let ids = |name: &str, values: &[i64]| Tensor::from_i64(name, vec![1, values.len()], values).unwrap();
    let tensors =
        vec![ids("input_ids", &[2, 4, 3]), ids("attention_mask", &[1, 1, 1]), ids("token_type_ids", &[0, 0, 0])];
    let request = Request { input: Input::Tensors(tensors), ..wasm(Path::new("bare"), &[]) };
    let run = lab.run(&request).await.unwrap();
    let Output::Tensors(outputs) = run.output else { panic!("the graph's own outputs were due") };
    assert_eq!(outputs[0].shape, [1, 3, 32]);
    lab.session.close().await;
}

/// A browser or driver that the user named is the only one that may run.
#[test]
fn what_the_user_named_is_never_replaced() {
    let home = tempfile::tempdir().unwrap();
    let model = fixture("models/bert");
    for named in [["--browser-path", "chrome=/nonexistent/chrome"], ["--driver-path", "chrome=/nonexistent/driver"]] {
        for browser in ["chrome", "auto"] {
            let ran = Command::new(pelago())
                .arg("--home")
                .arg(home.path())
                .args(named)
                .args(["accelerate", model.to_str().unwrap(), "hi", "--platform", "wasm", "--browser", browser])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(!ran.status.success(), "{named:?} {browser}: {ran:?}");
            assert!(said.contains("/nonexistent/") && said.contains("chrome"), "{named:?} {browser}: {said}");
        }
    }
}

/// `folder` of an architecture's fixture as a model that may be added: its tests begin at token ids.
fn architecture(name: &str, into: &Path) -> PathBuf {
    let folder = into.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    copy(&fixture("models").join(name), &folder);
    std::fs::copy(fixture("models/bert/tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    folder
}

/// Every architecture that has a builder, from ids to hidden states, against PyTorch; on wasm, and on WebGPU, where no
/// node may run elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn every_architecture_gives_what_pytorch_gives_in_a_browser() {
    let lab = Lab::open().await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(fixture("models")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Ok(golden) = std::fs::read(fixture("models").join(&name).join("golden.json")) else { continue };
        let golden: Value = serde_json::from_slice(&golden).unwrap();
        let Some(checked) = golden["checked"].as_array() else { continue };
        let checked = checked.iter().map(|at| at.as_u64().unwrap() as usize).collect::<Vec<_>>();
        let table = |key: &str| -> Vec<Vec<i32>> { serde_json::from_value(golden[key].clone()).unwrap() };
        let (ids, mask) = (table("input_ids"), table("attention_mask"));
        let expected: Vec<Vec<Vec<f32>>> = serde_json::from_value(golden["last_hidden_state"].clone()).unwrap();
        let shape = vec![ids.len(), ids[0].len()];
        let tensor = |name: &str, rows: &[Vec<i32>]| {
            let bytes = rows.concat().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
            Tensor::new(name, DType::Int32, shape.clone(), bytes.into()).unwrap()
        };
        let two = vec![tensor("input_ids", &ids), tensor("attention_mask", &mask)];
        let zeros = mask.iter().map(|row| vec![0; row.len()]).collect::<Vec<_>>();
        let three = [two.clone(), vec![tensor("token_type_ids", &zeros)]].concat();
        lab.session
            .models()
            .add(architecture(&name, into.path()), Some(&name), Some(Family::TextEmbedding), |_| {})
            .await
            .unwrap();
        for platform in [Platform::Wasm, Platform::WebGpu] {
            let asked = |input: &[Tensor]| Request {
                input: Input::Tensors(input.to_vec()),
                platform,
                ..wasm(Path::new(&name), &[])
            };
            let ran = match lab.run(&asked(&two)).await {
                Err(error) if error.to_string().contains("token_type_ids") => lab.run(&asked(&three)).await,
                ran => ran,
            };
            let run = match ran {
                Ok(run) => run,
                Err(error) => {
                    wrong.push(format!("{name} on {platform}: {error}"));
                    continue;
                }
            };
            assert_eq!(
                (run.report.sessions[0].graph.as_str(), run.report.platform),
                ("checkpoint", platform),
                "{name}"
            );
            let placement = &run.report.sessions[0].placement;
            assert!(placement.fallback_operators.is_empty(), "{name}: {placement:?}");
            let Output::Tensors(outputs) = &run.output else { panic!("the graph's own outputs were due") };
            let (values, hidden) = (outputs[0].to_f32().unwrap(), *outputs[0].shape.last().unwrap());
            let (mut largest, mut off) = (0.0_f32, 0.0_f32);
            for (row, states) in expected.iter().enumerate() {
                for (at, state) in checked.iter().zip(states).filter(|(at, _)| mask[row][**at] == 1) {
                    let start = (row * shape[1] + at) * hidden;
                    for (found, expected) in values[start..start + hidden].iter().zip(state) {
                        largest = largest.max(expected.abs());
                        off = off.max((found - expected).abs());
                    }
                }
            }
            if off > 1e-4 * largest.max(1.0) {
                wrong.push(format!("{name} on {platform}: off by {off}"));
            }
            seen += 1;
        }
    }
    lab.session.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 46, "{seen} runs");
}
