//! What a folder must hold to be added.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic and say why")]

mod facts;
mod names;

use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use pelago_models::library::check_folder;
use pelago_protocol::Family;
use serde_json::json;

fn on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/bert")
}

/// A copy of the tiny BERT that a test may damage.
fn copy(to: &Path) -> PathBuf {
    let model = to.join("tiny-bert");
    std::fs::create_dir_all(model.join("onnx")).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx"] {
        std::fs::copy(fixture().join(file), model.join(file)).unwrap();
    }
    model
}

/// The error of a copy that was changed, with the folder's own path left out.
#[track_caller]
fn check(change: impl FnOnce(&Path), expected: Expect) {
    let dir = tempfile::tempdir().unwrap();
    let model = copy(dir.path());
    change(&model);
    let found = match check_folder(&model, None) {
        Ok(checked) => format!("fine: {checked:?}"),
        Err(error) => error.to_string(),
    };
    let real = dir.path().canonicalize().unwrap();
    expected.assert_eq(&found.replace(real.to_str().unwrap(), "…").replace(dir.path().to_str().unwrap(), "…"));
}

/// A safetensors file with this header and so many bytes of data.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn a_whole_model_passes() {
    let dir = tempfile::tempdir().unwrap();
    let model = copy(dir.path());
    let checked = check_folder(&model, None).unwrap();
    assert_eq!(checked.name, "tiny-bert");
    assert_eq!(checked.family.unwrap().family, Family::TextEmbedding);
    assert_eq!(checked.safetensors, [PathBuf::from("model.safetensors")]);
    assert_eq!(checked.onnx, [PathBuf::from("onnx/model.onnx")]);
    // A Python package holds the model in a folder of its own.
    assert_eq!(check_folder(dir.path(), None).unwrap().folder, model.canonicalize().unwrap());
}

#[test]
fn missing_files_are_named() {
    let remove = |name: &'static str| move |m: &Path| std::fs::remove_file(m.join(name)).unwrap();
    check(
        remove("config.json"),
        expect![
            "…/tiny-bert is no model folder: expected a config.json in it, found none; name the folder that holds config.json"
        ],
    );
    check(
        remove("tokenizer.json"),
        expect![
            "…/tiny-bert is a text model, but has no tokenizer: expected one of tokenizer.json, vocab.txt, vocab.json with merges.txt, tokenizer.model, spiece.model, sentencepiece.bpe.model, source.spm with target.spm; copy it from the model's source"
        ],
    );
    check(
        |m| {
            std::fs::remove_file(m.join("model.safetensors")).unwrap();
            std::fs::remove_file(m.join("onnx/model.onnx")).unwrap();
        },
        expect![
            "…/tiny-bert holds no .safetensors, .onnx or .gguf files: convert the weights to safetensors, or export the model to ONNX"
        ],
    );
    let index = |map: serde_json::Value| {
        move |m: &Path| {
            // Beside a whole file the list would not count.
            std::fs::rename(m.join("model.safetensors"), m.join("model-00001-of-00002.safetensors")).unwrap();
            std::fs::write(m.join("model.safetensors.index.json"), json!({"weight_map": map}).to_string()).unwrap();
        }
    };
    check(
        index(json!({"a": "model-00002-of-00002.safetensors"})),
        expect![[
            r#"…/tiny-bert/model.safetensors.index.json names a file in "model-00002-of-00002.safetensors", which is not there: download all shards again"#
        ]],
    );
    check(
        index(json!({"absent": "model-00001-of-00002.safetensors"})),
        expect![[
            r#"…/tiny-bert/model.safetensors.index.json names tensor "absent" in "model-00001-of-00002.safetensors", which is not there: download all shards again"#
        ]],
    );
}

#[test]
fn bad_json_is_named() {
    let write = |name: &'static str, text: &'static str| move |m: &Path| std::fs::write(m.join(name), text).unwrap();
    check(
        write("config.json", "{\"model_type\":"),
        expect![
            "…/tiny-bert/config.json: expected a JSON object with model_type or architectures, found no JSON: EOF while parsing a value at line 1 column 14; download the file again"
        ],
    );
    check(
        write("config.json", "{}"),
        expect![
            "…/tiny-bert/config.json: expected a JSON object with model_type or architectures, found neither; download the file again"
        ],
    );
    check(
        write("tokenizer.json", "<html>"),
        expect![
            "…/tiny-bert/tokenizer.json: expected a JSON object, found no JSON: expected value at line 1 column 1; download the file again"
        ],
    );
}

