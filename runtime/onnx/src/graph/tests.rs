//! What can be checked without running a graph: its nodes, its bytes, and what
//! is said of bad checkpoints.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::{collections::BTreeMap, io, path::PathBuf};

use expect_test::{Expect, expect};
use prost::Message;
use serde_json::{Value, json};

use super::{onnx::ModelProto, *};

/// A model in memory, to be damaged.
#[derive(Clone)]
struct Memory(BTreeMap<String, Vec<u8>>);

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

impl Files for Memory {
    fn size(&self, file: &str) -> io::Result<u64> {
        self.0.get(file).map(|bytes| bytes.len() as u64).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(file).ok_or(io::ErrorKind::NotFound)?;
        let bytes = bytes.get(offset as usize..).and_then(|bytes| bytes.get(..length));
        Ok(bytes.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec())
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
        "CumSum",
        "Div",
        "Gather",
        "Gelu",
        "Identity",
        "LayerNormalization",
        "MatMul",
        "Min",
        "Mul",
        "Relu",
        "Reshape",
        "Sigmoid",
        "Softmax",
        "Sub",
        "Transpose",
        "Unsqueeze",
    ];
    for name in ["bert", "roberta", "distilbert", "mpnet"] {
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
    for name in ["bert", "roberta", "distilbert", "mpnet"] {
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

#[test]
fn the_prefix_of_a_model_with_a_head_is_found() {
    let rename = |header: &mut Value| {
        let tensors = std::mem::take(header.as_object_mut().unwrap());
        *header = tensors.into_iter().map(|(name, info)| (format!("bert.{name}"), info)).collect();
    };
    let files = Memory::load("bert").without_tensor("__metadata__").with_header(rename);
    let initializers = model(&files).graph.unwrap().initializer;
    assert!(initializers.iter().any(|tensor| tensor.name() == "bert.encoder.layer.1.output.LayerNorm.bias"));
}

#[test]
fn layer_norms_named_as_in_tensorflow_are_found() {
    let rename = |header: &mut Value| {
        let tensors = std::mem::take(header.as_object_mut().unwrap());
        let old = |name: &str| name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta");
        *header = tensors.into_iter().map(|(name, info)| (old(&name), info)).collect();
    };
    let initializers = model(&Memory::load("bert").with_header(rename)).graph.unwrap().initializer;
    assert!(initializers.iter().any(|tensor| tensor.name() == "embeddings.LayerNorm.gamma"));
}

#[test]
fn unknown_settings_are_refused() {
    let refused = |model: &str, field: &str, value: Value, expected: Expect| {
        check_error(&Memory::load(model).with_setting(field, value), expected);
    };
    refused(
        "bert",
        "model_type",
        json!("llama"),
        expect![[
            r#"no graph builder for model_type "llama": use one of bert, roberta, xlm-roberta, camembert, distilbert, mpnet, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "bert",
        "model_type",
        Value::Null,
        expect![[
            r#"no graph builder for model_type "": use one of bert, roberta, xlm-roberta, camembert, distilbert, mpnet, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "bert",
        "hidden_act",
        json!("mish"),
        expect![[
            r#"config.json: hidden_act is "mish" where gelu or gelu_new or gelu_pytorch_tanh or relu or silu or swish was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "bert",
        "position_embedding_type",
        json!("relative_key"),
        expect![[
            r#"config.json: position_embedding_type is "relative_key" where absolute was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "bert",
        "is_decoder",
        json!(true),
        expect![
            "config.json: is_decoder is true where false (only encoders have a builder) was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"
        ],
    );
    refused(
        "bert",
        "num_attention_heads",
        json!(5),
        expect![
            "config.json: hidden_size is 32 where a multiple of num_attention_heads (5) was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"
        ],
    );
    refused(
        "bert",
        "num_attention_heads",
        json!(0),
        expect![
            "config.json: num_attention_heads is 0 where a positive integer was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"
        ],
    );
    refused(
        "bert",
        "hidden_size",
        Value::Null,
        expect![
            "config.json: hidden_size is absent where an integer was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"
        ],
    );
    refused(
        "bert",
        "hidden_size",
        json!(1e300),
        expect![
            "config.json: hidden_size is 1e+300 where an integer from 0 to 2147483647 was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"
        ],
    );
    refused(
        "bert",
        "layer_norm_eps",
        json!("small"),
        expect![[
            r#"config.json: layer_norm_eps is "small" where a number above 0 was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "mpnet",
        "relative_attention_num_buckets",
        json!(2),
        expect![
            "config.json: relative_attention_num_buckets is 2 where an integer from 4 on was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"
        ],
    );
}

#[test]
fn a_checkpoint_that_does_not_fit_its_config_is_refused() {
    let tensor = "encoder.layer.1.attention.self.key.weight";
    check_error(
        &Memory::load("bert").without_tensor(tensor),
        expect![
            "the checkpoint has no encoder.layer.1.attention.self.key.weight of shape [32, 32]: it does not fit its config.json, or is incomplete"
        ],
    );
    check_error(
        &Memory::load("bert").with_setting("vocab_size", json!(161)),
        expect![
            "embeddings.word_embeddings.weight should be [161, 32] but is [160, 32]: config.json belongs to another checkpoint"
        ],
    );
    let integers = |header: &mut Value| header[tensor]["dtype"] = json!("I32");
    check_error(
        &Memory::load("bert").with_header(integers),
        expect![
            "encoder.layer.1.attention.self.key.weight is I32; weights must be F32, F16 or BF16: use an unquantised checkpoint"
        ],
    );
}

#[test]
fn a_header_that_lies_is_refused() {
    let tensor = "embeddings.LayerNorm.bias";
    let edit = |field: &'static str, value: Value| {
        Memory::load("bert").with_header(move |header| header[tensor][field] = value)
    };
    check_error(
        &edit("data_offsets", json!([0, 1_000_000])),
        expect![
            "model.safetensors: embeddings.LayerNorm.bias is said to be at bytes 0..1000000 of 109952 bytes of data: the file is truncated or its header lies; download it again"
        ],
    );
    check_error(
        &edit("data_offsets", json!([256, 128])),
        expect![
            "model.safetensors: embeddings.LayerNorm.bias is said to be at bytes 256..128 of 109952 bytes of data: the file is truncated or its header lies; download it again"
        ],
    );
    check_error(
        &edit("data_offsets", json!([0, 64])),
        expect![
            "model.safetensors: embeddings.LayerNorm.bias of F32 [32] is said to have 64 bytes, which do not fill that shape: the header lies; download it again"
        ],
    );
    check_error(
        &edit("shape", json!([u64::MAX, 2])),
        expect![
            "model.safetensors: embeddings.LayerNorm.bias of F32 [18446744073709551615, 2] is said to have 128 bytes, which do not fill that shape: the header lies; download it again"
        ],
    );
    check_error(
        &edit("dtype", json!("F99")),
        expect![
            "the header of model.safetensors is not the JSON it should be (unknown variant `F99`, expected one of `BOOL`, `F4`, `F6_E2M3`, `F6_E3M2`, `U8`, `I8`, `F8_E5M2`, `F8_E4M3`, `F8_E8M0`, `F8_E4M3FNUZ`, `F8_E5M2FNUZ`, `I16`, `U16`, `F16`, `BF16`, `I32`, `U32`, `F32`, `C64`, `F64`, `I64`, `U64`): add the model again from an undamaged copy"
        ],
    );
    check_error(
        &edit("data_offsets", json!([-4, 124])),
        expect![
            "the header of model.safetensors is not the JSON it should be (invalid value: integer `-4`, expected usize): add the model again from an undamaged copy"
        ],
    );
}

#[test]
fn a_file_that_is_cut_is_refused() {
    let mut files = Memory::load("bert");
    for length in [100_000, 1000, 7] {
        files.0.get_mut("model.safetensors").unwrap().truncate(length);
        let error = build(&files, &BuildOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Offsets { .. } | Error::HeaderLength { .. }), "{length}: {error}");
    }
    files.0.insert("model.safetensors".to_owned(), vec![0xff; 64]);
    check_error(
        &files,
        expect![
            "model.safetensors is not a whole safetensors file: a header of 18446744073709551615 bytes in 64 bytes; download it again"
        ],
    );
    files.0.remove("model.safetensors");
    check_error(
        &files,
        expect![
            "cannot read model.safetensors: entity not found; the model needs config.json and its safetensors files in one folder"
        ],
    );
    files.0.insert("config.json".to_owned(), b"{".to_vec());
    check_error(
        &files,
        expect![
            "config.json is not the JSON it should be (EOF while parsing an object at line 1 column 1): add the model again from an undamaged copy"
        ],
    );
}

#[test]
fn shards_are_found_through_their_index_and_nowhere_else() {
    let mut files = Memory::load("bert");
    let bytes = files.0.remove("model.safetensors").unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut map = serde_json::Map::new();
    let mut shards = [vec![], vec![]];
    for (index, name) in tensors.names().into_iter().enumerate() {
        map.insert(name.to_owned(), json!(format!("model-0000{}-of-00002.safetensors", index % 2 + 1)));
        shards[index % 2].push((name.to_owned(), tensors.tensor(name).unwrap()));
    }
    for (index, shard) in shards.into_iter().enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", index + 1);
        files.0.insert(name, safetensors::serialize(shard, None).unwrap());
    }
    let index = |map: &serde_json::Map<String, Value>| json!({ "weight_map": map }).to_string().into_bytes();
    files.0.insert("model.safetensors.index.json".to_owned(), index(&map));
    let built = build(&files, &BuildOptions::default()).unwrap();
    assert_eq!(built.external, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);

    map.insert("embeddings.LayerNorm.bias".to_owned(), json!("../../etc/passwd"));
    files.0.insert("model.safetensors.index.json".to_owned(), index(&map));
    check_error(
        &files,
        expect![[
            r#"model.safetensors.index.json: embeddings.LayerNorm.bias is in "../../etc/passwd", which is not a plain file name: do not trust it"#
        ]],
    );
}
