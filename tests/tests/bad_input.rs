//! What cannot run is refused with a code and the thing to do, and the session
//! goes on.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::path::Path;

use pelago_protocol::Output;
use pelago_protocol::{BrowserKind, DType, Input, OnLong, Platform, Precision, Request, Tensor};
use pelago_session::SessionError;
use pelago_tests::fixture;
use pelago_tests::lab::Lab;

const TEXT: &str = "the quick brown fox";

fn base() -> Request {
    Request { browser: BrowserKind::Chrome, platform: Platform::Wasm, ..Request::new("tiny", TEXT) }
}

fn tensor(dtype: DType, shape: &[usize]) -> Tensor {
    let bytes = vec![0; shape.iter().product::<usize>() * dtype.size()];
    Tensor::new("pixel_values", dtype, shape.to_vec(), bytes.into()).unwrap()
}

fn pixels(tensor: Tensor) -> Request {
    Request { model: "vit".to_owned(), input: Input::Tensors(vec![tensor]), ..base() }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_request_says_what_to_do_and_the_session_goes_on() {
    let lab = Lab::open().await.unwrap();
    lab.add(&fixture("models/bert"), "tiny").await.unwrap();
    lab.add(&fixture("models/vit"), "vit").await.unwrap();
    let named = |name: &str| Tensor { name: name.to_owned(), ..tensor(DType::Float32, &[1, 3, 30, 30]) };
    let nan = Tensor::from_f32("pixel_values", vec![1, 3, 30, 30], &[f32::NAN; 2700]).unwrap();
    let cases: Vec<(&str, Request)> = vec![
        ("empty_input", Request { input: Input::Texts(Vec::new()), ..base() }),
        ("input_too_long", Request { input: "fox ".repeat(5000).as_str().into(), on_long: OnLong::Error, ..base() }),
        (
            "unsupported",
            Request { prompt: Some("query".to_owned()), ..pixels(tensor(DType::Float32, &[1, 3, 30, 30])) },
        ),
        ("model", Request { model: "tinny".to_owned(), ..base() }),
        // Software adapters in Chromium have no half precision.
        (
            "precision_unavailable",
            Request {
                platform: Platform::WebGpu,
                browser: BrowserKind::Chrome,
                precision: Precision::Bits16.into(),
                ..base()
            },
        ),
        ("unsupported", Request { mixed_precision: true, ..base() }),
        ("unsupported", Request { use_firefox_optimizations: true, ..base() }),
        ("unsupported", Request { model: "vit".to_owned(), ..base() }),
        ("software_hardware", Request { platform: Platform::WebGpu, require_real_hardware: true, ..base() }),
        ("platform_unavailable", Request { platform: Platform::WebNn, browser: BrowserKind::Firefox, ..base() }),
        ("no_browser", Request { browser: BrowserKind::Safari, ..base() }),
        ("not_finite", pixels(nan)),
        ("invalid_tensor", pixels(tensor(DType::Float32, &[3, 30, 30]))),
        // The graph leaves height and width open, so onnxruntime finds out while it runs.
        ("execution_failed", pixels(tensor(DType::Float32, &[1, 3, 31, 7]))),
        ("invalid_tensor", pixels(tensor(DType::Int64, &[1, 3, 30, 30]))),
        ("invalid_tensor", pixels(named("pixels"))),
    ];
    for (code, request) in cases {
        let error = lab.run(&request).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.advice().is_empty(), "no help: {error}");
    }
    let fine = lab.run(&base()).await.unwrap();
    assert!(matches!(fine.output, Output::Embeddings { shape: [1, 32], .. }));
    let logits = lab.run(&pixels(tensor(DType::Float32, &[1, 3, 30, 30]))).await.unwrap();
    let Output::Tensors(outputs) = logits.output else { panic!("a graph's own outputs were due") };
    assert_eq!((outputs[0].name.as_str(), outputs[0].shape.as_slice()), ("logits", &[1, 10][..]));
    lab.session.close().await;
}

/// A copy of the tiny model with one file changed.
fn changed(file: &str, change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("models/bert"), folder.path());
    let path = folder.path().join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&path, &to);
        } else {
            std::fs::copy(path, to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_whole_is_not_added() {
    let lab = Lab::open().await.unwrap();
    let truncated = changed("model.safetensors", |bytes| bytes.truncate(bytes.len() - 100));
    let lying = changed("model.safetensors", |bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes()));
    let not_onnx = changed("onnx/model.onnx", |bytes| *bytes = b"not an ONNX file".to_vec());
    let not_json = changed("config.json", |bytes| bytes.truncate(10));
    for (folder, word) in [
        (truncated, "model.safetensors"),
        (lying, "model.safetensors"),
        (not_onnx, "model.onnx"),
        (not_json, "config.json"),
    ] {
        let error: SessionError = lab.add(folder.path(), "broken").await.unwrap_err();
        assert_eq!(error.code(), "model");
        assert!(error.to_string().contains(word), "{error}");
    }
    let missing = changed("config.json", |_| {});
    std::fs::remove_file(missing.path().join("config.json")).unwrap();
    assert_eq!(lab.add(missing.path(), "broken").await.unwrap_err().code(), "model");
    assert!(lab.session.models().list().await.unwrap().is_empty(), "nothing of it was to stay");
    lab.session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_byte_on_disk_never_reaches_a_page() {
    let lab = Lab::open().await.unwrap();
    lab.add(&fixture("models/bert"), "tiny").await.unwrap();
    let extents = std::fs::read_dir(lab.home().join("store/extents")).unwrap();
    for path in extents.map(|entry| entry.unwrap().path()) {
        let mut bytes = std::fs::read(&path).unwrap();
        for byte in bytes.iter_mut().step_by(97) {
            *byte ^= 1;
        }
        std::fs::write(&path, bytes).unwrap();
    }
    let error = lab.run(&base()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("CID") || text.contains("damaged") || error.code() == "fetch_failed",
        "{}: {text}",
        error.code()
    );
    lab.session.close().await;
}
