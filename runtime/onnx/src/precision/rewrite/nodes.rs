//! Nodes and attributes as the rewriting makes them.

use crate::proto::{AttributeProto, AttributeType, NodeProto};

/// An attribute that is a number.
pub(in crate::precision) fn number(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(AttributeType::Int as i32),
        ..AttributeProto::default()
    }
}

/// A node of ONNX's own operators, named as its first output.
pub(in crate::precision) fn plain(operator: &str, inputs: &[&String], outputs: Vec<String>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|input| (*input).clone()).collect(),
        name: outputs.first().cloned(),
        output: outputs,
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    }
}
