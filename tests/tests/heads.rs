//! Heads of encoders in real browsers, beside what the pipelines of transformers make of the same checkpoints.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::path::{Path, PathBuf};

use pelago_protocol::{BrowserKind, HeadOptions, Input, OnLong, PhaseName, Platform, Request, Run, Task};
use pelago_tests::lab::Lab;
use serde_json::Value;

/// How far a score may be from PyTorch's.
const NEAR: f64 = 1e-5;

const ROUTES: [(Platform, BrowserKind); 2] =
    [(Platform::Wasm, BrowserKind::Chrome), (Platform::Wasm, BrowserKind::Firefox)];
const WEBGPU: [(Platform, BrowserKind); 2] =
    [(Platform::WebGpu, BrowserKind::Chrome), (Platform::WebGpu, BrowserKind::Firefox)];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/models/text").join(name).canonicalize().unwrap()
}

fn golden(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(name).join("golden.json")).unwrap()).unwrap()
}

fn on((platform, browser): (Platform, BrowserKind), name: &str, input: impl Into<Input>) -> Request {
    Request { platform, browser, ..Request::new(folder(name).to_str().unwrap(), input) }
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

fn list(of: &Value) -> &[Value] {
    of.as_array().unwrap()
}

/// The greatest distance of scores so far.
#[derive(Default)]
struct Distance(f64);

impl Distance {
    fn take(&mut self, found: f64, expected: &Value) {
        let distance = (found - expected.as_f64().unwrap()).abs();
        assert!(distance < NEAR, "{found} where {expected} was due");
        self.0 = self.0.max(distance);
    }

    #[expect(clippy::print_stderr, reason = "the figure is what the test is run for")]
    fn show(&self, what: &str) {
        eprintln!("{what}: greatest distance {:.2e}", self.0);
    }
}

fn check_labels(found: &[pelago_protocol::Label], expected: &[Value], distance: &mut Distance) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.label, text(&expected["label"]));
        distance.take(found.score, &expected["score"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_get_the_pipelines_labels() {
    let lab = Lab::open().await.unwrap();
    let golden = golden("distilbert_classification");
    let cases = list(&golden["cases"]);
    let all = cases.iter().map(|case| text(&case["text"])).collect::<Vec<_>>();
    for route in ROUTES.into_iter().chain(WEBGPU) {
        let mut distance = Distance::default();
        // Together, padded, and each by itself.
        let run = lab.run(&on(route, "distilbert_classification", all.clone())).await.unwrap();
        for (found, case) in run.output.labels().iter().zip(cases) {
            assert_eq!(found.text, text(&case["text"]));
            check_labels(&found.labels, list(&case["all"]), &mut distance);
        }
        check_report(&run, Task::TextClassification, 50);
        for case in cases {
            let request = on(route, "distilbert_classification", text(&case["text"]));
            let best = HeadOptions { top_k: Some(1), ..HeadOptions::default() };
            let run = lab.run(&Request { head: best, ..request }).await.unwrap();
            check_labels(&run.output.labels()[0].labels, &list(&case["all"])[..1], &mut distance);
        }
        distance.show(&format!("text-classification, {route:?}"));
    }
    lab.session.close().await;
}

fn check_report(run: &Run, task: Task, tokens: u64) {
    let report = &run.report;
    assert_eq!((report.task, report.tokens, report.truncated_texts), (Some(task), Some(tokens), 0));
    assert!(report.padded_tokens.unwrap() >= tokens);
    for phase in [PhaseName::Tokenize, PhaseName::Run, PhaseName::Read] {
        assert!(report.phases.ms(phase).is_some(), "{phase}");
    }
    assert_eq!(report.sessions[0].graph, "checkpoint");
    let placement = &report.sessions[0].placement;
    assert!(placement.fallback_operators.is_empty(), "{placement:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_get_the_scores_of_the_cross_encoder() {
    let lab = Lab::open().await.unwrap();
    let golden = golden("electra_cross_encoder");
    let cases = list(&golden["cases"]);
    let pairs = cases.iter().map(|case| (text(&golden["query"]), text(&case["document"]))).collect::<Vec<_>>();
    for route in ROUTES {
        let mut distance = Distance::default();
        let run = lab.run(&on(route, "electra_cross_encoder", pairs.as_slice())).await.unwrap();
        let found = run.output.labels().iter().map(|text| text.labels[0].score).collect::<Vec<_>>();
        found.iter().zip(cases).for_each(|(found, case)| distance.take(*found, &case["score"]));
        let mut order = (0..found.len()).collect::<Vec<_>>();
        order.sort_by(|a, b| found[*b].total_cmp(&found[*a]));
        assert_eq!(serde_json::to_value(order).unwrap(), golden["ranking"]);
        distance.show(&format!("rerank, {route:?}"));
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_are_those_of_the_strategy_simple() {
    let lab = Lab::open().await.unwrap();
    let golden = golden("roberta_ner");
    let cases = list(&golden["cases"]);
    let all = cases.iter().map(|case| text(&case["text"])).collect::<Vec<_>>();
    for route in ROUTES.into_iter().chain(WEBGPU) {
        let mut distance = Distance::default();
        let run = lab.run(&on(route, "roberta_ner", all.clone())).await.unwrap();
        for (found, case) in run.output.entities().iter().zip(cases) {
            let expected = list(&case["simple"]);
            assert_eq!(found.entities.len(), expected.len());
            let letters = found.text.chars().collect::<Vec<_>>();
            for (found, expected) in found.entities.iter().zip(expected) {
                assert_eq!(
                    (found.entity_group.as_str(), found.word.as_str()),
                    (text(&expected["entity_group"]), text(&expected["word"]))
                );
                assert_eq!(
                    [found.start, found.end].map(Value::from),
                    [&expected["start"], &expected["end"]].map(Clone::clone)
                );
                assert!(found.end <= letters.len());
                distance.take(found.score, &expected["score"]);
            }
        }
        assert_eq!(run.report.task, Some(Task::TokenClassification));
        distance.show(&format!("token-classification, {route:?}"));
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masks_get_the_pipelines_tokens() {
    let lab = Lab::open().await.unwrap();
    let golden = golden("bert_mlm");
    for route in ROUTES {
        let mut distance = Distance::default();
        for case in list(&golden["cases"]) {
            let request = on(route, "bert_mlm", text(&case["text"]));
            let run = lab.run(&Request { task: Some(Task::FillMask), ..request }).await.unwrap();
            let expected = &case["top5"];
            let expected = if expected[0].is_array() { list(expected).to_vec() } else { vec![expected.clone()] };
            let masks = &run.output.fills()[0].masks;
            assert_eq!(masks.len(), expected.len());
            for (found, expected) in masks.iter().flatten().zip(expected.iter().flat_map(list)) {
                let words = (found.token_str.as_str(), found.sequence.as_str());
                assert_eq!(words, (text(&expected["token_str"]), text(&expected["sequence"])));
                assert_eq!(Value::from(found.token), expected["token"]);
                distance.take(found.score, &expected["score"]);
            }
        }
        distance.show(&format!("fill-mask, {route:?}"));
    }
    // Without the task such a checkpoint embeds.
    let run = lab.run(&on(ROUTES[0], "bert_mlm", "The capital")).await.unwrap();
    assert_eq!((run.report.task, run.output.shape()), (Some(Task::FeatureExtraction), [1, 32]));
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_get_the_pipelines_answers() {
    let lab = Lab::open().await.unwrap();
    let golden = golden("bert_qa");
    for route in ROUTES {
        let mut distance = Distance::default();
        for case in list(&golden["cases"]) {
            let request = on(route, "bert_qa", (text(&case["question"]), text(&case["context"])));
            let head: HeadOptions = serde_json::from_value(case["options"].clone()).unwrap();
            let run = lab.run(&Request { head, ..request }).await.unwrap();
            let (found, expected) = (&run.output.answers()[0].answers, &case["result"]);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].answer, text(&expected["answer"]));
            let places = [&expected["start"], &expected["end"]].map(Clone::clone);
            assert_eq!([found[0].start, found[0].end].map(Value::from), places);
            distance.take(found[0].score, &expected["score"]);
        }
        distance.show(&format!("question-answering, {route:?}"));
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_that_the_model_does_not_know_get_the_pipelines_scores() {
    let lab = Lab::open().await.unwrap();
    let golden = golden("deberta_v2_nli");
    for route in ROUTES {
        let mut distance = Distance::default();
        for case in list(&golden["cases"]) {
            let expected = &case["result"];
            let head = HeadOptions {
                labels: serde_json::from_value(case["candidate_labels"].clone()).unwrap(),
                hypothesis: case["options"]["hypothesis_template"].as_str().map(str::to_owned),
                multi_label: case["options"]["multi_label"] == true,
                ..HeadOptions::default()
            };
            let request = on(route, "deberta_v2_nli", text(&expected["sequence"]));
            let task = Some(Task::ZeroShotClassification);
            let run = lab.run(&Request { head, task, ..request }).await.unwrap();
            let found = &run.output.labels()[0].labels;
            assert_eq!(
                found.iter().map(|label| Value::from(label.label.as_str())).collect::<Vec<_>>(),
                list(&expected["labels"])
            );
            found.iter().zip(list(&expected["scores"])).for_each(|(found, score)| distance.take(found.score, score));
        }
        distance.show(&format!("zero-shot-classification, {route:?}"));
        let mut distance = Distance::default();
        for case in list(&golden["pairs"]) {
            let pair = (text(&case["premise"]), text(&case["hypothesis"]));
            let run = lab.run(&on(route, "deberta_v2_nli", pair)).await.unwrap();
            let found = &run.output.labels()[0].labels;
            assert_eq!(found[0].label, text(&case["label"]));
            for label in found {
                let at =
                    ["entailment", "neutral", "contradiction"].iter().position(|name| *name == label.label).unwrap();
                distance.take(label.score, &case["scores"][at]);
            }
        }
        distance.show(&format!("text-classification of pairs, {route:?}"));
    }
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_cut_into_runs_and_long_ones_are_told() {
    let lab = Lab::open().await.unwrap();
    let texts =
        (0..150).map(|number| format!("this film was {}", "wonderful ".repeat(number % 9 + 1))).collect::<Vec<_>>();
    let request = on(ROUTES[0], "distilbert_classification", texts.clone());
    let run = lab.run(&request).await.unwrap();
    assert_eq!(run.output.labels().len(), texts.len());
    for number in [0, 8, 149] {
        let alone = lab.run(&on(ROUTES[0], "distilbert_classification", texts[number].as_str())).await.unwrap();
        let (alone, found) = (&alone.output.labels()[0], &run.output.labels()[number]);
        assert_eq!((&alone.text, &alone.labels[0].label), (&found.text, &found.labels[0].label));
        assert!((alone.labels[0].score - found.labels[0].score).abs() < NEAR);
    }
    let long = Request { input: "wonderful ".repeat(90).into(), ..request };
    let run = lab.run(&long).await.unwrap();
    assert_eq!((run.report.truncated_texts, run.report.tokens), (1, Some(64)));
    assert!(run.report.warnings[0].starts_with("text 1: cut"), "{:?}", run.report.warnings);
    let error = lab.run(&Request { on_long: OnLong::Error, ..long }).await.unwrap_err();
    assert_eq!(error.code(), "input_too_long");
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_by_name() {
    let lab = Lab::open().await.unwrap();
    let refused = async |request: Request| {
        let error = lab.run(&request).await.unwrap_err();
        (error.code().to_owned(), error.to_string())
    };
    let masks = |text: &str| Request { task: Some(Task::FillMask), ..on(ROUTES[0], "bert_mlm", text) };
    let (code, message) = refused(masks("no mask here")).await;
    assert!(code == "no_mask" && message.contains("text 1 has no [MASK]"), "{code}: {message}");
    assert_eq!(refused(masks(" ")).await.0, "empty_input");
    assert_eq!(refused(on(ROUTES[0], "distilbert_classification", Vec::<String>::new())).await.0, "empty_input");
    assert_eq!(refused(on(ROUTES[0], "bert_qa", ("where?", ""))).await.0, "empty_input");
    assert_eq!(refused(on(ROUTES[0], "bert_qa", "where?")).await.0, "unsupported");
    assert_eq!(refused(on(ROUTES[0], "roberta_ner", ("a", "pair"))).await.0, "unsupported");
    let other = Request { task: Some(Task::FillMask), ..on(ROUTES[0], "distilbert_classification", "a [MASK]") };
    let (code, message) = refused(other).await;
    assert!(code == "unsupported" && message.contains("whose head is for text-classification"), "{message}");
    let labels = HeadOptions { labels: vec!["a".to_owned()], ..HeadOptions::default() };
    let request = on(ROUTES[0], "distilbert_classification", "a film");
    let misplaced = Request { head: labels.clone(), ..request.clone() };
    assert_eq!(refused(misplaced).await.0, "unsupported");
    let (code, message) = refused(Request { head: labels, task: Some(Task::ZeroShotClassification), ..request }).await;
    assert!(code == "no_entailment" && message.contains("NEGATIVE, POSITIVE"), "{code}: {message}");
    let question = "where ".repeat(300);
    let (code, message) = refused(on(ROUTES[0], "bert_qa", (question.as_str(), "a text"))).await;
    assert!(code == "input_too_long" && message.contains("the question of text 1"), "{code}: {message}");

    // One label more than the head has.
    let folder_of = tempfile::tempdir().unwrap();
    let changed = folder_of.path().join("three-labels");
    std::fs::create_dir(&changed).unwrap();
    for file in std::fs::read_dir(folder("distilbert_classification")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), changed.join(file.file_name())).unwrap();
    }
    let path = changed.join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["id2label"]["2"] = "NEUTRAL".into();
    std::fs::write(&path, config.to_string()).unwrap();
    let request = Request::new(changed.to_str().unwrap(), "a film");
    let (platform, browser) = ROUTES[0];
    let (code, message) = refused(Request { platform, browser, ..request }).await;
    assert!(code == "invalid_model" && message.contains("names 3 labels"), "{code}: {message}");
    lab.session.close().await;
}
