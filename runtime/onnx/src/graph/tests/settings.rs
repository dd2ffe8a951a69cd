//! Settings: which are taken, in which ways they may be written, which are refused.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

#[test]
fn unknown_settings_are_refused() {
    let refused = |model: &str, field: &str, value: Value, expected: Expect| {
        check_error(&Memory::load(model).with_setting(field, value), expected);
    };
    refused(
        "bert",
        "model_type",
        json!("mamba"),
        expect![[
            r#"no graph builder for model_type "mamba": use one of bert, roberta, xlm-roberta, camembert, distilbert, mpnet, albert, electra, ernie, deberta-v2, modernbert, nomic_bert, new, gte, t5, mt5, llama, mistral, qwen2, qwen3, gemma3_text, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "bert",
        "model_type",
        Value::Null,
        expect![[
            r#"no graph builder for model_type "": use one of bert, roberta, xlm-roberta, camembert, distilbert, mpnet, albert, electra, ernie, deberta-v2, modernbert, nomic_bert, new, gte, t5, mt5, llama, mistral, qwen2, qwen3, gemma3_text, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "bert",
        "hidden_act",
        json!("prelu"),
        expect![[
            r#"config.json: hidden_act is "prelu" where gelu or gelu_10 or gelu_accurate or gelu_fast or gelu_new or gelu_python or gelu_python_tanh or gelu_pytorch_tanh or hardswish or laplace or leaky_relu or linear or mish or quick_gelu or relu or relu2 or relu6 or sigmoid or silu or swish or tanh was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "bert",
        "position_embedding_type",
        json!("rotary"),
        expect![[
            r#"config.json: position_embedding_type is "rotary" where absolute or relative_key or relative_key_query was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#
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
    same("t5_relu", &[("feed_forward_proj", json!(null))]);
    same("modernbert", &[("layer_types", json!(["full_attention", "sliding_attention"]))]);
    same("deberta_v3", &[("pos_att_type", json!("c2p|p2c")), ("max_relative_positions", json!(256))]);
    let own = Memory::load("nomic_bert");
    let mut transformers = own.clone();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/nomic_bert");
    let config = std::fs::read(folder.join("config.transformers.json")).unwrap();
    transformers.0.insert("config.json".to_owned(), config);
    assert!(model(&transformers) == model(&own));
}

#[test]
fn settings_without_a_builder_are_refused_by_name() {
    let refused = |name: &str, field: &'static str, value: Value| {
        let error = build(&Memory::load(name).with_setting(field, value), &BuildOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::Setting { field: found, .. } if *found == field), "{name} {field}: {error}");
    };
    refused("albert", "position_embedding_type", json!("relative_key"));
    // Whose code may compute anything; heads of their own do not matter.
    let own = json!({ "AutoConfig": "configuration.Config", "AutoModel": "modeling.Model" });
    for name in ["bert", "roberta", "qwen2", "gemma3"] {
        refused(name, "auto_map", own.clone());
        let head = json!({ "AutoModelForSequenceClassification": "modeling.Model" });
        model(&Memory::load(name).with_setting("auto_map", head));
    }
    for name in ["jina_bert", "jina_code", "nomic_bert", "gte"] {
        model(&Memory::load(name).with_setting("auto_map", own.clone()));
    }
    model(&Memory::load("qwen3").with_setting("auto_map", own).with_setting("is_causal", json!(false)));
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
