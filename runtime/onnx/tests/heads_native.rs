//! Runs encoders with heads in native onnxruntime and compares what they give with PyTorch's outputs:
//! `tests/python/check_heads.py` does both.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]
#![allow(clippy::print_stdout, reason = "how far each model is off")]

mod common;

use std::path::{Path, PathBuf};

use pelago_onnx::graph::{BuildOptions, Folder, Head, build_head_in};

use self::common::{python, root};

fn models() -> PathBuf {
    root().join("tests/fixtures/models")
}

/// Builds the graph of a checkpoint, and gives its folder.
fn built(model: &Path) -> (tempfile::TempDir, Head) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let built = build_head_in(&Folder(folder.path().to_owned()), "", &BuildOptions::default()).unwrap();
    std::fs::write(folder.path().join("model.onnx"), built.model.onnx).unwrap();
    (folder, built.head)
}

fn check(models: &[PathBuf]) -> Vec<Head> {
    let cases = models.iter().map(|model| built(model)).collect::<Vec<_>>();
    let out = python("check_heads.py", |command| {
        for ((folder, _), model) in cases.iter().zip(models) {
            command.arg("--case").args([folder.path(), &model.join("golden.json")]).arg("1e-4");
        }
    });
    println!("{out}");
    assert_eq!(out.lines().count(), cases.len(), "{out}");
    cases.into_iter().map(|(_, head)| head).collect()
}

#[test]
fn published_kinds_of_models_give_what_pytorch_gives() {
    let names = [
        ("bert_mlm", Head::MaskedLanguage),
        ("bert_qa", Head::QuestionAnswering),
        ("distilbert_classification", Head::SequenceClassification),
        ("roberta_ner", Head::TokenClassification),
        ("electra_cross_encoder", Head::SequenceClassification),
        ("deberta_v2_nli", Head::SequenceClassification),
    ];
    let heads = check(&names.map(|(name, _)| models().join("text").join(name)));
    assert_eq!(heads, names.map(|(_, head)| head));
}

/// `tests/python/make_heads.py` makes each head of each family.
#[test]
fn every_head_of_every_family_gives_what_pytorch_gives() {
    let folders = std::fs::read_dir(models().join("heads")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders = folders.collect::<Vec<_>>();
    folders.sort();
    assert_eq!(folders.len(), 28);
    check(&folders);
}