#[test]
fn safetensors_that_lie_are_found_out() {
    let with = |bytes: Vec<u8>| move |m: &Path| std::fs::write(m.join("model.safetensors"), bytes).unwrap();
    let tensors = |header: serde_json::Value, data| with(safetensors(&header.to_string(), data));
    check(
        with(vec![1, 2, 3]),
        expect![
            "…/tiny-bert/model.safetensors: not a safetensors file: expected 8 bytes of header length, found a file of 3 bytes; download the file again"
        ],
    );
    check(
        with(vec![0xff; 100]),
        expect![
            "…/tiny-bert/model.safetensors: not a safetensors file: expected a header of at most 100 MB, found a length of 18446744073709551615 bytes; download the file again"
        ],
    );
    check(
        with(b"version https://git-lfs".to_vec()),
        expect![
            "…/tiny-bert/model.safetensors is a pointer of Git LFS, not the file: run `git lfs pull` in the clone, or download the file"
        ],
    );
    check(
        with([&1000u64.to_le_bytes()[..], b"{}"].concat()),
        expect![
            "…/tiny-bert/model.safetensors: by its own header it has 1008 bytes, found 10; download the file again"
        ],
    );
    check(
        with(safetensors("not json", 0)),
        expect![
            "…/tiny-bert/model.safetensors: not a safetensors file: expected a JSON object as header, found expected ident at line 1 column 2; download the file again"
        ],
    );
    check(
        |m| {
            let file = std::fs::OpenOptions::new().write(true).open(m.join("model.safetensors")).unwrap();
            file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        },
        expect![
            "…/tiny-bert/model.safetensors: by its own header it has 109952 bytes, found 109951; download the file again"
        ],
    );
    let one = |dtype: &str, shape: serde_json::Value, from: u64, to: u64| json!({"w": {"dtype": dtype, "shape": shape, "data_offsets": [from, to]}});
    check(
        tensors(one("F32", json!([2, 3]), 0, 24), 24),
        expect![[
            r#"fine: Checked { folder: "…/tiny-bert", name: "tiny-bert", family: Some(Detected { family: TextEmbedding, task: Some(FeatureExtraction), head: None, evidence: "config.json: model_type \"bert\"" }), safetensors: ["model.safetensors"], onnx: ["onnx/model.onnx"], gguf: [] }"#
        ]],
    );
    check(
        tensors(one("F32", json!([2, 3]), 0, 20), 20),
        expect![[
            r#"…/tiny-bert/model.safetensors: tensor "w": expected 24 bytes for F32 [2, 3], found bytes 0..20; the header is wrong: download the file again"#
        ]],
    );
    check(
        tensors(one("F32", json!([2, 3]), 4, 28), 28),
        expect![[
            r#"…/tiny-bert/model.safetensors: tensor "w": expected it to begin at byte 0, where the one before ends, found 4; the header is wrong: download the file again"#
        ]],
    );
    check(
        tensors(one("F32", json!([2, 3]), 24, 0), 24),
        expect![[
            r#"…/tiny-bert/model.safetensors: tensor "w": expected it to begin at byte 0, where the one before ends, found 24; the header is wrong: download the file again"#
        ]],
    );
    check(
        tensors(one("F31", json!([2, 3]), 0, 24), 24),
        expect![[
            r#"…/tiny-bert/model.safetensors: not a safetensors file: expected dtype, shape and data_offsets for each tensor, found tensor "w": unknown variant `F31`, expected one of `BOOL`, `F4`, `F6_E2M3`, `F6_E3M2`, `U8`, `I8`, `F8_E5M2`, `F8_E4M3`, `F8_E8M0`, `F8_E4M3FNUZ`, `F8_E5M2FNUZ`, `I16`, `U16`, `F16`, `BF16`, `I32`, `U32`, `F32`, `C64`, `F64`, `I64`, `U64`; download the file again"#
        ]],
    );
    check(
        tensors(one("F32", json!([1u64 << 40, 1u64 << 40]), 0, 24), 24),
        expect![[
            r#"…/tiny-bert/model.safetensors: tensor "w": expected a size that fits a file for F32 [1099511627776, 1099511627776], found bytes 0..24; the header is wrong: download the file again"#
        ]],
    );
    check(
        tensors(one("F32", json!([2, 3]), 0, 24), 30),
        expect!["…/tiny-bert/model.safetensors: by its own header it has 24 bytes, found 30; download the file again"],
    );
    check(
        tensors(json!({"w": {"dtype": "F32"}}), 0),
        expect![[
            r#"…/tiny-bert/model.safetensors: not a safetensors file: expected dtype, shape and data_offsets for each tensor, found tensor "w": missing field `shape`; download the file again"#
        ]],
    );
    let overlap = json!({
        "a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
        "b": {"dtype": "U8", "shape": [8], "data_offsets": [4, 12]},
    });
    check(
        tensors(overlap, 12),
        expect![[
            r#"…/tiny-bert/model.safetensors: tensor "b": expected it to begin at byte 8, where the one before ends, found 4; the header is wrong: download the file again"#
        ]],
    );
}

