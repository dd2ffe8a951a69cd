//! What is read of a graph by a look at it, of an export and of what is none.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::io;
use std::path::Path;

use pelago_onnx::Error;
use pelago_onnx::files::{Files, Folder};
use pelago_onnx::read::{Facts, Length, check, external_files, facts, inputs, open};

const GRAPH: &str = "model.onnx";

/// One file in memory.
struct One(Vec<u8>);

impl Files for One {
    fn size(&self, file: &str) -> io::Result<u64> {
        if file == GRAPH { Ok(self.0.len() as u64) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn read(&self, _: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(offset as usize..).and_then(|bytes| bytes.get(..length));
        Ok(bytes.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec())
    }
}

fn fixture() -> Folder {
    Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/bert/onnx"))
}

fn bytes() -> Vec<u8> {
    std::fs::read(fixture().0.join(GRAPH)).unwrap()
}

#[test]
fn inputs_have_their_symbolic_dimensions() {
    let found = inputs(&fixture(), GRAPH).unwrap();
    assert_eq!(
        found.iter().map(|input| &*input.name).collect::<Vec<_>>(),
        ["input_ids", "attention_mask", "token_type_ids"]
    );
    let shape = ["batch_size", "sequence_length"].map(|name| Length::Symbol(name.to_owned()));
    assert!(found.iter().all(|input| input.shape == shape));
    assert_eq!(facts(&fixture(), GRAPH).unwrap().inputs, found);
}

#[test]
fn integer_nodes_are_told_from_floating_point_ones() {
    let Facts { integer_nodes, other_nodes, .. } = facts(&fixture(), GRAPH).unwrap();
    for name in ["/Shape", "/Gather", "/Cast", "/embeddings/Slice", "/encoder/layer.0/attention/self/Concat"] {
        assert!(integer_nodes.iter().any(|found| found == name), "{name}");
    }
    for name in ["/embeddings/word_embeddings/Gather", "/encoder/layer.0/attention/self/Transpose"] {
        assert!(other_nodes.iter().any(|found| found == name), "{name}");
    }
    let graph = open(&fixture(), GRAPH).unwrap().graph.unwrap();
    assert_eq!(integer_nodes.len() + other_nodes.len(), graph.node.len());
}

#[test]
fn what_is_no_graph_is_refused_wherever_it_ends() {
    let refused = |bytes: &[u8]| {
        let files = One(bytes.to_vec());
        assert!(facts(&files, GRAPH).is_err() && check(&files, GRAPH).is_err(), "{} bytes", bytes.len());
    };
    for bytes in [&b""[..], b"{\"not\": \"onnx\"}", b"<!doctype html><html></html>"] {
        refused(bytes);
    }
    let bytes = bytes();
    (0..bytes.len()).step_by(997).for_each(|length| refused(&bytes[..length]));
}

#[test]
fn a_field_of_a_later_onnx_is_no_reason_to_refuse_a_look() {
    let mut bytes = bytes();
    // Field 1000 of the model, a number.
    bytes.extend([0xc0, 0x3e, 0x01]);
    let files = One(bytes);
    assert!(matches!(open(&files, GRAPH), Err(Error::UnknownField { field: 1000, .. })));
    check(&files, GRAPH).unwrap();
    assert_eq!(facts(&files, GRAPH).unwrap(), facts(&fixture(), GRAPH).unwrap());
    assert!(external_files(&files, GRAPH).unwrap().is_empty());
}
