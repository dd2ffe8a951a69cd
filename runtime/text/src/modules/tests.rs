//! The modules after Pooling against PyTorch: the published cases share one transformer, so the vectors of the one
//! without modules are what theirs are made of.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::testing::{case, files, floats};

/// What the modules of a case make of pooled vectors.
fn finished(name: &str, pooled: &[Vec<f32>]) -> (Vec<f32>, usize) {
    let modules = Modules::read(&files(name)).unwrap();
    modules.finish(pooled.concat(), pooled[0].len()).unwrap()
}

#[test]
fn dense_layer_norm_and_normalize_give_what_pytorch_gives() {
    let pooled = floats(&case("00_base")["expected"]);
    for name in ["02_dense_identity_smaller", "03_dense_pytorch_bin", "04_two_dense_normalize", "25_layernorm_module"] {
        let expected = floats(&case(name)["expected"]);
        let (values, dimensions) = finished(name, &pooled);
        assert_eq!(dimensions, expected[0].len(), "{name}");
        let largest = expected.concat().iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for (value, expected) in values.iter().zip(expected.concat()) {
            assert!((value - expected).abs() <= 2e-6 * largest.max(1.0), "{name}: {value} for {expected}");
        }
    }
}

fn with(changes: &[(&str, Value)]) -> Files {
    let base = files("02_dense_identity_smaller");
    let mut all: Vec<(String, Vec<u8>)> =
        base.paths().map(|path| (path.to_owned(), base.get(path).unwrap().to_vec())).collect();
    for (path, json) in changes {
        all.retain(|(known, _)| known != path);
        all.push(((*path).to_owned(), json.to_string().into_bytes()));
    }
    Files::from_iter(all)
}

fn refused(changes: &[(&str, Value)]) -> String {
    Modules::read(&with(changes)).unwrap_err().to_string()
}

fn module(kind: &str, path: &str) -> Value {
    serde_json::json!({"idx": 0, "name": "0", "path": path, "type": kind})
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    let transformer = module("sentence_transformers.models.Transformer", "");
    let pooling = module("sentence_transformers.models.Pooling", "1_Pooling");
    for kind in [
        "sentence_transformers.sparse_encoder.models.SpladePooling",
        "sentence_transformers.models.WordWeights",
        "sentence_transformers.models.CNN",
        "sentence_transformers.models.WeightedLayerPooling",
        "sentence_transformers.models.Router",
        "pylate.models.Dense.Dense",
        "my_code.Head",
    ] {
        let list = Value::Array(vec![transformer.clone(), pooling.clone(), module(kind, "2_X")]);
        let message = refused(&[("modules.json", list)]);
        assert!(message.contains(kind.rsplit('.').next().unwrap()) && message.contains("modules.json"), "{message}");
    }
    let list =
        Value::Array(vec![transformer.clone(), module("sentence_transformers.models.Dense", "2_Dense"), pooling]);
    assert!(refused(&[("modules.json", list)]).contains("Dense before Pooling"));
    assert!(refused(&[("modules.json", Value::Array(vec![transformer]))]).contains("without a Pooling"));
}

#[test]
fn hostile_modules_are_refused_by_their_file() {
    let list = |path: &str| Value::Array(vec![module("sentence_transformers.models.Transformer", path)]);
    for path in ["../secret", "/etc", "a/../../b", "a\\..\\b"] {
        assert!(refused(&[("modules.json", list(path))]).contains("outside of the model's folder"), "{path}");
    }
    let long = Value::Array((0..100).map(|_| module("sentence_transformers.models.Dropout", "")).collect());
    assert!(refused(&[("modules.json", long)]).contains("100 modules"));
    let dense = |inputs: u64, outputs: u64, activation: &str| {
        let class = format!("torch.nn.modules.activation.{activation}");
        let config = serde_json::json!({"in_features": inputs, "out_features": outputs, "bias": true,
            "activation_function": class});
        refused(&[("2_Dense/config.json", config)])
    };
    assert!(dense(32, 9, "Tanh").contains("linear.weight to have the shape [9, 32], found [8, 32]"));
    assert!(dense(0, 8, "Tanh").contains("in_features"));
    assert!(dense(32, u64::MAX, "Tanh").contains("out_features"));
    assert!(dense(32, 8, "Softmax").contains("Softmax"));
    let pooling = serde_json::json!({"pooling_mode": "attention"});
    assert!(refused(&[("1_Pooling/config.json", pooling)]).contains("attention"));
}

