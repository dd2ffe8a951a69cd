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
        "Clip",
        "Conv",
        "CumSum",
        "Div",
        "Floor",
        "Gather",
        "GatherElements",
        "Gelu",
        "Identity",
        "LayerNormalization",
        "MatMul",
        "Min",
        "Mul",
        "Neg",
        "Pow",
        "ReduceMean",
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
        json!("mamba"),
        expect![[r#"no graph builder for model_type "mamba": use one of bert, roberta, xlm-roberta, camembert, distilbert, mpnet, albert, electra, deberta-v2, modernbert, nomic_bert, new, gte, t5, mt5, llama, mistral, qwen2, qwen3, gemma3_text, or a model that comes with an ONNX file"#]],
    );
    refused(
        "bert",
        "model_type",
        Value::Null,
        expect![[r#"no graph builder for model_type "": use one of bert, roberta, xlm-roberta, camembert, distilbert, mpnet, albert, electra, deberta-v2, modernbert, nomic_bert, new, gte, t5, mt5, llama, mistral, qwen2, qwen3, gemma3_text, or a model that comes with an ONNX file"#]],
    );
    refused(
        "bert",
        "hidden_act",
        json!("prelu"),
        expect![[r#"config.json: hidden_act is "prelu" where gelu or gelu_10 or gelu_accurate or gelu_fast or gelu_new or gelu_python or gelu_python_tanh or gelu_pytorch_tanh or hardswish or laplace or leaky_relu or linear or mish or quick_gelu or relu or relu2 or relu6 or sigmoid or silu or swish or tanh was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#]],
    );
    refused(
        "bert",
        "position_embedding_type",
        json!("rotary"),
        expect![[r#"config.json: position_embedding_type is "rotary" where absolute or relative_key or relative_key_query was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#]],
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
            "encoder.layer.1.attention.self.key.weight is I32; weights must be F32, F16, BF16 or F64: use an unquantised checkpoint"
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
            "there is no model.safetensors: a graph is built of config.json and safetensors files, which must be in one folder"
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

#[test]
fn a_tensor_is_taken_from_the_file_that_the_index_assigns_it_to() {
    let mut files = Memory::load("bert");
    let bytes = files.0.remove("model.safetensors").unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (bias, table) = ("embeddings.LayerNorm.bias", "embeddings.word_embeddings.weight");
    let of = |name: &str| if name == bias { "one.safetensors" } else { "two.safetensors" };
    let map = tensors.names().into_iter().map(|name| (name.to_owned(), json!(of(name))));
    let map = map.collect::<serde_json::Map<_, _>>();
    // Either file has tensors that are the other's.
    let one = tensors.iter().filter(|(name, _)| [bias, table].contains(name));
    files.0.insert("one.safetensors".to_owned(), safetensors::serialize(one, None).unwrap());
    files.0.insert("two.safetensors".to_owned(), bytes.clone());
    let index = json!({ "metadata": {}, "weight_map": map });
    files.0.insert("model.safetensors.index.json".to_owned(), index.to_string().into_bytes());
    for initializer in model(&files).graph.unwrap().initializer {
        let location = initializer.external_data.iter().find(|entry| entry.key() == "location");
        if let Some(location) = location {
            assert_eq!(location.value(), of(initializer.name()), "{}", initializer.name());
        }
    }

    // An index of files that are gone does not count beside a whole checkpoint, but does alone.
    files.0.remove("two.safetensors");
    let error = build(&files, &BuildOptions::default()).unwrap_err();
    assert!(matches!(&error, Error::Read { file, .. } if file == "two.safetensors"), "{error}");
    assert!(!error.is_unsupported());
    files.0.insert("model.safetensors".to_owned(), bytes);
    assert_eq!(build(&files, &BuildOptions::default()).unwrap().external, ["model.safetensors"]);
    // Nor does it help where that checkpoint is cut.
    files.0.get_mut("model.safetensors").unwrap().truncate(5000);
    assert!(!build(&files, &BuildOptions::default()).unwrap_err().is_unsupported());
}

#[test]
fn numbers_that_only_python_has_are_read() {
    let with = |text: &str| {
        let mut files = Memory::load("bert");
        let config = String::from_utf8(files.0.remove("config.json").unwrap()).unwrap();
        let config = config.trim_end().strip_suffix('}').unwrap().to_owned();
        files.0.insert("config.json".to_owned(), format!("{config}, {text}}}").into_bytes());
        files
    };
    model(&with(r#""time_step_limit": [0.0, Infinity, -Infinity, NaN], "a\\\"NaN": "Infinity""#));
    check_error(
        &with(r#""layer_norm_eps": NaN"#),
        expect![[
            r#"config.json: layer_norm_eps is "NaN" where a number above 0 was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#
        ]],
    );
    check_error(
        &with(r#""a": Nan"#),
        expect![
            "config.json is not the JSON it should be (expected value at line 24 column 8): add the model again from an undamaged copy"
        ],
    );
}

#[test]
fn what_has_no_builder_is_told_from_what_is_damaged() {
    let error = |files: &Memory| build(files, &BuildOptions::default()).unwrap_err();
    let bert = || Memory::load("bert");
    let without = |file: &str| {
        let mut files = bert();
        files.0.remove(file);
        files
    };
    let tensor = "encoder.layer.1.attention.self.key.weight";
    let quarter = |header: &mut Value| {
        let begin = header[tensor]["data_offsets"][0].as_u64().unwrap();
        header[tensor]["data_offsets"][1] = json!(begin + 1024);
        header[tensor]["dtype"] = json!("F8_E4M3");
    };
    for files in [
        without("config.json"),
        without("model.safetensors"),
        bert().with_setting("model_type", json!("mamba")),
        bert().with_setting("hidden_act", json!("maxout")),
        bert().with_setting("quantization_config", json!({ "quant_method": "gptq" })),
        bert().with_header(quarter),
    ] {
        let error = error(&files);
        assert!(error.is_unsupported(), "{error}");
    }
    check_error(
        &bert().with_header(quarter),
        expect![
            "encoder.layer.1.attention.self.key.weight is F8_E4M3; weights must be F32, F16, BF16 or F64: use an unquantised checkpoint"
        ],
    );
    check_error(
        &without("config.json"),
        expect![
            "there is no config.json: a graph is built of config.json and safetensors files, which must be in one folder"
        ],
    );
    let mut cut = bert();
    cut.0.get_mut("model.safetensors").unwrap().truncate(90_000);
    let mut garbled = bert();
    garbled.0.insert("config.json".to_owned(), b"[1".to_vec());
    for files in [
        cut,
        garbled,
        bert().without_tensor(tensor),
        bert().with_setting("vocab_size", json!(161)),
        bert().with_setting("num_hidden_layers", json!(3)),
    ] {
        let error = error(&files);
        assert!(!error.is_unsupported(), "{error}");
    }
}

#[test]
fn a_checkpoint_may_be_in_a_folder_of_the_model() {
    let files = Memory::load("bert");
    let moved = files.0.iter().map(|(file, bytes)| (format!("0_Transformer/{file}"), bytes.clone()));
    let moved = Memory(moved.collect());
    let built = build_in(&moved, "0_Transformer", &BuildOptions::default()).unwrap();
    assert_eq!(built.external, ["0_Transformer/model.safetensors"]);
    assert_eq!(built, build_in(&moved, "0_Transformer/", &BuildOptions::default()).unwrap());
    let graph = ModelProto::decode(&*built.onnx).unwrap().graph.unwrap();
    let table = graph.initializer.iter().find(|tensor| tensor.name() == "embeddings.word_embeddings.weight").unwrap();
    assert_eq!(table.external_data[0].value(), "0_Transformer/model.safetensors");
    let error = |folder: &str| build_in(&moved, folder, &BuildOptions::default()).unwrap_err();
    assert!(error("").is_unsupported());
    assert_eq!(
        error("1_Transformer").to_string(),
        "there is no 1_Transformer/config.json: a graph is built of config.json and safetensors files, which must be \
         in one folder"
    );
    for folder in ["../0_Transformer", "/0_Transformer", "0_Transformer/..", "a//b", "."] {
        assert!(matches!(error(folder), Error::FolderName { .. }), "{folder}");
        assert!(!error(folder).is_unsupported());
    }
}

/// Every model that has a builder.
const MODELS: [&str; 24] = [
    "bert",
    "bert_relative_key",
    "bert_relative_key_query",
    "roberta",
    "distilbert",
    "mpnet",
    "albert",
    "electra",
    "deberta_v2",
    "deberta_v3",
    "modernbert",
    "nomic_bert",
    "gte",
    "jina_bert",
    "jina_bert_slopes",
    "jina_code",
    "t5_relu",
    "t5_gated",
    "llama_encoder",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma3",
    "gemma3_bidirectional",
];

/// Whatever a setting is, it is taken or refused: nothing overflows, and nothing is made of a size that no
/// tensor confirms.
#[test]
fn no_setting_is_trusted() {
    for name in MODELS {
        let files = Memory::load(name);
        let config: Value = serde_json::from_slice(&files.0["config.json"]).unwrap();
        for field in config.as_object().unwrap().keys() {
            for value in [
                json!(null),
                json!(0),
                json!(1),
                json!(-1),
                json!(3),
                json!(7),
                json!(64),
                json!(100_000),
                json!(i32::MAX),
                json!(i64::MAX),
                json!(1e-300),
                json!(1e300),
                json!(true),
                json!(""),
                json!("x"),
                json!([]),
                json!({ "rope_type": "linear", "factor": 1e-300 }),
            ] {
                let files = files.clone().with_setting(field, value.clone());
                if let Ok(built) = build(&files, &BuildOptions::default()) {
                    assert!(built.onnx.len() < 9 << 20, "{name}: {field} {value}: {} bytes", built.onnx.len());
                }
            }
        }
    }
}

/// What newer versions of transformers write, or other libraries, for the same model.
#[test]
fn settings_may_be_written_in_several_ways() {
    let same = |name: &str, settings: &[(&str, Value)]| {
        let files = Memory::load(name);
        let changed =
            settings.iter().fold(files.clone(), |files, (field, value)| files.with_setting(field, value.clone()));
        assert!(changed.0 != files.0, "{name}");
        assert!(model(&changed) == model(&files), "{name}: {settings:?}");
    };
    let default = json!({ "rope_type": "default", "rope_theta": 10_000.0 });
    same("qwen3", &[("rope_theta", json!(null)), ("rope_parameters", default.clone())]);
    same("qwen3", &[("rope_scaling", json!({ "type": "dynamic", "factor": 4.0 }))]);
    let llama3 = json!({
        "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64
    });
    same("llama_encoder", &[("rope_scaling", json!(null)), ("rope_parameters", llama3)]);
    same("qwen2", &[("layer_types", json!(null))]);
    let kinds = json!({
        "full_attention": { "rope_type": "default", "rope_theta": 1e6 }, "sliding_attention": default
    });
    same("gemma3", &[("rope_theta", json!(null)), ("rope_local_base_freq", json!(null)), ("rope_parameters", kinds)]);
    same("gemma3", &[("layer_types", json!(null)), ("sliding_window_pattern", json!(2))]);
    let kinds = json!({
        "full_attention": { "rope_type": "default", "rope_theta": 160_000.0 },
        "sliding_attention": { "rope_type": "default", "rope_theta": 10_000.0 }
    });
    same(
        "modernbert",
        &[("global_rope_theta", json!(null)), ("local_rope_theta", json!(null)), ("rope_parameters", kinds)],
    );
    same("modernbert", &[("layer_types", json!(["full_attention", "sliding_attention"]))]);
    same("deberta_v3", &[("pos_att_type", json!("c2p|p2c")), ("max_relative_positions", json!(256))]);
    let own = Memory::load("nomic_bert");
    let mut transformers = own.clone();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/nomic_bert");
    let config = std::fs::read(folder.join("config.transformers.json")).unwrap();
    transformers.0.insert("config.json".to_owned(), config);
    assert!(model(&transformers) == model(&own));
}

/// Transformers 5 can also write those checkpoints under its own names.
#[test]
fn tensors_that_transformers_has_renamed_are_found() {
    let apart = |name: &str, rows: u64, width: u64, packed: &[(&str, &[&str])], names: &[(&str, &str)]| {
        let files = Memory::load(name).with_header(|header| {
            let tensors = std::mem::take(header.as_object_mut().unwrap());
            let mut renamed = serde_json::Map::new();
            for (tensor, info) in tensors {
                let plain = names.iter().fold(tensor.clone(), |tensor, (old, new)| tensor.replace(old, new));
                let Some((old, parts)) = packed.iter().find(|(old, _)| plain.contains(old)) else {
                    renamed.insert(plain, info);
                    continue;
                };
                let rows = info["shape"][0].as_u64().unwrap() / parts.len() as u64;
                let begin = info["data_offsets"][0].as_u64().unwrap();
                let bytes = (info["data_offsets"][1].as_u64().unwrap() - begin) / parts.len() as u64;
                for (number, part) in (0..).zip(*parts) {
                    let mut info = info.clone();
                    info["shape"][0] = json!(rows);
                    info["data_offsets"] = json!([begin + number * bytes, begin + (number + 1) * bytes]);
                    renamed.insert(plain.replace(old, part), info);
                }
            }
            *header = renamed.into();
        });
        let graph = model(&files).graph.unwrap();
        let shape = |name: &str| graph.initializer.iter().find(|it| it.name() == name).unwrap().dims.clone();
        assert_eq!(shape("layers.1.self_attn.v_proj.weight"), [rows as i64, width as i64]);
        assert_eq!(graph.node.len(), model(&Memory::load(name)).graph.unwrap().node.len());
    };
    let projections: &[&str] = &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
    let norms = [("norm1", "post_attention_layernorm"), ("norm2", "post_mlp_layernorm")];
    let linear =
        [("fc11", "up_proj"), ("fc12", "gate_proj"), ("fc2", "down_proj"), ("attn.out_proj", "self_attn.o_proj")];
    let names = [&norms[..], &linear, &[("encoder.layers", "layers"), ("emb_ln", "embeddings.LayerNorm")]].concat();
    apart("nomic_bert", 32, 32, &[("attn.Wqkv", projections)], &names);
    let names = [
        ("encoder.layer", "layers"),
        ("attention.o_proj", "self_attn.o_proj"),
        ("attn_ln", "post_attention_layernorm"),
        ("mlp_ln", "post_mlp_layernorm"),
    ];
    let packed: [(&str, &[&str]); 2] =
        [("attention.qkv_proj", projections), ("mlp.up_gate_proj", &["mlp.up_proj", "mlp.gate_proj"])];
    apart("gte", 32, 32, &packed, &names);
}

#[test]
fn checkpoints_of_every_architecture_are_compared_with_their_config() {
    let shape = |name: &str, field: &str, value: usize, expected: &str| {
        let error = build(&Memory::load(name).with_setting(field, json!(value)), &BuildOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }) && !error.is_unsupported(), "{name}: {error}");
        assert_eq!(error.to_string(), format!("{expected}: config.json belongs to another checkpoint"), "{name}");
    };
    let words = |name: &str, tensor: &str, width: usize| {
        shape(name, "vocab_size", 121, &format!("{tensor} should be [121, {width}] but is [120, {width}]"));
    };
    words("albert", "albert.embeddings.word_embeddings.weight", 16);
    words("electra", "embeddings.word_embeddings.weight", 16);
    words("deberta_v2", "embeddings.word_embeddings.weight", 16);
    words("modernbert", "model.embeddings.tok_embeddings.weight", 32);
    words("nomic_bert", "embeddings.word_embeddings.weight", 32);
    words("gte", "embeddings.word_embeddings.weight", 32);
    words("jina_bert", "embeddings.word_embeddings.weight", 32);
    words("t5_gated", "shared.weight", 32);
    for name in ["llama_encoder", "mistral", "qwen2", "qwen3", "gemma3"] {
        words(name, "embed_tokens.weight", 32);
    }
    shape(
        "albert",
        "intermediate_size",
        25,
        "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight should be [25, 24] but is [24, 24]",
    );
    shape(
        "bert_relative_key",
        "max_position_embeddings",
        47,
        "encoder.layer.0.attention.self.distance_embedding.weight should be [93, 8] but is [95, 8]",
    );
    shape("deberta_v3", "position_buckets", 30, "encoder.rel_embeddings.weight should be [60, 32] but is [64, 32]");
    shape("deberta_v2", "conv_kernel_size", 5, "encoder.conv.conv.weight should be [32, 32, 5] but is [32, 32, 3]");
    shape("modernbert", "intermediate_size", 47, "model.layers.0.mlp.Wi.weight should be [94, 32] but is [96, 32]");
    shape("nomic_bert", "n_inner", 47, "encoder.layers.0.mlp.fc11.weight should be [47, 32] but is [48, 32]");
    shape("gte", "intermediate_size", 47, "encoder.layer.0.mlp.up_gate_proj.weight should be [94, 32] but is [96, 32]");
    shape(
        "jina_bert",
        "intermediate_size",
        47,
        "encoder.layer.0.mlp.gated_layers.weight should be [94, 32] but is [96, 32]",
    );
    shape(
        "jina_code",
        "intermediate_size",
        47,
        "encoder.layer.0.mlp.up_gated_layer.weight should be [94, 32] but is [96, 32]",
    );
    shape("t5_gated", "d_kv", 7, "encoder.block.0.layer.0.SelfAttention.q.weight should be [28, 32] but is [24, 32]");
    shape(
        "t5_relu",
        "relative_attention_num_buckets",
        30,
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight should be [30, 4] but is [32, 4]",
    );
    shape("qwen3", "head_dim", 8, "layers.0.self_attn.q_proj.weight should be [32, 32] but is [40, 32]");
    shape("qwen2", "num_key_value_heads", 4, "layers.0.self_attn.k_proj.weight should be [32, 32] but is [16, 32]");
    shape("gemma3", "intermediate_size", 47, "layers.0.mlp.gate_proj.weight should be [47, 32] but is [48, 32]");

    let missing = |name: &str, tensor: &str| {
        let error = build(&Memory::load(name).without_tensor(tensor), &BuildOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::MissingTensor { tensor: found, .. } if found == tensor), "{name}: {error}");
        assert!(!error.is_unsupported());
    };
    missing("albert", "albert.encoder.albert_layer_groups.1.albert_layers.1.ffn.bias");
    missing("electra", "embeddings_project.bias");
    missing("bert_relative_key", "encoder.layer.1.attention.self.distance_embedding.weight");
    missing("deberta_v3", "encoder.LayerNorm.weight");
    missing("deberta_v2", "encoder.layer.1.attention.self.pos_query_proj.bias");
    missing("modernbert", "model.layers.1.attn_norm.weight");
    missing("nomic_bert", "encoder.layers.1.mlp.fc12.weight");
    missing("gte", "encoder.layer.1.attn_ln.bias");
    missing("jina_bert", "encoder.layer.1.mlp.layernorm.weight");
    missing("jina_code", "encoder.layer.1.attention.self.layer_norm_k.weight");
    missing("t5_gated", "encoder.block.1.layer.1.DenseReluDense.wi_1.weight");
    missing("llama_encoder", "layers.1.self_attn.o_proj.bias");
    missing("qwen2", "layers.0.self_attn.k_proj.bias");
    missing("qwen3", "layers.1.self_attn.k_norm.weight");
    missing("gemma3", "layers.1.pre_feedforward_layernorm.weight");
}

#[test]
fn settings_without_a_builder_are_refused_by_name() {
    let refused = |name: &str, field: &'static str, value: Value| {
        let error = build(&Memory::load(name).with_setting(field, value), &BuildOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::Setting { field: found, .. } if *found == field), "{name} {field}: {error}");
    };
    refused("albert", "position_embedding_type", json!("relative_key"));
    refused("jina_bert", "feed_forward_type", json!("moe"));
    refused("deberta_v3", "pos_att_type", json!("p2p"));
    refused("modernbert", "layer_types", json!(["full_attention", "linear_attention"]));
    for (field, value) in [
        ("prenorm", json!(true)),
        ("causal", json!(true)),
        ("use_rms_norm", json!(true)),
        ("rotary_emb_interleaved", json!(true)),
        ("rotary_emb_fraction", json!(0.5)),
        ("num_experts", json!(8)),
        ("moe_every_n_layers", json!(2)),
    ] {
        refused("nomic_bert", field, value);
    }
    refused("gte", "position_embedding_type", json!("absolute"));
    refused("gte", "layer_norm_type", json!("rms_norm"));
    refused("gte", "logn_attention_scale", json!(true));
    refused("gte", "rope_scaling", json!({ "type": "ntk", "factor": 8.0, "mixed_b": 0.5 }));
    refused("t5_gated", "feed_forward_proj", json!("gated-prelu"));
    refused("qwen3", "rope_scaling", json!({ "rope_type": "yarn", "factor": 4.0 }));
    refused("llama_encoder", "rope_scaling", json!({ "rope_type": "longrope" }));
    refused("mistral", "is_causal", json!("no"));
    refused("gemma3", "attn_logit_softcapping", json!(50.0));
}