/// A protobuf field of bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128 && number < 16);
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// A graph whose one weight lies in another file.
fn external(location: &str, offset: &str, length: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat());
    let tensor =
        [field(8, b"w"), entry("location", location), entry("offset", offset), entry("length", length)].concat();
    let graph = [field(5, &tensor), field(12, b"")].concat();
    [&[0x08, 0x0a][..], &field(7, &graph)].concat()
}

#[test]
fn files_that_are_not_onnx_are_found_out() {
    let with = |bytes: Vec<u8>| move |m: &Path| std::fs::write(m.join("onnx/model.onnx"), bytes).unwrap();
    check(
        with(Vec::new()),
        expect!["…/tiny-bert: onnx/model.onnx has no ir_version: it is not a whole ONNX model; download it again"],
    );
    check(
        with(b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
        expect![
            "…/tiny-bert/onnx/model.onnx is a pointer of Git LFS, not the file: run `git lfs pull` in the clone, or download the file"
        ],
    );
    check(
        with(vec![0x08, 0x0a]),
        expect!["…/tiny-bert: onnx/model.onnx has no graph: it is not a whole ONNX model; download it again"],
    );
    check(
        with([&[0x08, 0x0a][..], &field(7, b"")].concat()),
        expect!["…/tiny-bert: onnx/model.onnx has no outputs: it is not a whole ONNX model; download it again"],
    );
    check(
        with(vec![0xff; 64]),
        expect![
            "…/tiny-bert: onnx/model.onnx is not a whole ONNX model: a number of 64 bits was expected at byte 10, not a longer one; download it again"
        ],
    );
    check(
        |m| {
            let whole = std::fs::read(m.join("onnx/model.onnx")).unwrap();
            std::fs::write(m.join("onnx/model.onnx"), &whole[..whole.len() / 2]).unwrap();
        },
        expect![
            "…/tiny-bert: onnx/model.onnx is not a whole ONNX model: a field within its message was expected at byte 23, not a length of 140543; download it again"
        ],
    );
    check(
        with(external("weights.bin", "0", "8")),
        expect![[
            r#"…/tiny-bert: cannot read onnx/weights.bin: No such file or directory (os error 2); an ONNX model and the files that its weights are in belong in one folder"#
        ]],
    );
    check(
        with(external("../config.json", "0", "8")),
        expect![[
            r#"…/tiny-bert: w is kept in "../config.json", which is not a path within the model's folder: do not trust the model"#
        ]],
    );
    check(
        with(external("/etc/passwd", "0", "8")),
        expect![[
            r#"…/tiny-bert: w is kept in "/etc/passwd", which is not a path within the model's folder: do not trust the model"#
        ]],
    );
    check(
        with(external("weights.bin", "x", "8")),
        expect![[
            r#"…/tiny-bert: w: offset of its external data is "x", which is no number of bytes: export the model again"#
        ]],
    );
    let beside = |length: usize| {
        move |m: &Path| {
            std::fs::write(m.join("onnx/model.onnx"), external("w.bin", "4", "8")).unwrap();
            std::fs::write(m.join("onnx/w.bin"), vec![0; length]).unwrap();
        }
    };
    check(
        beside(11),
        expect![[r#"…/tiny-bert: w is said to be 8 bytes from byte 4 of onnx/w.bin, which has 11: download it again"#]],
    );
    let dir = tempfile::tempdir().unwrap();
    let model = copy(dir.path());
    beside(12)(&model);
    check_folder(&model, None).unwrap();
}
