//! What a graph declares before it is run: its inputs, and which of its nodes
//! compute on integers. Those compute shapes, masks and indices; a runtime may
//! keep them on the CPU without moving any of the model's work there.

use std::collections::HashMap;

use super::inputs::{self, Input};
use super::look;
use crate::Error;
use crate::files::Files;
use crate::proto::{AttributeProto, DataType, GraphProto, NodeProto};

/// What a graph declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is to be given.
    pub inputs: Vec<Input>,
    /// Names of the nodes whose data is integer, boolean or text.
    pub integer_nodes: Vec<String>,
    /// Names of the other nodes: their data is floating point, or of a type that cannot be told.
    pub other_nodes: Vec<String>,
}

/// What the graph of the model in `file` declares. The nodes of graphs within it, such as branches, are among its nodes:
/// where one node of several that have a name computes on integers, the name is in both lists.
///
/// # Errors
/// Those of [`external_files`](super::external_files).
pub fn facts(files: &dyn Files, file: &str) -> Result<Facts, Error> {
    let graph = look(files, file)?.graph.unwrap_or_default();
    let mut nodes = Nodes::default();
    nodes.add(&graph, HashMap::new());
    Ok(Facts { inputs: inputs::of_graph(&graph), integer_nodes: nodes.integer, other_nodes: nodes.other })
}

/// Names of nodes.
#[derive(Default)]
struct Nodes {
    integer: Vec<String>,
    other: Vec<String>,
}

impl Nodes {
    /// Adds those of a graph, which sees the values of the graph around it: `types`.
    fn add<'a>(&mut self, graph: &'a GraphProto, mut types: HashMap<&'a str, DataType>) {
        for tensor in &graph.initializer {
            types.insert(tensor.name(), tensor.data_type());
        }
        for input in &graph.input {
            let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
            types.insert(input.name(), tensor.map_or(DataType::Undefined, |tensor| tensor.elem_type()));
        }
        // Nodes of a valid graph stand in topological order.
        for node in &graph.node {
            let type_of = |index: usize| {
                let name = node.input.get(index).map_or("", String::as_str);
                types.get(name).copied().unwrap_or(DataType::Undefined)
            };
            let result = result_type(node, type_of);
            // A cast of integers is bookkeeping too, whatever it gives.
            let data = if node.op_type() == "Cast" { type_of(0) } else { result };
            types.extend(node.output.iter().map(|output| (output.as_str(), result)));
            let nodes = if is_integer(data) { &mut self.integer } else { &mut self.other };
            nodes.push(node.name().to_owned());
            for inner in node.graphs() {
                self.add(inner, types.clone());
            }
        }
    }
}

/// The type of a node's results, as far as telling integers from floats needs it.
fn result_type(node: &NodeProto, type_of: impl Fn(usize) -> DataType) -> DataType {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name() == name);
    let value = |attribute: &AttributeProto| attribute.t.as_ref().map(|tensor| tensor.data_type());
    match node.op_type() {
        "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" => DataType::Int64,
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Not" | "And" | "Or" | "IsNaN" => {
            DataType::Bool
        }
        "Cast" => {
            let to = attribute("to").and_then(|to| i32::try_from(to.i()).ok());
            to.and_then(|to| DataType::try_from(to).ok()).unwrap_or(DataType::Undefined)
        }
        "Constant" if attribute("value_int").or(attribute("value_ints")).is_some() => DataType::Int64,
        "Constant" => attribute("value").and_then(value).unwrap_or(DataType::Undefined),
        "ConstantOfShape" => attribute("value").and_then(value).unwrap_or(DataType::Float),
        "Where" => type_of(1),
        _ => type_of(0),
    }
}

fn is_integer(dtype: DataType) -> bool {
    use DataType::{
        Bfloat16, Double, Float, Float4E2m1, Float6E2m3, Float6E3m2, Float8E4m3Fn, Float8E4m3Fnuz, Float8E5m2,
        Float8E5m2Fnuz, Float8E8m0, Float16, Undefined,
    };
    !matches!(
        dtype,
        Undefined
            | Float
            | Double
            | Float16
            | Bfloat16
            | Float8E4m3Fn
            | Float8E4m3Fnuz
            | Float8E5m2
            | Float8E5m2Fnuz
            | Float8E8m0
            | Float4E2m1
            | Float6E2m3
            | Float6E3m2
    )
}
