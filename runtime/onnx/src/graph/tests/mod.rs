//! What can be checked without running a graph: its nodes, its bytes, and what
//! is said of bad checkpoints.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod checkpoints;
mod damaged;
mod generation;
#[path = "../../../tests/common/models.rs"]
mod models;
mod settings;

use std::path::PathBuf;

use expect_test::{Expect, expect};
use prost::Message;
use serde_json::{Value, json};

use self::models::MODELS;
use super::{onnx::ModelProto, *};
use crate::fuzzing::Memory;

/// A model in memory is damaged by these.
impl Memory {
    fn load(model: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models").join(model);
        let read = |file: &str| (file.to_owned(), std::fs::read(folder.join(file)).unwrap());
        Self(["config.json", "model.safetensors"].map(read).into())
    }

    fn with_setting(mut self, field: &str, value: Value) -> Self {
        let mut config: Value = serde_json::from_slice(&self.0["config.json"]).unwrap();
        match value {
            Value::Null => drop(config.as_object_mut().unwrap().shift_remove(field)),
            value => config[field] = value,
        }
        self.0.insert("config.json".to_owned(), config.to_string().into_bytes());
        self
    }

    fn with_header(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        let bytes = &self.0["model.safetensors"];
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        edit(&mut header);
        let header = header.to_string().into_bytes();
        let file = [&(header.len() as u64).to_le_bytes(), &header[..], &bytes[8 + length..]].concat();
        self.0.insert("model.safetensors".to_owned(), file);
        self
    }

    fn without_tensor(self, tensor: &str) -> Self {
        self.with_header(|header| drop(header.as_object_mut().unwrap().shift_remove(tensor)))
    }
}

fn model(files: &Memory) -> ModelProto {
    ModelProto::decode(&*build(files, &BuildOptions::default()).unwrap().onnx).unwrap()
}

fn check_error(files: &Memory, expected: Expect) {
    expected.assert_eq(&build(files, &BuildOptions::default()).unwrap_err().to_string());
}

