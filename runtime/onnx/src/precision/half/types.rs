//! Which values are floating point numbers, and which of them come from the
//! model's input or weights (and not only from positions, masks and constants).

use std::collections::HashMap;

use super::operators::{Gives, gives};
use crate::{
    Error,
    precision::{
        check::order,
        graphs::{Graphs, Index, ValueId, attribute, graphs_of, label},
    },
    proto::{DataType, NodeProto, TensorProto, TypeProto},
};

/// Tables of more bytes than this are weights, smaller ones constants.
pub(super) const CONSTANT_MAX: u64 = 4096;

/// What is known of each value.
pub(super) struct Types {
    types: HashMap<ValueId, i32>,
    /// Whether a value depends on numbers that a model was trained for or given.
    carries: HashMap<ValueId, bool>,
}

impl Types {
    /// Whether a value is of single precision.
    pub(super) fn is_float(&self, value: &ValueId) -> bool {
        self.types.get(value) == Some(&(DataType::Float as i32))
    }

    pub(super) fn carries(&self, value: &ValueId) -> bool {
        self.carries.get(value).copied().unwrap_or_default()
    }

    /// Of every value of a model.
    ///
    /// # Errors
    /// [`Error::Operator`] or [`Error::Cycle`].
    pub(super) fn of(graphs: &Graphs, index: &Index) -> Result<Self, Error> {
        let mut types = Self { types: HashMap::new(), carries: HashMap::new() };
        types.graph(graphs, index, 0)?;
        Ok(types)
    }

    fn set(&mut self, graph: usize, name: &str, dtype: i32, carries: bool) {
        self.types.insert((graph, name.to_owned()), dtype);
        self.carries.insert((graph, name.to_owned()), carries);
    }

    fn get(&self, index: &Index, graph: usize, name: &str) -> (i32, bool) {
        let Some((home, _)) = index.find(graph, name) else { return (0, false) };
        let value = (home, name.to_owned());
        (self.types.get(&value).copied().unwrap_or_default(), self.carries(&value))
    }

    fn graph(&mut self, graphs: &Graphs, index: &Index, graph: usize) -> Result<(), Error> {
        let proto = &graphs.all[graph].graph;
        for input in &proto.input {
            let dtype = input.r#type.as_ref().map_or(0, element_type);
            self.set(graph, input.name(), dtype, dtype == DataType::Float as i32);
        }
        for tensor in &proto.initializer {
            let bytes = elements(tensor).saturating_mul(4);
            self.set(graph, tensor.name(), tensor.data_type.unwrap_or_default(), bytes > CONSTANT_MAX);
        }
        for number in order(graphs, index, graph)? {
            let node = graphs.node(graph, number);
            for within in graphs_of(node) {
                self.graph(graphs, index, within)?;
            }
            let carries = node.input.iter().any(|input| !input.is_empty() && self.get(index, graph, input).1);
            for (output, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                let (dtype, within) = self.output(graphs, index, graph, node, output)?;
                self.set(graph, name, dtype, carries || within);
            }
        }
        Ok(())
    }

    /// The type of an output, and whether a graph within makes it carry something.
    fn output(
        &self,
        graphs: &Graphs,
        index: &Index,
        graph: usize,
        node: &NodeProto,
        output: usize,
    ) -> Result<(i32, bool), Error> {
        let unknown = || Error::Operator {
            node: label(node),
            operator: node.op_type().to_owned(),
            domain: node.domain().to_owned(),
        };
        if node.domain().is_empty() && matches!(node.op_type(), "If" | "Loop") {
            let within = graphs_of(node).next().ok_or_else(unknown)?;
            // A loop's body gives first whether it goes on.
            let place = output + usize::from(node.op_type() == "Loop");
            let name = graphs.all[within].graph.output.get(place).ok_or_else(unknown)?.name();
            return Ok((self.get(index, within, name).0, true));
        }
        if node.domain().is_empty() && matches!(node.op_type(), "Constant" | "ConstantOfShape") {
            return Ok((constant_type(node), false));
        }
        let dtype = match gives(node.domain(), node.op_type(), output).ok_or_else(unknown)? {
            Gives::Input(number) => node.input.get(number).map_or(0, |name| self.get(index, graph, name).0),
            Gives::Attribute(name) => {
                attribute(node, name).and_then(|it| it.i).map_or(DataType::Float as i32, |it| it as i32)
            }
            Gives::Other => DataType::Undefined as i32,
            Gives::Float => DataType::Float as i32,
        };
        Ok((dtype, false))
    }
}

/// How many elements a tensor has.
pub(super) fn elements(tensor: &TensorProto) -> u64 {
    tensor.dims.iter().fold(1u64, |product, length| product.saturating_mul(length.unsigned_abs()))
}

/// The element type of a tensor, none of anything else.
pub(super) fn element_type(found: &TypeProto) -> i32 {
    found.tensor_type.as_ref().and_then(|tensor| tensor.elem_type).unwrap_or_default()
}

fn constant_type(node: &NodeProto) -> i32 {
    let value = node.attribute.first();
    let tensor = value.and_then(|attribute| attribute.t.as_ref()).map(|tensor| tensor.data_type.unwrap_or_default());
    tensor.unwrap_or(match value.map(|attribute| attribute.name()) {
        Some("value_int" | "value_ints") => DataType::Int64 as i32,
        Some("value_string" | "value_strings") => DataType::String as i32,
        Some("sparse_value") => DataType::Undefined as i32,
        _ => DataType::Float as i32,
    })
}
