//! Every family in every precision, run by native onnxruntime beside the fp32
//! model: `tests/python/check_precision.py` compares.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod common;

use std::path::{Path, PathBuf};

use common::{python, root};
use pelago_onnx::{
    files::Folder,
    graph::{BuildOptions, build},
    precision::{Destination, Form, Mixed, Override, Recipe, Summary, convert},
    proto::{
        AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
        TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    },
};
use prost::Message;

const MODELS: [(&str, &str); 10] = [
    ("bert", "model"),
    ("vit", "model"),
    ("gpt2", "model"),
    ("llama", "model"),
    ("clip", "model"),
    ("wav2vec2", "model"),
    ("t5", "encoder_model"),
    ("t5", "decoder_model_merged"),
    ("whisper", "encoder_model"),
    ("whisper", "decoder_model_merged"),
];

fn fixture(family: &str) -> PathBuf {
    root().join("tests/fixtures/models").join(family)
}

struct Case {
    model: PathBuf,
    reference: PathBuf,
    config: PathBuf,
    cosine: f64,
}

/// Runs all cases; the least cosine and the bytes of each.
fn check(cases: &[Case]) -> Vec<(f64, u64)> {
    let out = python("check_precision.py", |command| {
        for case in cases {
            command.arg("--case").args([&case.model, &case.reference, &case.config]).arg(case.cosine.to_string());
        }
    });
    let found = out.lines().map(|line| {
        let (cosine, bytes) = line.split_once(' ').unwrap();
        (cosine.parse().unwrap(), bytes.parse().unwrap())
    });
    let found = found.collect::<Vec<_>>();
    assert_eq!(found.len(), cases.len(), "{out}");
    found
}

/// Converts every family and compares it; gives what was done to each.
fn every_family(recipe: &Recipe, cosine: f64) -> Vec<Summary> {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    let mut summaries = Vec::new();
    for (family, model) in MODELS {
        let into = folder.path().join(family).join(model);
        std::fs::create_dir_all(&into).unwrap();
        let (file, name) = (format!("onnx/{model}.onnx"), format!("{model}.onnx"));
        let to = Destination::new(&into, &name);
        summaries.push(convert(&Folder(fixture(family)), &file, recipe, to).unwrap());
        // CLIP's result is two numbers a text, alike for all: a small error turns them far.
        let cosine = if family == "clip" { 1.0 - 10.0 * (1.0 - cosine) } else { cosine };
        let (model, reference) = (into.join(&name), fixture(family).join(&file));
        cases.push(Case { model, reference, config: fixture(family), cosine });
    }
    check(&cases);
    summaries
}

#[test]
fn a_copy_gives_the_same() {
    every_family(&Recipe::new(32), 0.999_999_9);
}

#[test]
fn eight_bits_in_blocks() {
    for summary in every_family(&Recipe::new(8), 0.9998) {
        assert!(summary.tensors.iter().any(|tensor| tensor.dtype == "Uint8" && tensor.of.is_some()), "{summary:?}");
    }
    every_family(&Recipe { symmetric: false, block: 16, ..Recipe::new(8) }, 0.9998);
}

#[test]
fn eight_bits_as_integers() {
    every_family(&Recipe::new(8).integer(), 0.999);
}

#[test]
fn four_bits() {
    every_family(&Recipe::new(4), 0.97);
    every_family(&Recipe { symmetric: false, ..Recipe::new(4) }, 0.95);
    every_family(&Recipe { block: 128, accuracy_level: Some(4), ..Recipe::new(4) }, 0.95);
}

#[test]
fn two_bits_run_although_they_mean_little() {
    every_family(&Recipe { symmetric: false, block: 16, ..Recipe::new(2) }, 0.5);
}

#[test]
fn half_precision() {
    for summary in every_family(&Recipe::new(16), 0.999_99) {
        assert!(summary.bytes_after < summary.bytes_before * 6 / 10, "{summary:?}");
    }
    every_family(&Recipe { half: true, ..Recipe::new(8) }, 0.9998);
    every_family(&Recipe { half: true, ..Recipe::new(4) }, 0.97);
}

#[test]
fn mixed_precision() {
    every_family(&Recipe::new(4).mixed(), 0.99);
    every_family(&Recipe::new(8).mixed(), 0.9998);
    every_family(&Recipe::new(16).mixed(), 0.999_99);
    let overrides = vec![Override { nodes: "*".to_owned(), bits: 16 }];
    every_family(&Recipe { overrides, ..Recipe::new(8) }, 0.999_99);
}

