//! What can be checked of decoders without running them.

use expect_test::{Expect, expect};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    fuzzing::Memory,
    graph::{
        BuildOptions, Config, DecoderGraph, Error, GenerationOptions, Head, Kind, build_decoder_in,
        build_encoder_decoder_in, build_head_in,
        onnx::{GraphProto, ModelProto},
    },
};

const DECODERS: [&str; 9] = [
    "text/llama",
    "text/gpt2",
    "text/mistral",
    "text/qwen3",
    "text/phi3",
    "text/gemma2",
    "text/gpt_neox",
    "generation/gemma3",
    "generation/llama_odd",
];

fn build(files: &Memory) -> Result<DecoderGraph, Error> {
    build_decoder_in(files, "", &GenerationOptions::default())
}

fn graph(onnx: &[u8]) -> GraphProto {
    ModelProto::decode(onnx).unwrap().graph.unwrap()
}

/// The operators that onnxruntime 1.30 places on WebGPU and WebNN with the element types that these graphs give them;
/// `ArgMax` gives an int64, which is cast at once.
#[test]
fn every_operator_has_a_kernel_on_webgpu_and_webnn() {
    let known = [
        "Add",
        "ArgMax",
        "Cast",
        "Clip",
        "CumSum",
        "Div",
        "Floor",
        "Gather",
        "Gelu",
        "Gemm",
        "GroupQueryAttention",
        "Identity",
        "LayerNormalization",
        "MatMul",
        "Min",
        "Mul",
        "Pad",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Sigmoid",
        "SimplifiedLayerNormalization",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
        "Slice",
        "Softmax",
        "Squeeze",
        "Sub",
        "Tanh",
        "Transpose",
        "Unsqueeze",
    ];
    let check = |name: &str, onnx: &[u8]| {
        for node in graph(onnx).node {
            assert!(known.contains(&node.op_type()), "{name}: {} is {}", node.name(), node.op_type());
        }
    };
    for name in DECODERS {
        check(name, &build(&Memory::load(name)).unwrap().model.onnx);
    }
    for name in ["text/bart", "text/marian"] {
        let built = build_encoder_decoder_in(&Memory::load(name), "", &GenerationOptions::default()).unwrap();
        [built.encoder, built.cross, built.decoder].iter().for_each(|built| check(name, &built.onnx));
    }
}

#[test]
fn weights_are_where_the_safetensors_file_has_them() {
    for name in DECODERS {
        let files = Memory::load(name);
        let built = build(&files).unwrap();
        assert_eq!(built.model.external, ["model.safetensors"], "{name}");
        assert!(built.model.onnx.len() < 128 * 1024, "{name}: {} bytes", built.model.onnx.len());
        assert_eq!(built, build(&files.clone()).unwrap());
    }
}

/// A static cache is one buffer for input and output, between which no node may stand.
#[test]
fn attention_gives_the_cache_itself() {
    for name in DECODERS {
        let graph = graph(&build(&Memory::load(name)).unwrap().model.onnx);
        let attention = graph.node.iter().filter(|node| node.op_type() == "GroupQueryAttention");
        let mut layers = 0;
        for (layer, node) in attention.enumerate() {
            let of = |part: &str| ["key", "value"].map(|name| format!("{part}.{layer}.{name}"));
            assert_eq!((&node.input[3..5], &node.output[1..]), (&of("past")[..], &of("present")[..]), "{name}");
            layers += 1;
        }
        assert_eq!(graph.input.len(), 3 + 2 * layers);
        assert_eq!(graph.output.len(), 4 + 2 * layers);
    }
}

