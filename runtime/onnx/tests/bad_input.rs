//! What is said of models and recipes that are damaged, or made to harm.

#![allow(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::{collections::BTreeMap, io};

use expect_test::{Expect, expect};
use pelago_onnx::{
    files::Files,
    precision::{Destination, Recipe, convert, layers},
    proto::{
        DataLocation, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
        TensorProto, TensorTypeProto, TypeProto, ValueInfoProto,
    },
};
use prost::Message;

#[derive(Clone, Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Files for Memory {
    fn size(&self, file: &str) -> io::Result<u64> {
        self.0.get(file).map(|bytes| bytes.len() as u64).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.0.get(file).ok_or(io::ErrorKind::NotFound)?;
        let bytes = bytes.get(offset as usize..).and_then(|bytes| bytes.get(..length));
        Ok(bytes.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec())
    }
}

fn value(name: &str) -> ValueInfoProto {
    let tensor = TensorTypeProto { elem_type: Some(DataType::Float as i32), shape: None };
    let r#type = Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() });
    ValueInfoProto { name: Some(name.to_owned()), r#type, ..ValueInfoProto::default() }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(format!("the {output} node")),
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    }
}

fn weight(values: &[f32], dims: &[i64]) -> TensorProto {
    TensorProto {
        name: Some("w".to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::Float as i32),
        raw_data: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        ..TensorProto::default()
    }
}