/// What no family above has: rotary tables, keys that heads share, scores by distance, parts of weights.
#[test]
fn graphs_that_are_built() {
    const MODELS: [&str; 14] = [
        "albert",
        "bert_relative_key_query",
        "deberta_v2",
        "deberta_v3",
        "electra",
        "gemma3_bidirectional",
        "gte",
        "jina_bert",
        "llama_encoder",
        "modernbert",
        "mpnet",
        "nomic_bert",
        "qwen3",
        "t5_gated",
    ];
    let recipes = [
        (Recipe::new(32), 0.999_999_9),
        (Recipe::new(16), 0.999_98),
        (Recipe::new(8), 0.9995),
        (Recipe { plain_tables: true, ..Recipe::new(8) }, 0.9995),
        (Recipe::new(8).integer(), 0.998),
        (Recipe::new(4), 0.9),
        (Recipe { half: true, ..Recipe::new(4) }, 0.9),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for model in MODELS {
        let source = folder.path().join(model);
        std::fs::create_dir(&source).unwrap();
        std::fs::copy(fixture(model).join("model.safetensors"), source.join("model.safetensors")).unwrap();
        let built = build(&Folder(fixture(model)), &BuildOptions::default()).unwrap();
        std::fs::write(source.join("model.onnx"), built.onnx).unwrap();
        std::fs::write(source.join("config.json"), "{}").unwrap();
        // Only the inputs: the states are those of some tokens.
        let golden = std::fs::read(fixture(model).join("golden.json")).unwrap();
        let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
        let golden = serde_json::json!({ "input_ids": golden["input_ids"] });
        std::fs::write(source.join("golden.json"), golden.to_string()).unwrap();
        for (number, (recipe, cosine)) in recipes.iter().enumerate() {
            // Native onnxruntime only: its exact product of bytes fails where two layers share a weight, and its
            // NCHWc layout crashes over a transposed constant of half precision. wasm has neither.
            let shares = ["albert", "bert_relative_key_query", "deberta_v3"].contains(&model);
            let crashes = model.starts_with("deberta");
            if (shares && recipe.form == Form::Integer) || (crashes && recipe.bits == 16) {
                continue;
            }
            let into = source.join(number.to_string());
            std::fs::create_dir(&into).unwrap();
            let to = Destination::new(&into, "model.onnx");
            let summary = convert(&Folder(source.clone()), "model.onnx", recipe, to).unwrap();
            // Constants of positions are not weights: none may lose bits.
            let half = recipe.bits == 16 || recipe.half;
            let constant = |of: &str| of.contains("rotary") || of.contains("alibi");
            let lost = summary.tensors.iter().filter(|tensor| tensor.of.as_deref().is_some_and(constant)).count();
            assert!(half || lost == 0, "{summary:?}");
            let (config, reference) = (source.clone(), source.join("model.onnx"));
            cases.push(Case { model: into.join("model.onnx"), reference, config, cosine: *cosine });
        }
    }
    check(&cases);
}

/// The weights of MiniLM are 90 MB and not checked in.
#[test]
#[ignore = "needs PELAGO_MODEL, a folder with all-MiniLM-L6-v2's config.json and model.safetensors"]
fn minilm_in_every_precision() {
    let given = PathBuf::from(std::env::var_os("PELAGO_MODEL").expect("PELAGO_MODEL names the folder"));
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("fp32");
    std::fs::create_dir(&source).unwrap();
    let weights = "model.safetensors";
    std::fs::hard_link(given.join(weights), source.join(weights))
        .or_else(|_| std::fs::copy(given.join(weights), source.join(weights)).map(drop))
        .unwrap();
    let built = build(&Folder(given.clone()), &BuildOptions::default()).unwrap();
    std::fs::write(source.join("model.onnx"), built.onnx).unwrap();
    let fp32 = std::fs::metadata(source.join(weights)).unwrap().len() as f64;

    // The input is a sentence of 11 tokens, its vectors are compared token by token.
    let recipes = [
        (Recipe::standard(16), 0.9999, 0.51),
        (Recipe::standard(8), 0.999, 0.30),
        (Recipe::standard(4), 0.97, 0.30),
        (Recipe::standard(4).mixed(), 0.97, 0.30),
        (Recipe { half: true, ..Recipe::standard(4) }, 0.97, 0.30),
        (Recipe::new(8).integer(), 0.98, 0.30),
    ];
    let mut cases = Vec::new();
    for (number, (recipe, cosine, _)) in recipes.iter().enumerate() {
        let into = folder.path().join(number.to_string());
        std::fs::create_dir(&into).unwrap();
        convert(&Folder(source.clone()), "model.onnx", recipe, Destination::new(&into, "model.onnx")).unwrap();
        let config = golden(&folder.path().join(format!("{number}.config")));
        cases.push(Case {
            model: into.join("model.onnx"),
            reference: source.join("model.onnx"),
            config,
            cosine: *cosine,
        });
    }
    for ((recipe, _, share), (_, bytes)) in recipes.iter().zip(check(&cases)) {
        assert!(bytes as f64 <= share * fp32, "{} has {bytes} bytes", recipe.to_json());
    }
}

/// A folder whose `golden.json` has the sentence that MiniLM is compared on.
fn golden(folder: &Path) -> PathBuf {
    std::fs::create_dir(folder).unwrap();
    std::fs::copy(root().join("tests/fixtures/models/minilm.json"), folder.join("golden.json")).unwrap();
    std::fs::write(folder.join("config.json"), "{}").unwrap();
    folder.to_owned()
}

fn floats(name: &str, dims: &[i64]) -> TensorProto {
    let count = dims.iter().product::<i64>();
    let value = |index: i64| ((index * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5;
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::Float as i32),
        raw_data: Some((0..count).flat_map(|index| value(index).to_le_bytes()).collect()),
        ..TensorProto::default()
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(format!("/{output}")),
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    }
}

fn value(name: &str, dtype: DataType, lengths: &[i64]) -> ValueInfoProto {
    let dim = lengths.iter().map(|length| Dimension { dim_value: Some(*length), ..Dimension::default() });
    let shape = Some(TensorShapeProto { dim: dim.collect() });
    let tensor = TensorTypeProto { elem_type: Some(dtype as i32), shape };
    let r#type = Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() });
    ValueInfoProto { name: Some(name.to_owned()), r#type, ..ValueInfoProto::default() }
}

/// A table that is the last layer's weight too, and a `Gemm` with all that it may have.
fn tied() -> ModelProto {
    let mut gemm = node("Gemm", &["rows", "gemm.weight", "gemm.bias"], "wide");
    let attribute = |name: &str, kind| AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind as i32),
        ..AttributeProto::default()
    };
    gemm.attribute = vec![
        AttributeProto { i: Some(1), ..attribute("transB", AttributeType::Int) },
        AttributeProto { f: Some(0.5), ..attribute("alpha", AttributeType::Float) },
        AttributeProto { f: Some(2.0), ..attribute("beta", AttributeType::Float) },
    ];
    let graph = GraphProto {
        name: Some("tied".to_owned()),
        node: vec![
            node("Gather", &["table", "input_ids"], "rows"),
            gemm,
            node("Transpose", &["table"], "turned"),
            node("MatMul", &["wide", "turned"], "logits"),
        ],
        initializer: vec![floats("table", &[80, 64]), floats("gemm.weight", &[64, 64]), floats("gemm.bias", &[64])],
        input: vec![value("input_ids", DataType::Int64, &[8])],
        output: vec![value("logits", DataType::Float, &[8, 80])],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(17) }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

#[test]
fn a_weight_of_two_nodes_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let reference = folder.path().join("model.onnx");
    std::fs::write(&reference, tied().encode_to_vec()).unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    let recipes = [
        (Recipe::new(32), 0.999_999),
        (Recipe::new(16), 0.9999),
        (Recipe::new(8), 0.999),
        (Recipe { symmetric: false, ..Recipe::new(8) }, 0.999),
        (Recipe::new(8).integer(), 0.99),
        (Recipe::new(4), 0.95),
        (Recipe { symmetric: false, block: 16, ..Recipe::new(4) }, 0.95),
        (Recipe { half: true, ..Recipe::new(4) }, 0.95),
        (Recipe { symmetric: false, block: 16, ..Recipe::new(2) }, 0.3),
        (Recipe { overrides: vec![Override { nodes: "*".to_owned(), bits: 16 }], ..Recipe::new(4) }, 0.9999),
    ];
    let mut cases = Vec::new();
    for (number, (recipe, cosine)) in recipes.iter().enumerate() {
        let into = folder.path().join(number.to_string());
        std::fs::create_dir(&into).unwrap();
        let summary =
            convert(&Folder(folder.path().to_owned()), "model.onnx", recipe, Destination::new(&into, "m.onnx"))
                .unwrap();
        if recipe.form == Form::Block && recipe.bits < 16 && recipe.overrides.is_empty() {
            // The scales are one initializer, the codes two with the same bytes.
            let model = pelago_onnx::read::open(&Folder(into.clone()), "m.onnx").unwrap();
            let initializers = model.graph.unwrap().initializer;
            let scales = initializers.iter().filter(|it| it.name().starts_with("table_scales")).count();
            let codes = initializers.iter().filter(|it| it.name().starts_with("table") && it.name().contains("_Q"));
            let places = codes.map(|it| it.external_data.clone()).collect::<Vec<_>>();
            assert_eq!((scales, places.len()), (1, 2), "{summary:?}");
            assert!(!places[0].is_empty() && places[0] == places[1], "{places:?}");
        }
        cases.push(Case {
            model: into.join("m.onnx"),
            reference: reference.clone(),
            config: folder.path().to_owned(),
            cosine: *cosine,
        });
    }
    check(&cases);
}

#[test]
fn equal_models_and_recipes_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe { form: Form::Block, mixed: Mixed::of(4), ..Recipe::new(4) };
    let contents = ["a", "b"].map(|name| {
        let into = folder.path().join(name);
        std::fs::create_dir(&into).unwrap();
        let to = Destination { parent: Some("bafkqaaa"), file_max: 8192, ..Destination::new(&into, "model.onnx") };
        let summary = convert(&Folder(fixture("llama")), "onnx/model.onnx", &recipe, to).unwrap();
        assert!(summary.files.len() > 2, "{:?}", summary.files);
        summary.files.iter().map(|file| std::fs::read(into.join(file)).unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(contents[0], contents[1]);
    // Of data files only one with a single tensor is longer.
    assert!(
        contents[0]
            .iter()
            .rev()
            .skip(1)
            .all(|bytes| bytes.len() <= 8192 || bytes.len() > 8192 && bytes.len() % 64 == 0)
    );
}