#[test]
fn other_heads_are_refused_and_encoders_are_not() {
    let config = |architecture: &str| {
        let json = serde_json::json!({"model_type": "bert", "architectures": [architecture]});
        Modules::read(&Files::from_iter([("config.json".to_owned(), json.to_string().into_bytes())]))
    };
    for head in
        ["BertForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering", "HF_ColBERT"]
    {
        assert!(config(head).unwrap_err().to_string().contains(head));
    }
    for encoder in ["BertModel", "BertForMaskedLM"] {
        let modules = config(encoder).unwrap();
        assert_eq!((modules.pooling.as_slice(), modules.listed), ([Pooling::Mean].as_slice(), false));
    }
}

/// An archive as `torch.save` writes it, with one storage.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut zip = zip::ZipWriter::new(&mut bytes);
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in [("archive/data.pkl", pickle), ("archive/data/0", &[0; 64])] {
        zip.start_file(name, stored).unwrap();
        std::io::Write::write_all(&mut zip, content).unwrap();
    }
    zip.finish().unwrap();
    bytes.into_inner()
}

/// The program of a real file.
fn real_pickle() -> Vec<u8> {
    let bytes = files("03_dense_pytorch_bin").get("2_Dense/pytorch_model.bin").unwrap().to_vec();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let name =
        archive.file_names().filter_map(Result::ok).find(|name| name.ends_with("data.pkl")).unwrap().into_owned();
    let mut program = Vec::new();
    std::io::Read::read_to_end(&mut archive.by_name(&name).unwrap(), &mut program).unwrap();
    program
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    /// Any program, and a real one with some bytes changed, ends with tensors or with an error.
    #[test]
    fn no_pickle_makes_it_panic(
        program in proptest::collection::vec(any::<u8>(), 0..200),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let _ = pickle::tensors("p", &archive(&program));
        let mut real = real_pickle();
        for (at, byte) in &changes {
            let at = at.index(real.len());
            real[at] = *byte;
        }
        let _ = pickle::tensors("p", &archive(&real));
    }

    #[test]
    fn no_list_of_modules_makes_it_panic(text in "[\\[\\]{}\",:a-zA-Z0-9./_\\\\ -]{0,120}") {
        let _ = Modules::read(&with_bytes("modules.json", text.as_bytes()));
        let _ = Modules::read(&with_bytes("1_Pooling/config.json", text.as_bytes()));
        let _ = Modules::read(&with_bytes("2_Dense/config.json", text.as_bytes()));
    }
}

fn with_bytes(path: &str, bytes: &[u8]) -> Files {
    let base = files("02_dense_identity_smaller");
    let kept = base.paths().filter(|known| *known != path);
    let kept = kept.map(|path| (path.to_owned(), base.get(path).unwrap().to_vec()));
    Files::from_iter(kept.chain([(path.to_owned(), bytes.to_vec())]))
}

/// A pickle by PyTorch with the reducer `os.system`, and pickles that grow or nest without end.
#[test]
fn a_pickle_runs_nothing() {
    let refused =
        |pickle: &[u8]| pickle::tensors("2_Dense/pytorch_model.bin", &archive(pickle)).unwrap_err().to_string();
    assert!(refused(b"\x80\x02cposix\nsystem\nX\x02\0\0\0ls\x85R.").contains("posix.system"));
    assert!(refused(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93X\x01\0\0\x001\x85R.").contains("builtins.eval"));
    let doubling = [b"\x80\x02)q\0".as_slice(), &b"h\0h\0\x86q\0".repeat(60), b"."].concat();
    assert!(refused(&doubling).contains("deeper"));
    assert!(refused(&[b"\x80\x02".as_slice(), &b"(".repeat(20_000)].concat()).contains("deeper"));
    assert!(refused(b"\x80\x02}q\0X\xff\xff\xff\xff").contains("cut"));
    assert!(refused(b"").contains("cut"));
    assert!(pickle::tensors("x", b"\x80\x02}.").unwrap_err().to_string().contains("PyTorch 1.6"));
}
