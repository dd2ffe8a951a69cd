//! Runs built decoders with native onnxruntime and compares what they give with PyTorch's outputs:
//! `tests/python/check_generation.py` does both.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod common;

use std::path::PathBuf;

use pelago_onnx::{
    graph::{Folder, GenerationOptions, Logits, build_decoder_in},
    precision::{Destination, Recipe, convert},
};

use self::common::{python, root};

/// The decoders that have goldens, in `tests/fixtures/models`.
const DECODERS: [&str; 17] = [
    "llama",
    "gpt2",
    "text/mistral",
    "text/qwen2",
    "text/qwen3",
    "text/phi3",
    "text/gemma2",
    "text/gpt_neox",
    "generation/llama_scaled",
    "generation/llama_odd",
    "generation/qwen2_windows",
    "generation/phi3_partial",
    "generation/gemma3",
    "generation/gpt2_odd",
    "generation/gpt_neox_plain",
    "generation/qwen3_bf16",
    "generation/mistral_f16",
];

fn fixture(model: &str) -> PathBuf {
    root().join("tests/fixtures/models").join(model)
}

/// A folder with a model's weights and the graph that was built of them.
fn built(model: &str, options: &GenerationOptions) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(model)).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    let decoder = build_decoder_in(&Folder(folder.path().to_owned()), "", options).unwrap();
    std::fs::write(folder.path().join("model.onnx"), decoder.model.onnx).unwrap();
    folder
}

fn check(cases: &[(tempfile::TempDir, &str)], tolerance: &str) {
    let out = python("check_generation.py", |command| {
        command.args(["--tolerance", tolerance]);
        for (folder, model) in cases {
            command.arg("--case").args([folder.path(), &fixture(model).join("golden.json")]);
        }
    });
    println!("{out}");
    assert!(out.lines().count() >= cases.len(), "{out}");
}

#[test]
fn every_decoder_gives_what_pytorch_gives() {
    for logits in [Logits::Last, Logits::All] {
        let options = GenerationOptions { logits, ..GenerationOptions::default() };
        check(&DECODERS.map(|model| (built(model, &options), model)), "1e-4");
    }
}
