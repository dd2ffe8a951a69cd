//! Runs encoder–decoders in native onnxruntime and compares what they give with PyTorch's outputs:
//! `tests/python/check_encoder_decoder.py` does both.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]
#![allow(clippy::print_stdout, reason = "how far each model is off")]

mod common;

use pelago_onnx::{
    graph::{Folder, GenerationOptions, Logits, build_encoder_decoder_in},
    precision::{Destination, Recipe, convert},
};

use self::common::{python, root};

const MODELS: [&str; 5] = ["text/t5", "text/mt5", "text/flan_t5", "text/bart", "text/marian"];

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

/// The least cosine of the logits of every step to those of fp32: of T5, and of the others, whose weights make an error of a
/// weight many times larger than those of trained models.
#[test]
fn every_precision_is_near_fp32() {
    for (recipe, least, calm, cache) in [
        (Recipe::new(16), "0.999", "0.99999", "float16"),
        (Recipe::new(8), "0.8", "0.9999", "float"),
        (Recipe { half: true, ..Recipe::standard(4) }, "-0.2", "0.9", "float16"),
    ] {
        let cases = MODELS.map(|model| {
            let (single, into) = (built(model, Logits::Last), tempfile::tempdir().unwrap());
            let settings = "generation_config.json";
            std::fs::copy(single.path().join(settings), into.path().join(settings)).unwrap();
            for role in ["encoder", "cross", "decoder"] {
                let (files, name) = (Folder(single.path().to_owned()), format!("{role}.onnx"));
                convert(&files, &name, &recipe, Destination::new(into.path(), &name)).unwrap();
            }
            let golden = root().join("tests/fixtures/models").join(model).join("golden.json");
            (into, single, golden, if model == "text/t5" { calm } else { least })
        });
        let out = python("check_encoder_decoder.py", |command| {
            for (folder, single, golden, least) in &cases {
                command.arg("--near").args([folder.path(), single.path(), golden]).arg(least);
            }
        });
        println!("{recipe:?}\n{out}");
        assert_eq!(out.lines().filter(|line| line.ends_with(&format!("cache tensor({cache})"))).count(), cases.len());
    }
}
