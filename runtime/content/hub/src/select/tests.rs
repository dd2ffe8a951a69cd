//! Which files are chosen, and which names are refused.

use expect_test::{Expect, expect};

use super::*;
use crate::digest::Digest;

const LIMITS: Limits = Limits { files: 20, bytes: 1000 };

fn check(paths: &[&str], sub: &str, include: &[&str], exclude: &[&str], expected: &Expect) {
    let listed = paths
        .iter()
        .map(|path| Listed { path: (*path).to_owned(), size: 10, digest: Digest::GitBlob([0; 20]) })
        .collect();
    let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
    let selection = Selection { include: owned(include), exclude: owned(exclude) };
    let said = match choose("hf://o/n", listed, sub, &selection, LIMITS) {
        Ok(chosen) => chosen.iter().map(|c| &c.name[..]).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&said);
}

const REPOSITORY: &[&str] = &[
    ".gitattributes",
    "1_Pooling/config.json",
    "0_Transformer/pytorch_model.bin",
    "0_Transformer/vocab.txt",
    "2_Dense/pytorch_model.bin",
    "README.md",
    "config.json",
    "model.safetensors",
    "modules.json",
    "onnx/model.onnx",
    "onnx/model_q4.onnx",
    "onnx/model.onnx_data",
    "model.onnx.data",
    "openvino/model.xml",
    "pytorch_model.bin",
    "tokenizer.json",
    "tf_model.h5",
    "train_script.py",
    "vocab.txt",
    "LICENSE.txt",
    "original/consolidated.00.pth",
    "chat_template.jinja",
    "sentencepiece.bpe.model",
];

#[test]
fn by_default_what_a_model_needs() {
    check(
        REPOSITORY,
        "",
        &[],
        &[],
        &expect![
            "0_Transformer/vocab.txt 1_Pooling/config.json 2_Dense/pytorch_model.bin LICENSE.txt README.md chat_template.jinja config.json model.onnx.data model.safetensors modules.json onnx/model.onnx onnx/model.onnx_data onnx/model_q4.onnx sentencepiece.bpe.model tokenizer.json vocab.txt"
        ],
    );
}

#[test]
fn patterns_choose() {
    check(
        REPOSITORY,
        "",
        &[],
        &["onnx/**", "*.{md,txt,jinja}"],
        &expect![
            "0_Transformer/vocab.txt 1_Pooling/config.json 2_Dense/pytorch_model.bin config.json model.onnx.data model.safetensors modules.json sentencepiece.bpe.model tokenizer.json"
        ],
    );
    check(
        REPOSITORY,
        "",
        &["**/*.bin"],
        &[],
        &expect!["0_Transformer/pytorch_model.bin 2_Dense/pytorch_model.bin pytorch_model.bin"],
    );
    check(
        REPOSITORY,
        "",
        &["*.xml"],
        &[],
        &expect![
            "no file of hf://o/n is wanted by the patterns; it has .gitattributes, 1_Pooling/config.json, 0_Transformer/pytorch_model.bin, 0_Transformer/vocab.txt, 2_Dense/pytorch_model.bin, README.md, config.json, model.safetensors and 15 more"
        ],
    );
    check(
        REPOSITORY,
        "",
        &["{a"],
        &[],
        &expect![[
            r#"the pattern "{a" cannot be read: error parsing glob '{a': unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)"#
        ]],
    );
    check(
        REPOSITORY,
        "",
        &["**"],
        &["**"],
        &expect![
            "no file of hf://o/n is wanted by the patterns; it has .gitattributes, 1_Pooling/config.json, 0_Transformer/pytorch_model.bin, 0_Transformer/vocab.txt, 2_Dense/pytorch_model.bin, README.md, config.json, model.safetensors and 15 more"
        ],
    );
}

