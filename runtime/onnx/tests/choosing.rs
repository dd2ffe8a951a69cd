//! The search for a mix of precisions, what layers are, and what fits a memory.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::path::{Path, PathBuf};

use expect_test::expect;
use pelago_onnx::{
    Error,
    files::Folder,
    precision::{
        Destination, Layer, Limits, Memory, Recipe, Search, Shapes, auto, convert, kv_cache, largest_that_fits, layers,
        predict, predict_precisions,
    },
};
use proptest::prelude::*;
use serde_json::json;

fn fixture(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models").join(family)
}

fn layers_of(family: &str) -> Vec<Layer> {
    layers(&Folder(fixture(family)), "onnx/model.onnx").unwrap()
}

#[test]
fn roles_are_told_by_names_and_order() {
    let lines =
        layers_of("gpt2").into_iter().map(|layer| format!("{:?} {:?} {}\n", layer.role, layer.kind, layer.node));
    expect![[r#"
        Embedding Gather /transformer/wte/Gather
        Embedding Gather /transformer/wpe/Gather
        First Gemm /transformer/h.0/attn/c_attn/Gemm
        First Gemm /transformer/h.0/attn/c_proj/Gemm
        First Gemm /transformer/h.0/mlp/c_fc/Gemm
        First Gemm /transformer/h.0/mlp/c_proj/Gemm
        Last Gemm /transformer/h.1/attn/c_attn/Gemm
        Last Gemm /transformer/h.1/attn/c_proj/Gemm
        Last Gemm /transformer/h.1/mlp/c_fc/Gemm
        Last Gemm /transformer/h.1/mlp/c_proj/Gemm
        Head MatMul /lm_head/MatMul
    "#]]
    .assert_eq(&lines.collect::<String>());
}

/// A model in which each layer of few bits adds an error of its own.
fn measure(errors: &[f64], layers: &[Layer], recipe: &Recipe) -> f64 {
    let named = |layer: &Layer| {
        let fits = |pattern: &str| globset::Glob::new(pattern).unwrap().compile_matcher().is_match(&layer.node);
        recipe.overrides.iter().rev().find(|it| fits(&it.nodes)).map_or(recipe.bits, |it| it.bits)
    };
    let error = |bits: u8| [0.0, 1.0, 1.0, 0.05, 0.001][usize::from(bits.ilog2() as u8).min(4)];
    layers.iter().zip(errors).map(|(layer, own)| own * error(named(layer))).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_budget_is_met_and_runs_are_bounded(
        errors in prop::collection::vec(0.0f64..1.0, 20),
        budget in 0.0f64..3.0,
        groups in 1usize..12,
    ) {
        let layers = layers_of("llama");
        let search = Search { base: Recipe::new(4), choices: vec![16, 4, 8], budget, groups };
        let mut runs = 0;
        let found = auto(&layers, &search, |recipe| {
            runs += 1;
            recipe.check()?;
            Ok(measure(&errors, &layers, recipe))
        });
        match found {
            Ok(found) => {
                prop_assert!(found.error <= budget);
                prop_assert_eq!(measure(&errors, &layers, &found.recipe), found.error);
                prop_assert_eq!(found.runs, runs);
                prop_assert!(runs <= 3 + groups + (groups as f64).log2().ceil() as usize + 1, "{} runs", runs);
            }
            Err(Error::Budget { least, .. }) => prop_assert!(least > budget),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

#[test]
fn the_most_sensitive_layers_keep_their_bits() {
    let layers = layers_of("llama");
    let errors = layers.iter().map(|layer| if layer.node.contains("down_proj") { 1.0 } else { 0.001 });
    let errors = errors.collect::<Vec<_>>();
    let search = Search { base: Recipe::new(4), choices: vec![4, 8], budget: 0.2, groups: 64 };
    let found = auto(&layers, &search, |recipe| Ok(measure(&errors, &layers, recipe))).unwrap();
    let raised = found.recipe.overrides.iter().map(|it| it.nodes.as_str()).collect::<Vec<_>>().join("\n");
    expect![[r#"
        /model/layers.0/mlp/down_proj/MatMul
        /model/layers.1/mlp/down_proj/MatMul"#]]
    .assert_eq(&raised);
}

#[test]
fn a_measure_that_fails_says_of_what() {
    let search = Search { base: Recipe::new(4), choices: vec![4, 8], budget: 0.1, groups: 8 };
    let error = auto(&layers_of("llama"), &search, |_| Err("the page is gone".into())).unwrap_err();
    expect!["the model with all layers of 4 bits could not be run: the page is gone"].assert_eq(&error.to_string());
}

#[test]
fn memory_of_a_decoder() {
    let config = serde_json::from_slice(&std::fs::read(fixture("llama").join("config.json")).unwrap()).unwrap();
    let dimensions = [("batch_size", 2), ("sequence_length", 7), ("past_sequence_length", 0)];
    let shapes = Shapes {
        dimensions: dimensions.map(|(name, length)| (name.to_owned(), length)).into(),
        context: 100,
        batch: 2,
    };
    let files = Folder(fixture("llama"));
    let fp32 = predict(&files, "onnx/model.onnx", &config, &shapes).unwrap();
    expect![[r#"
        Memory {
            weights: 155776,
            largest_weight: 40960,
            activations: 23536,
            kv_cache: 51200,
            unknown: [],
        }
    "#]]
    .assert_debug_eq(&fp32);
    let folder = tempfile::tempdir().unwrap();
    convert(&files, "onnx/model.onnx", &Recipe::new(16), Destination::new(folder.path(), "m.onnx")).unwrap();
    let half = predict(&Folder(folder.path().to_owned()), "m.onnx", &config, &shapes).unwrap();
    assert!(half.weights < fp32.weights * 6 / 10, "{half:?}");
    assert_eq!(half.unknown, Vec::<String>::new());
}

#[test]
fn a_precision_is_predicted_before_it_is_made() {
    let recipes = [Recipe::new(16), Recipe::new(8), Recipe::standard(4), Recipe::standard(4).mixed(), Recipe::new(2)];
    for family in ["llama", "gpt2", "bert", "vit", "wav2vec2"] {
        let files = Folder(fixture(family));
        let (config, shapes) = (json!({}), Shapes::default());
        let model = "onnx/model.onnx";
        let predicted = predict_precisions(&files, model, &config, &shapes, &recipes, false).unwrap();
        for (recipe, predicted) in recipes.iter().zip(predicted) {
            let folder = tempfile::tempdir().unwrap();
            convert(&files, model, recipe, Destination::new(folder.path(), "m.onnx")).unwrap();
            let made = predict(&Folder(folder.path().to_owned()), "m.onnx", &config, &shapes).unwrap();
            // Of half precision, biases are halved too, and a weight that would not shrink is kept as it is.
            let ratio = made.weights as f64 / predicted.weights as f64;
            assert!((0.85..=1.02).contains(&ratio), "{family} {}: {predicted:?} {made:?}", recipe.to_json());
        }
    }
}

#[test]
fn every_family_has_shapes() {
    for family in ["bert", "vit", "gpt2", "llama", "clip"] {
        let image = [("height", 30), ("width", 30), ("num_channels", 3)];
        let dimensions = image.map(|(name, length)| (name.to_owned(), length)).into();
        let shapes = Shapes { dimensions, ..Shapes::default() };
        let memory = predict(&Folder(fixture(family)), "onnx/model.onnx", &json!({}), &shapes).unwrap();
        assert_eq!(memory.unknown, Vec::<String>::new(), "{family}");
        assert!(memory.activations > 0 && memory.weights > memory.largest_weight, "{family}: {memory:?}");
    }
}

#[test]
fn caches_by_config() {
    let llama =
        json!({"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096});
    assert_eq!(kv_cache(&llama, 8192, 1), 32 * 2 * 8 * 128 * 8192 * 4);
    let gpt2 = json!({"n_layer": 12, "n_head": 12, "n_embd": 768});
    assert_eq!(kv_cache(&gpt2, 1024, 2), 12 * 2 * 12 * 64 * 1024 * 4 * 2);
    assert_eq!(kv_cache(&json!({}), 1024, 1), 0);
    assert_eq!(kv_cache(&json!({"n_layer": u64::MAX, "n_head": 2, "n_embd": 4}), u64::MAX, 1), u64::MAX);
}

#[test]
fn the_highest_precision_that_fits() {
    let of = |bits, weights| {
        (Recipe::new(bits), Memory { weights, largest_weight: weights / 2, activations: 10, ..Memory::default() })
    };
    let candidates = [of(4, 160), of(32, 1000), of(16, 500), of(8, 280)];
    let pick = |memory, buffer, half| largest_that_fits(&candidates, Limits { memory, buffer, half });
    assert_eq!(pick(2000, 2000, true), Some(1));
    assert_eq!(pick(1009, 2000, true), Some(2));
    assert_eq!(pick(1009, 2000, false), Some(3));
    assert_eq!(pick(2000, 200, true), Some(3));
    assert_eq!(pick(200, 2000, true), Some(0));
    assert_eq!(pick(100, 2000, true), None);
}
