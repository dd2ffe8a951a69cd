//! Every family in every precision in a real browser: the page gives what native
//! onnxruntime gives of the same graph on the same tensors, and says by itself
//! how far that is from fp32.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use pelago_onnx::files::Folder;
use pelago_onnx::precision::{Destination, Recipe, convert};
use pelago_protocol::Output;
use pelago_protocol::{BrowserKind, DType, Platform, Precision, Request, Tensor};
use pelago_session::SessionError;
use pelago_tests::lab::Lab;
use pelago_tests::{fixture, python};
use serde::Deserialize;

const GRAPHS: [(&str, &str); 10] = [
    ("bert", "model"),
    ("vit", "model"),
    ("gpt2", "model"),
    ("llama", "model"),
    ("clip", "model"),
    ("wav2vec2", "model"),
    ("t5", "encoder_model"),
    ("t5", "decoder_model_merged"),
    ("whisper", "encoder_model"),
    ("whisper", "decoder_model_merged"),
];

#[derive(Deserialize)]
struct Native {
    inputs: Vec<Value>,
    outputs: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    name: String,
    dtype: String,
    shape: Vec<usize>,
    file: String,
}

fn tensors(folder: &Path, values: &[Value]) -> Vec<Tensor> {
    let tensor = |value: &Value| {
        let bytes = Bytes::from(std::fs::read(folder.join(&value.file)).unwrap());
        let dtype: DType = value.dtype.parse().unwrap();
        Tensor::new(value.name.clone(), dtype, value.shape.clone(), bytes).unwrap()
    };
    values.iter().map(tensor).collect()
}

/// A graph, and one conversion of it that ran in the page.
struct Case {
    name: String,
    family: &'static str,
    reference: PathBuf,
    model: PathBuf,
    page: Vec<Tensor>,
    /// The most that an output may differ, by its own largest value.
    tolerance: f32,
}

fn native(folder: &Path, cases: &[(String, &str, PathBuf, PathBuf)]) -> Vec<Native> {
    python("native_outputs.py", |command| {
        command.arg(folder);
        for (name, family, reference, model) in cases {
            command.arg("--case").arg(name).arg(reference).arg(fixture("models").join(family)).arg(model);
        }
    });
    let read = |name: &String| std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    cases.iter().map(|(name, ..)| serde_json::from_slice(&read(name)).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_gives_what_native_onnxruntime_gives() {
    let lab = Lab::open().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let fp32 = GRAPHS.map(|(family, graph)| {
        let path = fixture("models").join(family).join(format!("onnx/{graph}.onnx"));
        (format!("{family}-{graph}"), family, path.clone(), path)
    });
    let inputs = native(folder.path(), &fp32);
    let mut cases = Vec::new();
    for ((family, graph), given) in GRAPHS.into_iter().zip(&inputs) {
        lab.add(&pelago_tests::family(family, &folder.path().join("models")).unwrap(), family).await.unwrap();
        let path = format!("onnx/{graph}.onnx");
        for (platform, bits, tolerance) in [
            (Platform::Wasm, 32, 1e-4),
            (Platform::Wasm, 16, 1e-2),
            (Platform::Wasm, 8, 1e-4),
            (Platform::Wasm, 4, 1e-4),
            (Platform::Wasm, 2, 1e-4),
            (Platform::WebGpu, 32, 1e-3),
            (Platform::WebGpu, 8, 1e-3),
            (Platform::WebGpu, 4, 1e-3),
        ] {
            let precision = Precision::try_from(bits).unwrap();
            let name = format!("{family}-{graph}-{platform}-{bits}");
            let request = Request {
                graph: Some(path.clone()),
                platform,
                browser: BrowserKind::Chrome,
                precision: precision.into(),
                allow_fallback: platform == Platform::WebGpu,
                ..Request::new(family, tensors(folder.path(), &given.inputs))
            };
            let run = lab.run(&request).await.unwrap_or_else(|error: SessionError| panic!("{name}: {error}"));
            assert_eq!((run.report.precision, run.report.recipe.is_some()), (precision, bits != 32), "{name}");
            let Output::Tensors(page) = run.output else { panic!("{name} gave an embedding") };
            let reference = fixture("models").join(family).join(&path);
            let model = match &run.report.recipe {
                None => reference.clone(),
                Some(recipe) => {
                    let into = folder.path().join(&name);
                    std::fs::create_dir(&into).unwrap();
                    let recipe = Recipe::from_json(recipe).unwrap();
                    let files = Folder(fixture("models").join(family));
                    convert(&files, &path, &recipe, Destination::new(&into, "model.onnx")).unwrap();
                    into.join("model.onnx")
                }
            };
            cases.push(Case { name, family, reference, model, page, tolerance });
        }
    }
    let given = cases.iter().map(|case| (case.name.clone(), case.family, case.reference.clone(), case.model.clone()));
    for (case, native) in cases.iter().zip(native(folder.path(), &given.collect::<Vec<_>>())) {
        for expected in tensors(folder.path(), &native.outputs) {
            let found = case.page.iter().find(|tensor| tensor.name == expected.name).unwrap();
            assert_eq!(found.shape, expected.shape, "{} {}", case.name, expected.name);
            let (a, b) = (expected.to_f32().unwrap(), found.to_f32().unwrap());
            let largest = a.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
            let apart = a.iter().zip(&b).fold(0.0_f32, |apart, (a, b)| apart.max((a - b).abs())) / largest;
            assert!(apart <= case.tolerance, "{} {}: {apart:.2e} apart", case.name, expected.name);
        }
    }
}