#[test]
fn a_folder_or_file_of_it() {
    check(REPOSITORY, "onnx", &[], &["*q4*"], &expect!["model.onnx model.onnx_data"]);
    check(REPOSITORY, "original", &[], &[], &expect!["consolidated.00.pth"]);
    check(REPOSITORY, "onnx/model.onnx", &[], &[], &expect!["model.onnx"]);
    check(
        REPOSITORY,
        "onx",
        &[],
        &[],
        &expect![[r#"there is no file or folder "onx" in hf://o/n: the nearest is "onnx""#]],
    );
    check(
        REPOSITORY,
        "onnx/modle.onnx",
        &[],
        &[],
        &expect![[r#"there is no file or folder "onnx/modle.onnx" in hf://o/n: the nearest is "onnx/model.onnx""#]],
    );
}

#[test]
fn names_that_cannot_be() {
    check(
        &["a.json", "onnx/../../x"],
        "",
        &[],
        &[],
        &expect![[
            r#"the origin has a file named "onnx/../../x", which is refused (it would leave the folder): leave it out by a pattern, or tell its owner"#
        ]],
    );
    check(
        &["a.json", "../unwanted"],
        "",
        &[],
        &[],
        &expect![[
            r#"the origin has a file named "../unwanted", which is refused (it would leave the folder): leave it out by a pattern, or tell its owner"#
        ]],
    );
    check(
        &["/etc/passwd"],
        "",
        &["**"],
        &[],
        &expect![[
            r#"the origin has a file named "/etc/passwd", which is refused (it would leave the folder): leave it out by a pattern, or tell its owner"#
        ]],
    );
    check(
        &["a\0.json"],
        "",
        &[],
        &[],
        &expect![[
            r#"the origin has a file named "a\0.json", which is refused (it would leave the folder): leave it out by a pattern, or tell its owner"#
        ]],
    );
    check(
        &["a\\b.json"],
        "",
        &[],
        &[],
        &expect![[
            r#"the origin has a file named "a\\b.json", which is refused (it has a backslash): leave it out by a pattern, or tell its owner"#
        ]],
    );
    // One that is not wanted does no harm.
    check(&["a.json", "x\\b.bin"], "", &[], &[], &expect!["a.json"]);
    check(
        &["onnx//a"],
        "",
        &[],
        &[],
        &expect![[
            r#"the origin has a file named "onnx//a", which is refused (it has an empty part): leave it out by a pattern, or tell its owner"#
        ]],
    );
    check(
        &["a\n.json"],
        "",
        &[],
        &[],
        &expect![[
            r#"the origin has a file named "a\n.json", which is refused (it has a control character): leave it out by a pattern, or tell its owner"#
        ]],
    );
}

#[test]
fn names_that_collide() {
    check(
        &["Config.json", "config.json"],
        "",
        &[],
        &[],
        &expect![[
            r#""Config.json" and "config.json" cannot lie in one folder on every system: leave one out by a pattern"#
        ]],
    );
    check(
        &["onnx/a", "onnx/a/b"],
        "",
        &[],
        &[],
        &expect![[r#""onnx/a" and "onnx/a/b" cannot lie in one folder on every system: leave one out by a pattern"#]],
    );
    check(
        &["onnx/a/b", "onnx/a"],
        "",
        &[],
        &[],
        &expect![[r#""onnx/a" and "onnx/a" cannot lie in one folder on every system: leave one out by a pattern"#]],
    );
    check(
        &["onnx/a", "ONNX/b"],
        "",
        &["**"],
        &[],
        &expect![[r#""onnx" and "ONNX/b" cannot lie in one folder on every system: leave one out by a pattern"#]],
    );
    check(
        &["a.json", "a.json"],
        "",
        &[],
        &[],
        &expect![[r#""a.json" and "a.json" cannot lie in one folder on every system: leave one out by a pattern"#]],
    );
    check(&["onnx/a", "onnx/b"], "", &[], &[], &expect!["onnx/a onnx/b"]);
}

#[test]
fn limits_hold() {
    let many: Vec<String> = (0..21).map(|n| format!("{n}.json")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    check(
        &many,
        "",
        &[],
        &[],
        &expect!["hf://o/n has 21 files, more than the limit of 20: take less by patterns, or raise the limit"],
    );
}