#[test]
fn no_setting_is_trusted() {
    let values = [
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
        json!(false),
        json!(""),
        json!("x"),
        json!([]),
        json!({ "rope_type": "linear", "factor": 1e-300 }),
        json!({ "rope_type": "longrope" }),
    ];
    for name in
        [&DECODERS[..], &["text/marian", "text/bart", "text/t5", "text/bert_mlm", "text/deberta_v2_nli"]].concat()
    {
        let files = Memory::load(name);
        let config: Value = serde_json::from_slice(&files.0["config.json"]).unwrap();
        for field in config.as_object().unwrap().keys() {
            for value in &values {
                let files = files.clone().with_setting(field, value.clone());
                let options = GenerationOptions { context: 64, ..GenerationOptions::default() };
                let sizes = [
                    build_decoder_in(&files, "", &options).map(|built| built.model.onnx.len()),
                    build_encoder_decoder_in(&files, "", &options).map(|built| built.decoder.onnx.len()),
                    build_head_in(&files, "", &BuildOptions::default()).map(|built| built.model.onnx.len()),
                ];
                for size in sizes.into_iter().flatten() {
                    assert!(size < 9 << 20, "{name}: {field} {value}: {size} bytes");
                }
            }
        }
    }
}

#[test]
fn what_has_no_builder_is_refused_by_name() {
    let refused = |name: &str, field: &str, value: Value, expected: Expect| {
        let error = build(&Memory::load(name).with_setting(field, value)).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        expected.assert_eq(&error.to_string());
    };
    let longrope = json!({ "type": "longrope", "long_factor": [1.0], "short_factor": [1.0] });
    refused(
        "text/phi3",
        "rope_scaling",
        longrope,
        expect![[
            r#"config.json: rope_scaling is {"type":"longrope","long_factor":[1.0],"short_factor":[1.0]} where null (longrope has no builder) was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#
        ]],
    );
    refused(
        "text/llama",
        "is_causal",
        json!(false),
        expect![
            "config.json: is_causal is false where true, for a model that generates text was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"
        ],
    );
    refused(
        "text/llama",
        "model_type",
        json!("mamba"),
        expect![[
            r#"no graph builder for model_type "mamba": use one of llama, mistral, qwen2, qwen3, phi3, gemma2, gemma3_text, gpt2, gpt_neox, or a model that comes with an ONNX file"#
        ]],
    );
    let missing = build(&Memory::load("text/llama").without_tensor("lm_head.weight")).unwrap_err();
    expect![
        "the checkpoint has no lm_head.weight of shape [320, 32]: it does not fit its config.json, or is incomplete"
    ]
    .assert_eq(&missing.to_string());
    let files = Memory::load("text/bert_mlm").with_setting("architectures", json!(["BertForPreTraining"]));
    let head = build_head_in(&files, "", &BuildOptions::default()).unwrap_err();
    expect![[r#"config.json: architectures is ["BertForPreTraining"] where one of …ForSequenceClassification, ForTokenClassification, ForMaskedLM, ForQuestionAnswering was expected: use the config.json that the checkpoint came with, or a model that comes with an ONNX file"#]].assert_eq(&head.to_string());
}

#[test]
fn a_config_says_what_a_checkpoint_is_for() {
    let kind = |name: &str| Kind::of(&Config::read(&Memory::load(name)).unwrap());
    assert_eq!(kind("text/llama"), Some(Kind::Decoder));
    assert_eq!(kind("text/gpt2"), Some(Kind::Decoder));
    assert_eq!(kind("generation/gemma3"), Some(Kind::Decoder));
    assert_eq!(kind("text/t5"), Some(Kind::EncoderDecoder));
    assert_eq!(kind("text/marian"), Some(Kind::EncoderDecoder));
    assert_eq!(kind("text/bert_qa"), Some(Kind::Head(Head::QuestionAnswering)));
    // Without a head: for embeddings.
    assert_eq!(kind("mistral"), Some(Kind::States));
    assert_eq!(kind("bert"), Some(Kind::States));
    let whisper = Memory::load("bert").with_setting("architectures", json!(["WhisperForConditionalGeneration"]));
    assert_eq!(Kind::of(&Config::read(&whisper).unwrap()), None);
}
