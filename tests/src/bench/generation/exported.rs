//! Pelago's graph of a decoder with the inputs and outputs that transformers.js knows: `input_ids` and `attention_mask` of
//! 64 bits, `past_key_values.*`, and logits of three dimensions. What it computes is the same; it gives logits of the last
//! token, where exporters' graphs compute those of every token of a prompt.

use std::collections::BTreeSet;

use pelago_onnx::graph::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use prost::Message as _;

use crate::Failure;

/// The graph of `onnx/model.onnx`.
pub(super) fn graph(onnx: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut model = ModelProto::decode(onnx)?;
    let graph = model.graph.as_mut().ok_or("a model without a graph")?;
    rename_cache(graph);
    let mut nodes = indices(graph);
    nodes.append(&mut graph.node);
    graph.node = nodes;
    logits(graph)?;
    prune(graph);
    Ok(model.encode_to_vec())
}

/// Names the cache as exporters do, and the number of rows: transformers.js makes an empty cache by that.
fn rename_cache(graph: &mut GraphProto) {
    let tensors = graph.input.iter_mut().chain(&mut graph.output);
    let shapes = tensors.filter_map(|value| value.r#type.as_mut()?.tensor_type.as_mut()?.shape.as_mut());
    for dimension in shapes.flat_map(|shape| &mut shape.dim).filter(|dimension| dimension.dim_param() == "batch") {
        dimension.dim_param = Some("batch_size".to_owned());
    }
    let renamed = |name: &str| name.strip_prefix("past.").map(|rest| format!("past_key_values.{rest}"));
    for input in &mut graph.input {
        if let Some(name) = renamed(input.name()) {
            input.name = Some(name);
        }
    }
    for name in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if let Some(new) = renamed(name) {
            *name = new;
        }
    }
}

/// Replaces the inputs of indices; gives the nodes that make the old ones of the new ones.
fn indices(graph: &mut GraphProto) -> Vec<NodeProto> {
    const IDS: &str = "input_ids/int32";
    graph.input.retain(|input| input.name().starts_with("past_key_values."));
    graph.input.insert(0, value("input_ids", DataType::Int64, &["batch_size", "sequence_length"]));
    graph.input.insert(1, value("attention_mask", DataType::Int64, &["batch_size", "total_sequence_length"]));
    for name in graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|name| *name == "input_ids") {
        IDS.clone_into(name);
    }
    for (name, dims) in [("exported/one", vec![]), ("exported/axis", vec![1])] {
        graph.initializer.push(TensorProto {
            dims,
            data_type: Some(DataType::Int64 as i32),
            name: Some(name.to_owned()),
            raw_data: Some(1_i64.to_le_bytes().to_vec()),
            ..TensorProto::default()
        });
    }
    let int32 = [("to", DataType::Int32 as i64)];
    vec![
        node("Cast", &["input_ids"], IDS, &int32),
        node("ReduceSum", &["attention_mask", "exported/axis"], "attention_mask/sum", &[("keepdims", 0)]),
        node("Sub", &["attention_mask/sum", "exported/one"], "attention_mask/last", &[]),
        node("Cast", &["attention_mask/last"], "seqlens_k", &int32),
        node("Shape", &["attention_mask"], "attention_mask/shape", &[]),
        node("Gather", &["attention_mask/shape", "exported/one"], "attention_mask/total", &[("axis", 0)]),
        node("Cast", &["attention_mask/total"], "total_sequence_length", &int32),
    ]
}

/// Gives logits a dimension of tokens.
fn logits(graph: &mut GraphProto) -> Result<(), Failure> {
    const ROWS: &str = "logits/rows";
    graph.output.retain(|output| output.name() == "logits" || output.name().starts_with("present."));
    let output = graph.output.iter_mut().find(|output| output.name() == "logits").ok_or("a graph without logits")?;
    let shape = output.r#type.as_mut().and_then(|of| of.tensor_type.as_mut()?.shape.as_mut());
    let one = Dimension { dim_value: Some(1), ..Dimension::default() };
    shape.ok_or("logits without a shape")?.dim.insert(1, one);
    for name in graph.node.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
        if name == "logits" {
            ROWS.clone_into(name);
        }
    }
    graph.node.push(node("Unsqueeze", &[ROWS, "exported/axis"], "logits", &[]));
    Ok(())
}

/// Leaves out what no output needs, such as the choice of the next token.
fn prune(graph: &mut GraphProto) {
    let mut needed = graph.output.iter().map(|output| output.name().to_owned()).collect::<BTreeSet<_>>();
    let mut kept = Vec::new();
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|output| needed.contains(output)) {
            needed.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|tensor| needed.contains(tensor.name()));
    graph.value_info.clear();
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) -> NodeProto {
    let attribute = |(name, value): &(&str, i64)| AttributeProto {
        name: Some((*name).to_owned()),
        r#type: Some(AttributeType::Int as i32),
        i: Some(*value),
        ..AttributeProto::default()
    };
    NodeProto {
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(format!("exported/{output}")),
        op_type: Some(operator.to_owned()),
        attribute: attributes.iter().map(attribute).collect(),
        ..NodeProto::default()
    }
}

fn value(name: &str, dtype: DataType, shape: &[&str]) -> ValueInfoProto {
    let dimension = |name: &&str| Dimension { dim_param: Some((*name).to_owned()), ..Dimension::default() };
    let shape = TensorShapeProto { dim: shape.iter().map(dimension).collect() };
    let tensor = TensorTypeProto { elem_type: Some(dtype as i32), shape: Some(shape) };
    let r#type = Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() });
    ValueInfoProto { name: Some(name.to_owned()), r#type, ..ValueInfoProto::default() }
}
