//! Graphs that generate text, as the page's own tests run them without a host: `browser/page/test/graphs`. Their weights
//! are those of `tests/fixtures/models`. `UPDATE_EXPECT=1` writes them.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

#[allow(dead_code, reason = "what runs Python is for the other tests")]
mod common;

use std::path::{Path, PathBuf};

use pelago_onnx::{
    files::Folder,
    graph::{BuiltGraph, GenerationOptions, build_decoder_in, build_encoder_decoder_in},
    precision::{Destination, Recipe, convert},
    read::{Length, facts},
};

use self::common::root;

/// Positions that the graphs have room for: their tables are that long.
const CONTEXT: usize = 160;

fn graphs() -> PathBuf {
    root().join("browser/page/test/graphs")
}

fn fixture(model: &str) -> PathBuf {
    root().join("tests/fixtures/models").join(model)
}

/// Compares a file with what it should hold, or writes it.
fn expect(path: &Path, bytes: &[u8]) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, bytes).unwrap();
    }
    let found = std::fs::read(path).unwrap_or_default();
    assert!(found == bytes, "{} is not what is built now: run with UPDATE_EXPECT=1", path.display());
}

/// What a host tells a page of a graph, and the file that its weights are in.
fn expect_facts(name: &str, weights: &str) {
    let found = facts(&Folder(graphs()), &format!("{name}.onnx")).unwrap();
    let inputs = found.inputs.iter().map(|input| {
        let shape = input.shape.iter().map(|length| match length {
            Length::Fixed(length) => serde_json::json!(length),
            Length::Symbol(name) => serde_json::json!(name),
        });
        serde_json::json!({ "name": input.name, "shape": shape.collect::<Vec<_>>() })
    });
    let facts = serde_json::json!({
        "inputs": inputs.collect::<Vec<_>>(),
        "integer_nodes": found.integer_nodes,
        "other_nodes": found.other_nodes,
    });
    let all = serde_json::json!({ "facts": facts, "weights": weights });
    expect(&graphs().join(format!("{name}.json")), format!("{all}\n").as_bytes());
}

fn expect_graph(name: &str, model: &str, graph: &BuiltGraph) {
    expect(&graphs().join(format!("{name}.onnx")), &graph.onnx);
    let [weights] = graph.external.as_slice() else { panic!("{model} has several files") };
    expect_facts(name, &format!("{model}/{weights}"));
}

#[test]
fn the_pages_graphs_are_what_is_built() {
    std::fs::create_dir_all(graphs()).unwrap();
    for (name, model, capacity) in [
        ("llama", "text/llama", None),
        ("gpt2", "text/gpt2", None),
        ("gemma2", "text/gemma2", None),
        ("mistral", "text/mistral", None),
        ("qwen2", "text/qwen2", None),
        // As WebNN takes it.
        ("llama-fixed", "text/llama", Some(64)),
        ("qwen2-fixed", "text/qwen2", Some(64)),
    ] {
        let options = GenerationOptions { context: CONTEXT, capacity, ..GenerationOptions::default() };
        let decoder = build_decoder_in(&Folder(fixture(model)), "", &options).unwrap();
        expect_graph(name, model, &decoder.model);
    }
    for (name, model) in [("flan_t5", "text/flan_t5"), ("bart", "text/bart"), ("marian", "text/marian")] {
        let options = GenerationOptions { context: CONTEXT, ..GenerationOptions::default() };
        let built = build_encoder_decoder_in(&Folder(fixture(model)), "", &options).unwrap();
        for (role, graph) in [("encoder", &built.encoder), ("cross", &built.cross), ("decoder", &built.decoder)] {
            expect_graph(&format!("{name}-{role}"), model, graph);
        }
    }
}

/// A cache of halves.
#[test]
fn the_pages_graph_of_16_bits_is_what_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let model = fixture("text/qwen2");
    let options = GenerationOptions { context: CONTEXT, ..GenerationOptions::default() };
    let decoder = build_decoder_in(&Folder(model.clone()), "", &options).unwrap();
    std::fs::copy(model.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    std::fs::write(folder.path().join("model.onnx"), decoder.model.onnx).unwrap();
    let into = tempfile::tempdir().unwrap();
    let name = "qwen2-f16.onnx";
    convert(&Folder(folder.path().to_owned()), "model.onnx", &Recipe::new(16), Destination::new(into.path(), name))
        .unwrap();
    for entry in std::fs::read_dir(into.path()).unwrap() {
        let path = entry.unwrap().path();
        expect(&graphs().join(path.file_name().unwrap()), &std::fs::read(&path).unwrap());
    }
    expect_facts("qwen2-f16", "/graphs/qwen2-f16.onnx_data");
}
