//! What graphs declare, as a page is told it.

use std::path::Path;

use expect_test::expect_file;
use pelago_models::prepare::graph_facts;
use pelago_onnx::files::Folder;

/// The page's own tests run without a host: they are given what this test writes with `UPDATE_EXPECT=1`.
#[test]
fn the_facts_of_the_pages_tests_are_these_facts() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models");
    let facts = |graph: &str| {
        let facts = graph_facts(&Folder(models.clone()), graph).unwrap();
        serde_json::to_string_pretty(&facts).unwrap() + "\n"
    };
    expect_file!["../../../../browser/page/test/facts/bert.json"].assert_eq(&facts("bert/onnx/model.onnx"));
    expect_file!["../../../../browser/page/test/facts/llama.json"].assert_eq(&facts("llama/onnx/model.onnx"));
    expect_file!["../../../../browser/page/test/facts/t5-encoder.json"].assert_eq(&facts("t5/onnx/encoder_model.onnx"));
    let decoder = facts("t5/onnx/decoder_model_merged.onnx");
    expect_file!["../../../../browser/page/test/facts/t5-decoder.json"].assert_eq(&decoder);
}
