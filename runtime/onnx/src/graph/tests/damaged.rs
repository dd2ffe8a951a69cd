//! What is said of checkpoints that are damaged, or do not fit their config.

use expect_test::expect;
use serde_json::{Value, json};

use super::*;

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
