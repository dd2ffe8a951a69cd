//! Checkpoints of element types that browsers do not compute with: their graphs
//! say so, and any recipe makes of them what it makes of the same numbers in fp32.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod common;

use std::{collections::BTreeMap, path::Path};

use common::{python, root};
use half::{bf16, f16};
use pelago_onnx::{
    files::Folder,
    graph::{BuildOptions, build, build_in},
    precision::{Destination, Recipe, convert},
    proto::{DataType, ModelProto},
};
use prost::Message;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// BERT's weights in another element type.
fn weights(dtype: Dtype, encode: &dyn Fn(f32) -> Vec<u8>) -> Vec<u8> {
    let bytes = std::fs::read(root().join("tests/fixtures/models/bert/model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let data = tensors.iter().map(|(name, view)| {
        let (values, _) = view.data().as_chunks::<4>();
        let bytes = values.iter().flat_map(|value| encode(f32::from_le_bytes(*value))).collect::<Vec<u8>>();
        (name, view.shape().to_vec(), bytes)
    });
    let data = data.collect::<Vec<_>>();
    let views = data.iter().map(|(name, shape, bytes)| (*name, TensorView::new(dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

/// A folder with BERT's config, these weights and the graph that was built of them.
fn built(weights: &[u8], needs_conversion: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::copy(root().join("tests/fixtures/models/bert/config.json"), path.join("config.json")).unwrap();
    std::fs::write(path.join("model.safetensors"), weights).unwrap();
    let built = build(&Folder(path.to_owned()), &BuildOptions::default()).unwrap();
    assert_eq!(built.needs_conversion, needs_conversion);
    std::fs::write(path.join("model.onnx"), built.onnx).unwrap();
    folder
}

/// Every file that a conversion gives.
fn converted(folder: &Path, recipe: &Recipe) -> BTreeMap<String, Vec<u8>> {
    let into = tempfile::tempdir().unwrap();
    let to = Destination::new(into.path(), "model.onnx");
    let summary = convert(&Folder(folder.to_owned()), "model.onnx", recipe, to).unwrap();
    summary.files.into_iter().map(|file| (file.clone(), std::fs::read(into.path().join(file)).unwrap())).collect()
}

fn recipes() -> Vec<Recipe> {
    let integers = Recipe::new(8).integer();
    let mut halved = Recipe::new(4);
    halved.half = true;
    [32, 16, 8, 4, 2].map(Recipe::new).into_iter().chain([integers, halved, Recipe::standard(8)]).collect()
}

#[test]
fn any_recipe_takes_the_exact_value_of_a_weight() {
    let brain = |value: f32| bf16::from_f32(value);
    let narrow = built(&weights(Dtype::BF16, &|value| brain(value).to_le_bytes().into()), true);
    let rounded = |value: f32| brain(value).to_f32();
    let single = built(&weights(Dtype::F32, &|value| rounded(value).to_le_bytes().into()), false);
    let double = built(&weights(Dtype::F64, &|value| f64::from(rounded(value)).to_le_bytes().into()), true);
    for recipe in recipes() {
        let expected = converted(single.path(), &recipe);
        assert!(converted(narrow.path(), &recipe) == expected, "BF16 {recipe:?}");
        assert!(converted(double.path(), &recipe) == expected, "F64 {recipe:?}");
    }
    let half = built(&weights(Dtype::F16, &|value| f16::from_f32(value).to_le_bytes().into()), false);
    assert!(!converted(half.path(), &Recipe::new(32)).is_empty());
}

#[test]
fn a_converted_graph_has_neither_the_element_type_nor_its_conversions() {
    let folder = built(&weights(Dtype::BF16, &|value| bf16::from_f32(value).to_le_bytes().into()), true);
    let files = converted(folder.path(), &Recipe::new(32));
    let graph = ModelProto::decode(&*files["model.onnx"]).unwrap().graph.unwrap();
    let types = graph.initializer.iter().map(|tensor| tensor.data_type.unwrap());
    assert!(types.into_iter().all(|dtype| dtype != DataType::Bfloat16 as i32));
    let kept = graph.node.iter().filter(|node| node.op_type() == "Cast").map(|node| node.name());
    assert_eq!(
        kept.collect::<Vec<_>>(),
        ["embeddings.position_ids/ids/Cast", "embeddings.position_ids/int32/Cast", "attention_mask/Cast"]
    );
}

/// `golden.json` has the mean of the tokens' states that PyTorch gives of these weights.
#[test]
fn bfloat16_gives_what_pytorch_gives() {
    let folder = built(&weights(Dtype::BF16, &|value| bf16::from_f32(value).to_le_bytes().into()), true);
    let into = tempfile::tempdir().unwrap();
    let to = Destination::new(into.path(), "model.onnx");
    convert(&Folder(folder.path().to_owned()), "model.onnx", &Recipe::new(32), to).unwrap();
    let golden = root().join("tests/fixtures/models/bert_bf16/golden.json");
    python("check_graph.py", |command| {
        command.arg("--case").args([into.path(), &golden]).arg("1e-6");
    });
}

#[test]
fn a_checkpoint_in_a_folder_is_converted_from_the_model_s_own() {
    let model = tempfile::tempdir().unwrap();
    let folder = model.path().join("0_Transformer");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(root().join("tests/fixtures/models/bert/config.json"), folder.join("config.json")).unwrap();
    let weights = weights(Dtype::BF16, &|value| bf16::from_f32(value).to_le_bytes().into());
    std::fs::write(folder.join("model.safetensors"), weights).unwrap();
    let built = build_in(&Folder(model.path().to_owned()), "0_Transformer", &BuildOptions::default()).unwrap();
    assert_eq!(built.external, ["0_Transformer/model.safetensors"]);
    std::fs::write(model.path().join("model.onnx"), built.onnx).unwrap();
    let into = tempfile::tempdir().unwrap();
    let to = Destination::new(into.path(), "model.onnx");
    convert(&Folder(model.path().to_owned()), "model.onnx", &Recipe::new(32), to).unwrap();
    let golden = root().join("tests/fixtures/models/bert_bf16/golden.json");
    python("check_graph.py", |command| {
        command.arg("--case").args([into.path(), &golden]).arg("1e-6");
    });
}