#[test]
fn the_nodes_of_one_layer() {
    let files = Memory::load("bert").with_setting("num_hidden_layers", json!(1));
    let nodes = model(&files).graph.unwrap().node;
    let lines = nodes.iter().map(|node| format!("{} <- {}\n", node.name(), node.input.join(", ")));
    expect![[r#"
        embeddings.position_ids/ids/Cast <- input_ids
        embeddings.position_ids/Mul <- embeddings.position_ids/ids/Cast, float/0
        embeddings.position_ids/Add <- embeddings.position_ids/Mul, float/1
        embeddings.position_ids/CumSum <- embeddings.position_ids/Add, int32/1
        embeddings.position_ids/int32/Cast <- embeddings.position_ids/CumSum
        embeddings.word_embeddings/Gather <- embeddings.word_embeddings.weight, input_ids
        embeddings.token_type_embeddings/Gather <- embeddings.token_type_embeddings.weight, token_type_ids
        embeddings/types/Add <- embeddings.word_embeddings/Gather, embeddings.token_type_embeddings/Gather
        embeddings.position_embeddings/Gather <- embeddings.position_embeddings.weight, embeddings.position_ids/int32/Cast
        embeddings/positions/Add <- embeddings/types/Add, embeddings.position_embeddings/Gather
        embeddings.LayerNorm/LayerNormalization <- embeddings/positions/Add, embeddings.LayerNorm.weight, embeddings.LayerNorm.bias
        attention_mask/Unsqueeze <- attention_mask, int64s/1_2
        attention_mask/Cast <- attention_mask/Unsqueeze
        attention_mask/Sub <- float/1, attention_mask/Cast
        attention_mask/Mul <- attention_mask/Sub, float/-10000
        encoder.layer.0.attention.self.query/Transpose <- encoder.layer.0.attention.self.query.weight
        encoder.layer.0.attention.self.query/MatMul <- embeddings.LayerNorm/LayerNormalization, encoder.layer.0.attention.self.query/Transpose
        encoder.layer.0.attention.self.query/Add <- encoder.layer.0.attention.self.query/MatMul, encoder.layer.0.attention.self.query.bias
        encoder.layer.0.attention.self.query/Reshape <- encoder.layer.0.attention.self.query/Add, int64s/0_0_4_8
        encoder.layer.0.attention.self.query/heads/Transpose <- encoder.layer.0.attention.self.query/Reshape
        encoder.layer.0.attention.self.key/Transpose <- encoder.layer.0.attention.self.key.weight
        encoder.layer.0.attention.self.key/MatMul <- embeddings.LayerNorm/LayerNormalization, encoder.layer.0.attention.self.key/Transpose
        encoder.layer.0.attention.self.key/Add <- encoder.layer.0.attention.self.key/MatMul, encoder.layer.0.attention.self.key.bias
        encoder.layer.0.attention.self.key/Reshape <- encoder.layer.0.attention.self.key/Add, int64s/0_0_4_8
        encoder.layer.0.attention.self.key/heads/Transpose <- encoder.layer.0.attention.self.key/Reshape
        encoder.layer.0.attention.self.value/Transpose <- encoder.layer.0.attention.self.value.weight
        encoder.layer.0.attention.self.value/MatMul <- embeddings.LayerNorm/LayerNormalization, encoder.layer.0.attention.self.value/Transpose
        encoder.layer.0.attention.self.value/Add <- encoder.layer.0.attention.self.value/MatMul, encoder.layer.0.attention.self.value.bias
        encoder.layer.0.attention.self.value/Reshape <- encoder.layer.0.attention.self.value/Add, int64s/0_0_4_8
        encoder.layer.0.attention.self.value/heads/Transpose <- encoder.layer.0.attention.self.value/Reshape
        encoder.layer.0.attention/scores/MatMul <- encoder.layer.0.attention.self.query/heads/Transpose, encoder.layer.0.attention.self.key/heads/Transpose
        encoder.layer.0.attention/scores/Div <- encoder.layer.0.attention/scores/MatMul, float/2.828427
        encoder.layer.0.attention/scores/Add <- encoder.layer.0.attention/scores/Div, attention_mask/Mul
        encoder.layer.0.attention/scores/Softmax <- encoder.layer.0.attention/scores/Add
        encoder.layer.0.attention/context/MatMul <- encoder.layer.0.attention/scores/Softmax, encoder.layer.0.attention.self.value/heads/Transpose
        encoder.layer.0.attention/context/Transpose <- encoder.layer.0.attention/context/MatMul
        encoder.layer.0.attention/context/Reshape <- encoder.layer.0.attention/context/Transpose, int64s/0_0_32
        encoder.layer.0.attention.output.dense/Transpose <- encoder.layer.0.attention.output.dense.weight
        encoder.layer.0.attention.output.dense/MatMul <- encoder.layer.0.attention/context/Reshape, encoder.layer.0.attention.output.dense/Transpose
        encoder.layer.0.attention.output.dense/Add <- encoder.layer.0.attention.output.dense/MatMul, encoder.layer.0.attention.output.dense.bias
        encoder.layer.0.attention.output.dense/residual/Add <- encoder.layer.0.attention.output.dense/Add, embeddings.LayerNorm/LayerNormalization
        encoder.layer.0.attention.output.LayerNorm/LayerNormalization <- encoder.layer.0.attention.output.dense/residual/Add, encoder.layer.0.attention.output.LayerNorm.weight, encoder.layer.0.attention.output.LayerNorm.bias
        encoder.layer.0.intermediate.dense/Transpose <- encoder.layer.0.intermediate.dense.weight
        encoder.layer.0.intermediate.dense/MatMul <- encoder.layer.0.attention.output.LayerNorm/LayerNormalization, encoder.layer.0.intermediate.dense/Transpose
        encoder.layer.0.intermediate.dense/Add <- encoder.layer.0.intermediate.dense/MatMul, encoder.layer.0.intermediate.dense.bias
        encoder.layer.0.intermediate.dense/Gelu <- encoder.layer.0.intermediate.dense/Add
        encoder.layer.0.output.dense/Transpose <- encoder.layer.0.output.dense.weight
        encoder.layer.0.output.dense/MatMul <- encoder.layer.0.intermediate.dense/Gelu, encoder.layer.0.output.dense/Transpose
        encoder.layer.0.output.dense/Add <- encoder.layer.0.output.dense/MatMul, encoder.layer.0.output.dense.bias
        encoder.layer.0.output.dense/residual/Add <- encoder.layer.0.output.dense/Add, encoder.layer.0.attention.output.LayerNorm/LayerNormalization
        encoder.layer.0.output.LayerNorm/LayerNormalization <- encoder.layer.0.output.dense/residual/Add, encoder.layer.0.output.LayerNorm.weight, encoder.layer.0.output.LayerNorm.bias
        last_hidden_state <- encoder.layer.0.output.LayerNorm/LayerNormalization
    "#]].assert_eq(&lines.collect::<String>());
}

/// The operators that onnxruntime 1.30 places on WebGPU and on WebNN with the
/// element types that these graphs give them. Above all no `Shape`.
#[test]
fn every_operator_has_a_kernel_on_webgpu_and_webnn() {
    let known = [
        "Abs",
        "Add",
        "Cast",
        "Clip",
        "Conv",
        "CumSum",
        "Div",
        "Floor",
        "Gather",
        "Gelu",
        "Identity",
        "LayerNormalization",
        "MatMul",
        "Min",
        "Mul",
        "Neg",
        "Pow",
        "ReduceMean",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Sigmoid",
        "Softmax",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    ];
    for name in MODELS {
        for node in model(&Memory::load(name)).graph.unwrap().node {
            assert!(known.contains(&node.op_type()), "{name}: {} is {}", node.name(), node.op_type());
        }
    }
}

#[test]
fn weights_are_where_the_safetensors_file_has_them() {
    let files = Memory::load("bert");
    let built = build(&files, &BuildOptions::default()).unwrap();
    assert_eq!(built.external, ["model.safetensors"]);
    assert!(built.onnx.len() < 32 * 1024, "{} bytes", built.onnx.len());
    let bytes = &files.0["model.safetensors"];
    let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let mut checked = 0;
    for initializer in model(&files).graph.unwrap().initializer {
        if initializer.external_data.is_empty() {
            continue;
        }
        let place = |key: &str| {
            let entry = initializer.external_data.iter().find(|entry| entry.key() == key).unwrap();
            entry.value().to_owned()
        };
        let offset = place("offset").parse::<usize>().unwrap();
        let length = place("length").parse::<usize>().unwrap();
        assert_eq!(place("location"), "model.safetensors");
        let tensor = tensors.tensor(initializer.name()).unwrap();
        assert_eq!(&bytes[offset..offset + length], tensor.data(), "{}", initializer.name());
        checked += 1;
    }
    assert_eq!(checked, 37);
}

#[test]
fn equal_checkpoints_and_options_give_equal_bytes() {
    for name in MODELS {
        let files = Memory::load(name);
        let options = BuildOptions { parent: Some("bafy".to_owned()), ..BuildOptions::default() };
        let built = build(&files, &options).unwrap();
        assert_eq!(built, build(&files.clone(), &options).unwrap());
        assert_ne!(built, build(&files, &BuildOptions { index_type: IndexType::Int64, ..options }).unwrap());
    }
}

#[test]
fn the_model_says_what_it_is() {
    let options = BuildOptions { parent: Some("bafy".to_owned()), ..BuildOptions::default() };
    let model = ModelProto::decode(&*build(&Memory::load("roberta"), &options).unwrap().onnx).unwrap();
    let properties = model.metadata_props.iter().map(|entry| format!("{}={}\n", entry.key(), entry.value()));
    expect![[r#"
        producer=pelago
        architecture=roberta
        parent=bafy
    "#]]
    .assert_eq(&properties.collect::<String>());
    let graph = model.graph.unwrap();
    let names =
        |values: &[onnx::ValueInfoProto]| values.iter().map(|value| value.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&graph.input), ["input_ids", "attention_mask", "token_type_ids"]);
    assert_eq!(names(&graph.output), ["last_hidden_state"]);
}

#[test]
fn inputs_that_the_architecture_does_not_have_are_not_asked_for() {
    for name in ["distilbert", "mpnet"] {
        let inputs = model(&Memory::load(name)).graph.unwrap().input;
        assert!(inputs.iter().all(|input| input.name() != "token_type_ids"), "{name}");
    }
    let files = Memory::load("bert").with_setting("type_vocab_size", json!(0));
    assert_eq!(model(&files).graph.unwrap().input.len(), 2);
}
