//! Runs encoder–decoders in native onnxruntime and compares what they give with PyTorch's outputs:
//! `tests/python/check_encoder_decoder.py` does both.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod common;

use pelago_onnx::graph::{Folder, GenerationOptions, Logits, build_encoder_decoder_in};

use self::common::{python, root};

const MODELS: [&str; 5] = ["t5", "text/mt5", "text/flan_t5", "text/bart", "text/marian"];

fn built(model: &str, logits: Logits) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixture = root().join("tests/fixtures/models").join(model);
    for file in ["config.json", "generation_config.json", "model.safetensors"] {
        std::fs::copy(fixture.join(file), folder.path().join(file)).unwrap();
    }
    let options = GenerationOptions { logits, ..GenerationOptions::default() };
    let built = build_encoder_decoder_in(&Folder(folder.path().to_owned()), "", &options).unwrap();
    for (role, graph) in [("encoder", built.encoder), ("cross", built.cross), ("decoder", built.decoder)] {
        std::fs::write(folder.path().join(format!("{role}.onnx")), graph.onnx).unwrap();
    }
    folder
}

#[test]
fn every_encoder_decoder_gives_what_pytorch_gives() {
    for logits in [Logits::Last, Logits::All] {
        let cases = MODELS.map(|model| (built(model, logits), root().join("tests/fixtures/models").join(model)));
        let out = python("check_encoder_decoder.py", |command| {
            for (folder, fixture) in &cases {
                command.arg("--case").args([folder.path(), &fixture.join("golden.json")]);
            }
        });
        println!("{out}");
        assert_eq!(out.lines().count(), cases.len(), "{out}");
    }
}