/// `y = x × w`, with a weight of 64 by 4.
fn good() -> ModelProto {
    let graph = GraphProto {
        node: vec![node("MatMul", &["x", "w"], "y")],
        initializer: vec![weight(&[0.5; 256], &[64, 4])],
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

fn convert_bytes(bytes: Vec<u8>, recipe: &Recipe) -> Result<Vec<String>, String> {
    let mut files = Memory([("m.onnx".to_owned(), bytes)].into());
    files.0.insert("data".to_owned(), vec![0; 100]);
    let folder = tempfile::tempdir().unwrap();
    let result = convert(&files, "m.onnx", recipe, Destination::new(folder.path(), "m.onnx"));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, result.as_ref().map_or(0, |summary| summary.files.len()), "files are left behind");
    result.map(|summary| summary.files).map_err(|error| error.to_string())
}

fn check(edit: impl FnOnce(&mut ModelProto), recipe: &Recipe, expected: Expect) {
    let mut model = good();
    edit(&mut model);
    expected.assert_eq(&convert_bytes(model.encode_to_vec(), recipe).unwrap_err());
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().unwrap()
}

#[test]
fn the_good_one_is_good() {
    assert_eq!(convert_bytes(good().encode_to_vec(), &Recipe::new(4)), Ok(vec!["m.onnx".to_owned()]));
}

#[test]
fn truncated_at_any_byte() {
    let bytes = good().encode_to_vec();
    for length in 0..bytes.len() {
        // A model may end after any of its fields, but then lacks something.
        convert_bytes(bytes[..length].to_vec(), &Recipe::new(4)).unwrap_err();
    }
}

#[test]
fn lengths_that_lie() {
    // A graph of 2⁶² bytes, and one that is longer than the file.
    let huge = [&[0x3a][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]].concat();
    expect!["m.onnx is not a whole ONNX model: a field within its message was expected at byte 10, not a length of 4611686018427387904; download it again"]
        .assert_eq(&convert_bytes(huge, &Recipe::new(4)).unwrap_err());
    expect!["m.onnx is not a whole ONNX model: a field within its message was expected at byte 2, not a length of 9; download it again"]
        .assert_eq(&convert_bytes(vec![0x3a, 9, 0], &Recipe::new(4)).unwrap_err());
}

#[test]
fn messages_within_each_other_without_end() {
    // Graph, node, attribute, graph, node, …
    let mut inner = Vec::new();
    for _ in 0..200 {
        for tag in [0x32, 0x2a, 0x0a] {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(inner.len() as u64, &mut outer);
            outer.extend(inner);
            inner = outer;
        }
    }
    let mut bytes = vec![0x3a];
    prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
    bytes.extend(inner);
    expect![
        "m.onnx: messages within each other are more than the 64 that a graph may have: it is damaged or made to harm"
    ]
    .assert_eq(&convert_bytes(bytes, &Recipe::new(4)).unwrap_err());
}

#[test]
fn very_many_messages() {
    // Empty nodes, two bytes each.
    let nodes = [0x0a, 0x00].repeat(2_100_000);
    let mut bytes = vec![0x3a];
    prost::encoding::encode_varint(nodes.len() as u64, &mut bytes);
    bytes.extend(nodes);
    expect!["m.onnx: messages are more than the 2000000 that a graph may have: it is damaged or made to harm"]
        .assert_eq(&convert_bytes(bytes, &Recipe::new(4)).unwrap_err());
}

#[test]
fn fields_of_a_later_version() {
    let mut bytes = good().encode_to_vec();
    prost::encoding::string::encode(77, &"new".to_owned(), &mut bytes);
    expect!["m.onnx: field 77 of ModelProto is not one that this version knows, and a copy would lose it: export the model for ONNX 1.23 or before (IR version 13)"]
        .assert_eq(&convert_bytes(bytes, &Recipe::new(4)).unwrap_err());
}

#[test]
fn cycles_and_values_from_nowhere() {
    let recipe = Recipe::new(4);
    let cycle = |model: &mut ModelProto| {
        graph(model).node.extend([node("Add", &["x", "b"], "a"), node("Add", &["a", "x"], "b")]);
    };
    check(cycle, &recipe, expect!["the graph has a cycle through the a node: it cannot run; export the model again"]);
    check(
        |model| graph(model).node[0].input[0] = "nothing".to_owned(),
        &recipe,
        expect!["the y node takes nothing, which nothing gives: the graph is not whole; export the model again"],
    );
    check(
        |model| graph(model).node.push(node("Neg", &["x"], "y")),
        &recipe,
        expect!["two values of the graph are called y: export the model again"],
    );
}

#[test]
fn shapes_that_overflow_or_are_not_filled() {
    let recipe = Recipe::new(4);
    let shape = |dims: &'static [i64]| move |model: &mut ModelProto| graph(model).initializer[0].dims = dims.to_vec();
    check(
        shape(&[i64::MAX, i64::MAX]),
        &recipe,
        expect![
            "w has the impossible shape [9223372036854775807, 9223372036854775807]: the model is damaged; download it again"
        ],
    );
    check(
        shape(&[-64, 4]),
        &recipe,
        expect!["w has the impossible shape [-64, 4]: the model is damaged; download it again"],
    );
    check(
        shape(&[64, 5]),
        &recipe,
        expect!["w of Float [64, 5] has 1024 bytes where 1280 were expected: export the model again"],
    );
}

fn external(location: &str, offset: &str, length: &str) -> impl FnOnce(&mut ModelProto) {
    let entries = [("location", location), ("offset", offset), ("length", length)];
    let entry =
        |(key, value): (&str, &str)| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
    let external_data = entries.map(entry).into();
    move |model| {
        graph(model).initializer[0] = TensorProto {
            raw_data: None,
            external_data,
            data_location: Some(DataLocation::External as i32),
            ..weight(&[], &[5, 5])
        };
    }
}

#[test]
fn external_data_elsewhere() {
    let recipe = Recipe::new(32);
    check(
        external("../data", "0", "100"),
        &recipe,
        expect![[r#"w is kept in "../data", which is not a path within the model's folder: do not trust the model"#]],
    );
    check(
        external("/etc/passwd", "0", "100"),
        &recipe,
        expect![[
            r#"w is kept in "/etc/passwd", which is not a path within the model's folder: do not trust the model"#
        ]],
    );
    check(
        external("", "0", "100"),
        &recipe,
        expect![[r#"w is kept in "", which is not a path within the model's folder: do not trust the model"#]],
    );
    check(
        external("data", "1", "100"),
        &recipe,
        expect!["w is said to be 100 bytes from byte 1 of data, which has 100: download it again"],
    );
    check(
        external("data", "18446744073709551615", "100"),
        &recipe,
        expect!["w is said to be 100 bytes from byte 18446744073709551615 of data, which has 100: download it again"],
    );
    check(
        external("data", "x", "100"),
        &recipe,
        expect![[r#"w: offset of its external data is "x", which is no number of bytes: export the model again"#]],
    );
    check(
        external("absent", "0", "100"),
        &recipe,
        expect![
            "cannot read absent: entity not found; an ONNX model and the files that its weights are in belong in one folder"
        ],
    );
}

#[test]
fn versions_and_domains_that_nobody_knows() {
    let recipe = Recipe::new(4);
    check(
        |model| model.opset_import[0].version = Some(99),
        &recipe,
        expect![[
            r#"the model asks for version 99 of the operators of ""; 7 to 26 are known: export it for one of these"#
        ]],
    );
    let foreign = |model: &mut ModelProto| graph(model).node[0].domain = Some("com.example".to_owned());
    check(
        foreign,
        &recipe,
        expect![[
            r#"the y node is an operator of "com.example", which the model does not import: export the model again"#
        ]],
    );
    check(
        |model| graph(model).node.push(node("SequenceConstruct", &["x"], "s")),
        &Recipe::new(16),
        expect![[
            r#"the s node is the operator SequenceConstruct of "", whose types are not known: choose 4 or 8 bits, which leave it as it is"#
        ]],
    );
}

#[test]
fn weights_that_no_integer_stands_for() {
    let set = |value: f32| {
        move |model: &mut ModelProto| {
            let mut values = [0.5; 256];
            values[77] = value;
            graph(model).initializer[0] = weight(&values, &[64, 4]);
        }
    };
    check(
        set(f32::NAN),
        &Recipe::new(4),
        expect![[
            r#"w holds NaN at element 77, which no integer can stand for: the checkpoint is broken, or this layer must be kept (add an override of 32 bits for "w")"#
        ]],
    );
    check(
        set(f32::INFINITY),
        &Recipe::new(8).integer(),
        expect![[
            r#"w holds inf at element 77, which no integer can stand for: the checkpoint is broken, or this layer must be kept (add an override of 32 bits for "w")"#
        ]],
    );
    let mut kept = Recipe::new(4);
    kept.overrides.push(pelago_onnx::precision::Override { nodes: "w".to_owned(), bits: 32 });
    let mut model = good();
    set(f32::NAN)(&mut model);
    assert!(convert_bytes(model.encode_to_vec(), &kept).is_ok());
}

#[test]
fn recipes_that_nothing_runs() {
    let check = |json: &str, expected: Expect| expected.assert_eq(&Recipe::from_json(json).unwrap_err().to_string());
    check(
        r#"{"bits":3}"#,
        expect![
            "no weights of 3 bits: onnxruntime 1.30's MatMulNBits has kernels for 2, 4 and 8 bits alone; use 2, 4, 8, 16 or 32"
        ],
    );
    check(
        r#"{"bits":1}"#,
        expect![
            "no weights of 1 bits: no execution provider of onnxruntime-web 1.30 has weights of one bit; use 2, 4, 8, 16 or 32"
        ],
    );
    check(r#"{"bits":4,"block":24}"#, expect!["blocks of 24 weights: it must be a power of two from 16 to 256"]);
    check(
        r#"{"bits":4,"form":"integer"}"#,
        expect![[
            r#"the recipe asks for the integer or the stored form, but it has 8 bits: set bits to 8, or form to "block""#
        ]],
    );
    check(
        r#"{"bits":4,"overrides":[{"nodes":"[","bits":8}]}"#,
        expect![[
            r#""[" is not a pattern of node names (error parsing glob '[': unclosed character class; missing ']'): use names with *, ? and {a,b}"#
        ]],
    );
    check(
        r#"{"bits":4,"blok":16}"#,
        expect![
            "not a recipe (unknown field `blok`, expected one of `bits`, `form`, `block`, `symmetric`, `half`, `plain_tables`, `accuracy_level`, `mixed`, `overrides` at line 1 column 16): write it as `pelago_onnx::precision::Recipe` is documented"
        ],
    );
}

#[test]
fn a_folder_that_cannot_be_written() {
    let files = Memory([("m.onnx".to_owned(), good().encode_to_vec())].into());
    let error = convert(&files, "m.onnx", &Recipe::new(4), Destination::new("/proc/nowhere".as_ref(), "m.onnx"));
    assert!(error.unwrap_err().to_string().starts_with("cannot write /proc/nowhere/m.onnx"));
    assert!(layers(&files, "m.onnx").is_ok());
}
