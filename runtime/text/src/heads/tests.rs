//! Tokens, offsets and what is made of logits, beside what the pipelines of transformers make of the same.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/text").join(name)
}

fn files(name: &str) -> Files {
    let read = |path: &&str| Some(((*path).to_owned(), std::fs::read(folder(name).join(path)).ok()?));
    Files::from_iter(FILES.iter().filter_map(read))
}

fn model(name: &str) -> HeadText {
    HeadText::read(&files(name)).unwrap()
}

/// The same with another `config.json`.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> HeadText {
    let mut config: Value = serde_json::from_slice(files(name).get("config.json").unwrap()).unwrap();
    change(&mut config);
    let own = FILES.iter().filter(|path| **path != "config.json");
    let own = own.filter_map(|path| Some(((*path).to_owned(), files(name).get(path)?.to_vec()))).collect::<Vec<_>>();
    let config = ("config.json".to_owned(), serde_json::to_vec(&config).unwrap());
    HeadText::read(&Files::from_iter(own.into_iter().chain([config]))).unwrap()
}

fn golden(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(name).join("golden.json")).unwrap()).unwrap()
}

fn floats(of: &Value) -> Vec<f32> {
    of.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

fn flat(of: &Value) -> Vec<f32> {
    of.as_array().unwrap().iter().flat_map(floats).collect()
}

fn ids(of: &Value) -> Vec<u32> {
    serde_json::from_value(of.clone()).unwrap()
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

fn rows(model: &HeadText, task: Task, input: impl Into<Input>, options: &HeadOptions) -> Result<HeadRows, Error> {
    model.rows(task, &input.into(), options, OnLong::Truncate)
}

/// What the head gave for one row, as an output.
fn read(model: &HeadText, rows: HeadRows, values: &[&[f32]]) -> Output {
    let read = model.read_row(&rows, 0, values).unwrap();
    model.output(rows, vec![read]).unwrap()
}

fn near(score: f64, expected: &Value) {
    assert!((score - expected.as_f64().unwrap()).abs() < 1e-6, "{score} {expected}");
}

#[test]
fn texts_get_the_pipelines_labels() {
    let (model, golden) = (model("distilbert_classification"), golden("distilbert_classification"));
    for case in golden["cases"].as_array().unwrap() {
        let rows = rows(&model, Task::TextClassification, text(&case["text"]), &HeadOptions::default()).unwrap();
        assert_eq!(rows.rows[0].ids(), ids(&case["input_ids"]));
        let output = read(&model, rows, &[&floats(&case["logits"])]);
        for (label, expected) in output.labels()[0].labels.iter().zip(case["all"].as_array().unwrap()) {
            assert_eq!(label.label, text(&expected["label"]));
            near(label.score, &expected["score"]);
        }
    }
}

#[test]
fn a_pair_has_types_and_one_label_a_sigmoid() {
    let (model, golden) = (model("electra_cross_encoder"), golden("electra_cross_encoder"));
    for case in golden["cases"].as_array().unwrap() {
        let pair = (text(&golden["query"]), text(&case["document"]));
        let rows = rows(&model, Task::TextClassification, pair, &HeadOptions::default()).unwrap();
        let row = &rows.rows[0];
        assert_eq!(row.ids(), ids(&case["input_ids"]));
        let types = (0..row.ids().len()).map(|token| row.kind(token)).collect::<Vec<_>>();
        assert_eq!(types, ids(&case["token_type_ids"]));
        let logit = case["logit"].as_f64().unwrap() as f32;
        near(read(&model, rows, &[&[logit]]).labels()[0].labels[0].score, &case["score"]);
    }
}

#[test]
fn a_config_says_which_function_is_taken() {
    let labels = |problem: &str| {
        let model = changed("distilbert_classification", |config| config["problem_type"] = problem.into());
        let rows = rows(&model, Task::TextClassification, "a film", &HeadOptions::default()).unwrap();
        read(&model, rows, &[&[0.0, 2.0]]).labels()[0].labels.iter().map(|label| label.score).collect::<Vec<_>>()
    };
    assert_eq!(labels("multi_label_classification"), [scores::sigmoid(2.0), 0.5]);
    assert_eq!(labels("regression"), [2.0, 0.0]);
    assert_eq!(labels("single_label_classification"), [scores::sigmoid(2.0), scores::sigmoid(-2.0)]);
}

#[test]
fn entities_are_those_of_the_strategy_simple() {
    let (model, golden) = (model("roberta_ner"), golden("roberta_ner"));
    for case in golden["cases"].as_array().unwrap() {
        let rows = rows(&model, Task::TokenClassification, text(&case["text"]), &HeadOptions::default()).unwrap();
        assert_eq!(rows.rows[0].ids(), ids(&case["input_ids"]));
        let offsets = rows.rows[0].tokens.offsets.iter().map(|(start, end)| [*start, *end]).collect::<Vec<_>>();
        assert_eq!(serde_json::to_value(offsets).unwrap(), case["token_offsets"]);
        let output = read(&model, rows, &[&flat(&case["logits"])]);
        let (found, expected) = (&output.entities()[0].entities, case["simple"].as_array().unwrap());
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let words = (found.entity_group.as_str(), found.word.as_str());
            assert_eq!(words, (text(&expected["entity_group"]), text(&expected["word"])));
            assert_eq!([found.start, found.end].map(Value::from), [expected["start"].clone(), expected["end"].clone()]);
            near(found.score, &expected["score"]);
        }
    }
}

#[test]
fn masks_get_the_pipelines_tokens() {
    let (model, golden) = (model("bert_mlm"), golden("bert_mlm"));
    for case in golden["cases"].as_array().unwrap() {
        let rows = rows(&model, Task::FillMask, text(&case["text"]), &HeadOptions::default()).unwrap();
        let row = rows.rows[0].ids();
        assert_eq!(row, ids(&case["input_ids"]));
        let places = ids(&case["mask_positions"]);
        let width = case["logits"][0].as_array().unwrap().len();
        let mut logits = vec![0.0; row.len() * width];
        for (place, of) in places.iter().zip(case["logits"].as_array().unwrap()) {
            logits[*place as usize * width..][..width].copy_from_slice(&floats(of));
        }
        let output = read(&model, rows, &[&logits]);
        let expected = &case["top5"];
        let expected =
            if expected[0].is_array() { expected.as_array().unwrap().clone() } else { vec![expected.clone()] };
        assert_eq!(output.fills()[0].masks.len(), expected.len());
        for (found, expected) in
            output.fills()[0].masks.iter().flatten().zip(expected.iter().flat_map(|of| of.as_array().unwrap()))
        {
            assert_eq!(
                (found.token_str.as_str(), found.sequence.as_str()),
                (text(&expected["token_str"]), text(&expected["sequence"]))
            );
            assert_eq!(Value::from(found.token), expected["token"]);
            near(found.score, &expected["score"]);
        }
    }
}

#[test]
fn answers_are_found_where_the_pipeline_finds_them() {
    let (model, golden) = (model("bert_qa"), golden("bert_qa"));
    for case in golden["cases"].as_array().unwrap().iter().filter(|case| !case["start_logits"].is_null()) {
        let pair = (text(&case["question"]), text(&case["context"]));
        let rows = rows(&model, Task::QuestionAnswering, pair, &HeadOptions::default()).unwrap();
        assert_eq!(rows.rows[0].ids(), ids(&case["input_ids"]));
        let output = read(&model, rows, &[&floats(&case["start_logits"]), &floats(&case["end_logits"])]);
        let (found, expected) = (&output.answers()[0].answers[0], &case["result"]);
        assert_eq!(found.answer, text(&expected["answer"]));
        assert_eq!([found.start, found.end].map(Value::from), [expected["start"].clone(), expected["end"].clone()]);
        near(found.score, &expected["score"]);
    }
}

#[test]
fn a_long_context_is_read_in_pieces() {
    let (model, golden) = (model("bert_qa"), golden("bert_qa"));
    let case = &golden["cases"][1];
    let pair = (text(&case["question"]), text(&case["context"]));
    let options = |max_seq_len, doc_stride| HeadOptions {
        max_seq_len: Some(max_seq_len),
        doc_stride: Some(doc_stride),
        ..HeadOptions::default()
    };
    let found = rows(&model, Task::QuestionAnswering, pair, &options(64, 16)).unwrap();
    assert!(found.rows.len() == 3 && found.rows.iter().all(|row| row.ids().len() <= 64), "{}", found.rows.len());
    // The question stands before each, and neighbours share tokens.
    let context = |row: usize| found.rows[row].ids()[14..].to_vec();
    assert!(found.rows.iter().all(|row| row.ids()[..14] == found.rows[0].ids()[..14]));
    assert_eq!(context(0)[context(0).len() - 17..context(0).len() - 1], context(1)[..16]);
    assert!(matches!(rows(&model, Task::QuestionAnswering, pair, &options(500, 16)), Err(Error::Pieces { .. })));
    assert!(matches!(
        rows(&model, Task::QuestionAnswering, pair, &options(20, 16)),
        Err(Error::NoRoom { number: 1, .. })
    ));
    let refused = model.rows(Task::QuestionAnswering, &pair.into(), &options(64, 16), OnLong::Error);
    assert!(matches!(refused, Err(Error::TooLong { number: 1, .. })));
}

#[test]
fn a_premise_and_a_hypothesis_have_the_references_tokens() {
    let (model, golden) = (model("deberta_v2_nli"), golden("deberta_v2_nli"));
    for case in golden["pairs"].as_array().unwrap() {
        let pair = (text(&case["premise"]), text(&case["hypothesis"]));
        let rows = rows(&model, Task::TextClassification, pair, &HeadOptions::default()).unwrap();
        assert_eq!(rows.rows[0].ids(), ids(&case["input_ids"]));
        let output = read(&model, rows, &[&floats(&case["logits"])]);
        assert_eq!(output.labels()[0].labels[0].label, text(&case["label"]));
    }
    let options = HeadOptions { labels: vec!["travel".to_owned()], ..HeadOptions::default() };
    let case = &golden["pairs"][1];
    let rows = rows(&model, Task::ZeroShotClassification, text(&case["premise"]), &options).unwrap();
    assert_eq!(rows.rows[0].ids(), ids(&case["input_ids"]));
}

#[test]
fn labels_that_the_model_does_not_know_are_sentences() {
    let model = model("deberta_v2_nli");
    let options = HeadOptions { labels: vec!["travel".to_owned(), "cooking".to_owned()], ..HeadOptions::default() };
    let rows_of =
        |options: &HeadOptions| rows(&model, Task::ZeroShotClassification, ["We walked", "Water boils"], options);
    let four = rows_of(&options).unwrap();
    assert_eq!(four.rows.iter().map(|row| row.of).collect::<Vec<_>>(), [0, 0, 1, 1]);
    // The entailment is the first of three labels.
    let logits: [&[f32]; 4] = [&[1.0, 0.0, 0.0], &[1.0, 5.0, 2.0], &[0.0, 0.0, 0.0], &[2.0, 0.0, 0.0]];
    let found =
        logits.iter().enumerate().map(|(row, logits)| model.read_row(&four, row, &[*logits]).unwrap()).collect();
    let output = model.output(four, found).unwrap();
    let (first, second) = (&output.labels()[0].labels, &output.labels()[1].labels);
    assert_eq!((first[0].score, first[1].score), (0.5, 0.5));
    assert_eq!(second[0].label, "cooking");
    for template in ["no place", "{} and {}", "{label}"] {
        let options = HeadOptions { hypothesis: Some(template.to_owned()), ..options.clone() };
        assert!(matches!(rows_of(&options), Err(Error::Hypothesis { .. })), "{template}");
    }
    let other = super::tests::model("distilbert_classification");
    let refused = rows(&other, Task::ZeroShotClassification, "We walked", &options);
    assert!(matches!(refused, Err(Error::NoEntailment { .. })));
}

#[test]
fn what_cannot_be_read_is_refused_by_its_number() {
    let model = model("bert_mlm");
    let none = HeadOptions::default();
    let of = |texts: &[&str]| rows(&model, Task::FillMask, texts, &none).unwrap_err().to_string();
    assert_eq!(
        of(&["a [MASK]", "no mask"]),
        "text 2 has no [MASK] where a token is to be found: write [MASK] in its place"
    );
    assert_eq!(of(&["a [MASK]", " "]), "text 2 is empty: write at least one word");
    // A mask behind what the model takes is none.
    assert!(of(&[&format!("{}[MASK]", "word ".repeat(100))]).contains("text 1 has no [MASK]"));
    let long = Input::from(format!("[MASK] {}", "word ".repeat(100)));
    let refused = model.rows(Task::FillMask, &long, &none, OnLong::Error);
    assert!(matches!(refused, Err(Error::TooLong { number: 1, most: 64, .. })));
    assert_eq!(model.rows(Task::FillMask, &long, &none, OnLong::Truncate).unwrap().truncated, [0]);
    let three = changed("distilbert_classification", |config| config["id2label"]["2"] = "NEUTRAL".into());
    let found = rows(&three, Task::TextClassification, "a film", &none).unwrap();
    let read = three.read_row(&found, 0, &[&[0.0, 1.0]]).unwrap();
    assert!(matches!(three.output(found, vec![read]), Err(Error::Labels { named: 3, given: 2 })));
}
