//! Runs built decoders with native onnxruntime and compares what they give with PyTorch's outputs:
//! `tests/python/check_generation.py` does both.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]
#![allow(clippy::print_stdout, reason = "how far each model is off")]

mod common;

use std::path::PathBuf;

use pelago_onnx::{
    graph::{Folder, GenerationOptions, Logits, build_decoder_in},
    precision::{Destination, Recipe, convert},
};

use self::common::{python, root};

/// The decoders that have goldens, in `tests/fixtures/models`.
const DECODERS: [&str; 17] = [
    "text/llama",
    "text/gpt2",
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

/// A folder with a model of another precision.
fn converted(of: &tempfile::TempDir, recipe: &Recipe) -> tempfile::TempDir {
    let into = tempfile::tempdir().unwrap();
    let files = Folder(of.path().to_owned());
    convert(&files, "model.onnx", recipe, Destination::new(into.path(), "model.onnx")).unwrap();
    into
}

/// As WebNN takes them: no length but that of a run's tokens is open.
#[test]
fn a_static_cache_may_be_part_of_the_graph() {
    let options = GenerationOptions { capacity: Some(200), ..GenerationOptions::default() };
    check(&DECODERS.map(|model| (built(model, &options), model)), "1e-4");
}

/// Browsers compute nothing in bfloat16: what must be converted before it runs there gives the same.
#[test]
fn bfloat16_becomes_single_precision() {
    let model = "generation/qwen3_bf16";
    let single = build_decoder_in(&Folder(fixture(model)), "", &GenerationOptions::default()).unwrap();
    assert!(single.model.needs_conversion);
    check(&[(converted(&built(model, &GenerationOptions::default()), &Recipe::new(32)), model)], "1e-4");
}

/// Models whose weights are as small as those of trained ones; those of the others make an error of a weight many times
/// larger, which 4 bits show.
const CALM: [&str; 4] = ["text/llama", "text/gpt2", "generation/gemma3", "generation/gpt2_odd"];

/// The least cosine of the logits of every step to those of fp32, given the same tokens: of all models, and of the calm ones.
#[test]
fn every_precision_is_near_fp32() {
    for (recipe, least, calm, cache) in [
        (Recipe::new(16), "0.9999", "0.99999", "float16"),
        (Recipe::new(8), "0.95", "0.9998", "float"),
        (Recipe { half: true, ..Recipe::new(8) }, "0.95", "0.9998", "float16"),
        (Recipe::new(4), "0.3", "0.94", "float"),
        (Recipe { half: true, ..Recipe::standard(4) }, "0.4", "0.93", "float16"),
    ] {
        let cases = DECODERS.map(|model| {
            let single = built(model, &GenerationOptions::default());
            let least = if CALM.contains(&model) { calm } else { least };
            (converted(&single, &recipe), single, fixture(model).join("golden.json"), least)
        });
        let out = python("check_generation.py", |command| {
            for (folder, single, golden, least) in &cases {
                command.arg("--near").args([folder.path(), single.path(), golden]).arg(least);
            }
        });
        println!("{recipe:?}\n{out}");
        assert_eq!(out.lines().filter(|line| line.ends_with(&format!("cache tensor({cache})"))).count(), cases.len());
    }
}

/// The table of embeddings, which is the head too, is kept once.
#[test]
fn a_tied_table_of_few_bits_is_there_once() {
    let single = built("text/qwen2", &GenerationOptions::default());
    let four = converted(&single, &Recipe::new(4));
    let size = |folder: &tempfile::TempDir, file: &str| std::fs::metadata(folder.path().join(file)).unwrap().len();
    let weights = size(&single, "model.safetensors");
    assert!(size(&four, "model.onnx_data") * 5 < weights, "{} of {weights}", size(&four, "model.onnx_data"));
}

/// What a loop that generates text is told.
#[test]
fn the_graph_says_what_it_is_given() {
    let of = |model: &str| {
        let options = GenerationOptions { context: 100, ..GenerationOptions::default() };
        build_decoder_in(&Folder(fixture(model)), "", &options).unwrap().generation
    };
    let gemma = of("text/gemma2");
    assert_eq!((gemma.layers, gemma.key_heads, gemma.head_size, gemma.vocabulary), (3, 2, 16, 500));
    assert_eq!((gemma.context, gemma.trained_context), (100, 256));
    assert_eq!(gemma.windows, [Some(8), None, Some(8)]);
    // Heads of 12 numbers have 16 in the cache.
    assert_eq!((of("text/phi3").head_size, of("text/llama").head_size), (16, 8));
    assert_eq!(of("generation/qwen2_windows").windows, [None, Some(5), Some(5)]);
}
