//! Where tensors are found: under which names, in which files.

use expect_test::expect;
use prost::Message;
use serde_json::{Value, json};

use super::*;

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
