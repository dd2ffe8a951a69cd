//! A weight is read by pieces: memory does not grow with it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use pelago_onnx::{
    files::Files,
    precision::{Destination, Recipe, convert},
    proto::{
        DataLocation, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
        TensorProto, ValueInfoProto,
    },
};
use prost::Message;

const SIDE: u64 = 8192;
/// Bytes of one weight: 256 MiB.
const LENGTH: u64 = SIDE * SIDE * 4;

/// A model with two weights, whose bytes are made when they are read.
struct Large {
    model: Vec<u8>,
    longest: AtomicUsize,
}

impl Files for Large {
    fn size(&self, file: &str) -> io::Result<u64> {
        Ok(if file == "model.onnx" { self.model.len() as u64 } else { 2 * LENGTH })
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        if file == "model.onnx" {
            return Ok(self.model[offset as usize..offset as usize + length].to_vec());
        }
        self.longest.fetch_max(length, Ordering::Relaxed);
        // 0.5, 0.53…, of which every fourth byte is the highest.
        Ok((offset..offset + length as u64).map(|at| [0, 0, (at % 61) as u8, 0x3f][(at % 4) as usize]).collect())
    }
}

fn model() -> ModelProto {
    let node = |operator: &str, inputs: &[&str], output: &str| NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    };
    let weight = |name: &str, offset: u64| TensorProto {
        name: Some(name.to_owned()),
        dims: vec![SIDE as i64; 2],
        data_type: Some(DataType::Float as i32),
        data_location: Some(DataLocation::External as i32),
        external_data: [("location", "data".to_owned()), ("offset", offset.to_string())]
            .map(|(key, value)| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) })
            .into(),
        ..TensorProto::default()
    };
    let value = |name: &str| ValueInfoProto { name: Some(name.to_owned()), ..ValueInfoProto::default() };
    let graph = GraphProto {
        node: vec![
            node("MatMul", &["x", "columns"], "h"),
            node("Transpose", &["rows"], "turned"),
            node("MatMul", &["h", "turned"], "y"),
        ],
        initializer: vec![weight("columns", 0), weight("rows", LENGTH)],
        input: vec![value("x")],
        output: vec![value("y")],
        ..GraphProto::default()
    };
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(17) }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// The most memory that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn half_a_gigabyte_of_weights_needs_a_fraction_of_it() {
    let files = Large { model: model().encode_to_vec(), longest: AtomicUsize::new(0) };
    let folder = tempfile::tempdir().unwrap();
    let before = peak();
    let to = Destination { file_max: 50 << 20, ..Destination::new(folder.path(), "m.onnx") };
    let summary = convert(&files, "model.onnx", &Recipe::new(4), to).unwrap();
    assert_eq!(summary.bytes_before, 2 * LENGTH);
    assert_eq!(summary.files, ["m.onnx_data", "m.onnx_data_1", "m.onnx"]);
    // The packed form of the weight that is kept by columns, and some pieces.
    let grown = peak() - before;
    assert!(grown < LENGTH / 8 + LENGTH / 32 + (64 << 20), "{grown} bytes");
    assert!(files.longest.into_inner() <= 4 << 20);
}
