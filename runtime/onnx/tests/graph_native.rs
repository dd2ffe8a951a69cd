//! Runs built graphs with native onnxruntime and compares what they give with
//! golden outputs: `tests/python/check_graph.py` does both.
//!
//! Needs Python with the packages of `tests/python/requirements.txt`:
//! `PELAGO_TEST_PYTHON`, or else `.venv` at the root of the repository.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod common;
#[path = "common/models.rs"]
mod models;

use std::{collections::BTreeMap, path::PathBuf};

use half::{bf16, f16};
use pelago_onnx::graph::{BuildOptions, Folder, IndexType, build};
use safetensors::{
    Dtype, SafeTensors,
    tensor::{TensorView, serialize},
};
use serde_json::{Value, json};

use self::{
    common::{python, root},
    models::MODELS,
};

/// Of the models, what PyTorch gives where rows are padded at their left.
const LEFT: [&str; 6] = ["llama_encoder", "mistral", "qwen2", "qwen3", "gemma3", "gemma3_bidirectional"];

fn fixture(model: &str) -> PathBuf {
    root().join("tests/fixtures/models").join(model)
}

fn weights(model: &str) -> Vec<u8> {
    std::fs::read(fixture(model).join("model.safetensors")).unwrap()
}

/// A folder to build a graph in, and what it should give.
struct Case {
    folder: tempfile::TempDir,
    golden: PathBuf,
    tolerance: f32,
}

impl Case {
    /// The graph of these weights with the config of a fixture.
    fn build(model: &str, files: &[(&str, &[u8])], tolerance: f32, options: &BuildOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(fixture(model).join("config.json"), folder.path().join("config.json")).unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let built = build(&Folder(folder.path().to_owned()), options).unwrap();
        std::fs::write(folder.path().join("model.onnx"), built.onnx).unwrap();
        Self { folder, golden: fixture(model).join("golden.json"), tolerance }
    }
}

fn check(cases: &[Case]) {
    let out = python("check_graph.py", |command| {
        for case in cases {
            command.arg("--case").args([case.folder.path(), &case.golden]).arg(case.tolerance.to_string());
        }
    });
    assert_eq!(out.lines().count(), cases.len(), "{out}");
}

#[test]
fn every_architecture_gives_what_pytorch_gives() {
    for index_type in [IndexType::Int32, IndexType::Int64] {
        let options = BuildOptions { index_type, ..BuildOptions::default() };
        check(&MODELS.map(|model| Case::build(model, &[("model.safetensors", &weights(model))], 1e-5, &options)));
    }
}

/// Goldens are of a first feed-forward layer that is ten times larger, so that functions reach their bounds.
#[test]
fn every_activation_gives_what_pytorch_gives() {
    let bytes = weights("distilbert");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let data = tensors.iter().map(|(name, view)| {
        let factor = if name.ends_with("ffn.lin1.weight") { 10.0 } else { 1.0 };
        let (values, _) = view.data().as_chunks::<4>();
        let data = values.iter().flat_map(|value| (factor * f32::from_le_bytes(*value)).to_le_bytes());
        (name, view.shape().to_vec(), data.collect::<Vec<u8>>())
    });
    let data = data.collect::<Vec<_>>();
    let views =
        data.iter().map(|(name, shape, data)| (*name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    let weights = serialize(views, None).unwrap();
    let config = std::fs::read(fixture("distilbert").join("config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let goldens = std::fs::read_dir(fixture("activations")).unwrap().map(|entry| entry.unwrap().path());
    let cases = goldens.map(|golden| {
        let mut config = config.clone();
        config["activation"] = json!(golden.file_stem().unwrap().to_str().unwrap());
        let files = [("model.safetensors", &weights[..]), ("config.json", &config.to_string().into_bytes())];
        Case { golden, ..Case::build("distilbert", &files, 1e-5, &BuildOptions::default()) }
    });
    let cases = cases.collect::<Vec<_>>();
    assert_eq!(cases.len(), 21);
    check(&cases);
}

#[test]
fn models_that_generate_text_may_be_padded_at_the_left() {
    check(&LEFT.map(|model| {
        let weights = weights(model);
        let case = Case::build(model, &[("model.safetensors", &weights)], 1e-5, &BuildOptions::default());
        Case { golden: fixture(model).join("golden_left.json"), ..case }
    }));
}

#[test]
fn half_precision_weights_are_converted_when_the_graph_is_loaded() {
    let bytes = weights("bert");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let convert = |dtype: Dtype, round: &dyn Fn(f32) -> [u8; 2]| {
        let data = tensors.iter().map(|(name, view)| {
            let (chunks, _) = view.data().as_chunks::<4>();
            let bytes = chunks.iter().flat_map(|chunk| round(f32::from_le_bytes(*chunk))).collect::<Vec<u8>>();
            (name, view.shape().to_vec(), bytes)
        });
        let data = data.collect::<Vec<_>>();
        let views =
            data.iter().map(|(name, shape, bytes)| (*name, TensorView::new(dtype, shape.clone(), bytes).unwrap()));
        serialize(views, None).unwrap()
    };
    // As far as rounding the weights moves the result of a two-layer model.
    let half = convert(Dtype::F16, &|value| f16::from_f32(value).to_le_bytes());
    let brain = convert(Dtype::BF16, &|value| bf16::from_f32(value).to_le_bytes());
    check(&[
        Case::build("bert", &[("model.safetensors", &half)], 1e-2, &BuildOptions::default()),
        Case::build("bert", &[("model.safetensors", &brain)], 8e-2, &BuildOptions::default()),
    ]);
}

#[test]
fn weights_may_lie_at_odd_offsets_and_in_shards() {
    // As from a writer that pads no header: every tensor begins at an odd byte.
    let bytes = weights("bert");
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = bytes[8..8 + length].to_vec();
    header.extend(if length.is_multiple_of(2) { &b" "[..] } else { &b"  "[..] });
    let odd = [&(header.len() as u64).to_le_bytes(), &header[..], &bytes[8 + length..]].concat();

    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let mut map = BTreeMap::new();
    let mut shards = [vec![], vec![]];
    for (index, (name, view)) in tensors.iter().enumerate() {
        map.insert(name, Value::from(names[index % 2]));
        shards[index % 2].push((name, view));
    }
    let [first, second] = shards.map(|shard| serialize(shard, None).unwrap());
    let index = json!({ "weight_map": map }).to_string();
    let files = [(names[0], &first[..]), (names[1], &second[..]), ("model.safetensors.index.json", index.as_bytes())];
    check(&[
        Case::build("bert", &[("model.safetensors", &odd)], 1e-5, &BuildOptions::default()),
        Case::build("bert", &files, 1e-5, &BuildOptions::default()),
    ]);
}

/// The real weights are 90 MB and not checked in.
#[test]
#[ignore = "needs PELAGO_TEST_MINILM, a folder with all-MiniLM-L6-v2's config.json and model.safetensors"]
fn minilm_gives_its_published_embedding() {
    let given = PathBuf::from(std::env::var_os("PELAGO_TEST_MINILM").expect("PELAGO_TEST_MINILM names the folder"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(given.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    let built = build(&Folder(given), &BuildOptions::default()).unwrap();
    std::fs::write(folder.path().join("model.onnx"), built.onnx).unwrap();
    check(&[Case { folder, golden: fixture("minilm.json"), tolerance: 1e-5 }]);
}
