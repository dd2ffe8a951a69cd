//! Puts nodes, weights and constants together to an ONNX graph.
//!
//! Weights stay where they are: an initializer is external data that points
//! into the safetensors file. Constants are a few bytes and go into the graph.
//! What the nodes compute together is not known here.

use std::{collections::BTreeSet, ops::Range};

use prost::Message;
use safetensors::Dtype;

use super::{
    BuildOptions, BuiltGraph, Error, IndexType,
    checkpoint::{Checkpoint, Location},
    onnx::{
        AttributeProto, AttributeType, DataLocation, DataType, Dimension, GraphProto, ModelProto, NodeProto,
        OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
        ValueInfoProto,
    },
};

/// The first opset with `Gelu`.
const OPSET: i64 = 20;
/// The IR version that came with that opset.
const IR_VERSION: i64 = 9;

/// The name of a tensor in the graph.
pub(super) type Value = String;

/// A node's attribute.
pub(super) enum Attribute<'a> {
    /// `INT`
    Int(i64),
    /// `INTS`
    Ints(&'a [i64]),
    /// `FLOAT`
    Float(f32),
}

/// The length of a dimension of an input or an output.
#[derive(Clone, Copy)]
pub(super) enum Length<'a> {
    /// The same for every run.
    Fixed(usize),
    /// Whatever is given; dimensions of one name are equal.
    Symbol(&'a str),
}

/// A graph under construction. Nodes are named by the path of the module that
/// they stem from (`encoder/layer.0/attention/self/query/MatMul`), and a node's
/// only output is named as the node.
pub struct Builder<'a> {
    graph: GraphProto,
    checkpoint: &'a Checkpoint,
    options: &'a BuildOptions,
    initializers: BTreeSet<String>,
    turned: BTreeSet<String>,
    external: BTreeSet<String>,
    /// What the names of nodes begin with: a pass over weights that an earlier one took too.
    pass: String,
    /// Whether some node is of onnxruntime's own operators.
    contrib: bool,
    /// Whether some weight has an element type that browsers do not compute with.
    needs_conversion: bool,
    /// What the graph's metadata has beside the usual.
    notes: Vec<(&'static str, String)>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(checkpoint: &'a Checkpoint, options: &'a BuildOptions) -> Self {
        Self {
            graph: GraphProto::default(),
            checkpoint,
            options,
            initializers: BTreeSet::new(),
            turned: BTreeSet::new(),
            external: BTreeSet::new(),
            pass: String::new(),
            contrib: false,
            needs_conversion: false,
            notes: Vec::new(),
        }
    }

    /// Puts something into the graph's metadata, in the place of what it had under this key.
    pub(super) fn note(&mut self, key: &'static str, value: impl ToString) {
        self.notes.retain(|(known, _)| *known != key);
        self.notes.push((key, value.to_string()));
    }

    /// An input of indices, `[batch, sequence]`.
    pub(super) fn index_input(&mut self, name: &str) -> Value {
        let dtype = match self.options.index_type {
            IndexType::Int32 => DataType::Int32,
            IndexType::Int64 => DataType::Int64,
        };
        self.input(name, dtype, &[Length::Symbol("batch"), Length::Symbol("sequence")])
    }

    /// An input of any shape.
    pub(super) fn input(&mut self, name: &str, dtype: DataType, shape: &[Length]) -> Value {
        self.graph.input.push(value_info(name, dtype, shape));
        name.to_owned()
    }

    /// An output that some node gives under this name.
    pub(super) fn output(&mut self, name: &str, dtype: DataType, shape: &[Length]) {
        self.graph.output.push(value_info(name, dtype, shape));
    }

    /// An output that is this value.
    pub(super) fn output_of(&mut self, name: &str, value: Value, dtype: DataType, shape: &[Length]) {
        self.graph.node.push(NodeProto {
            input: vec![value],
            output: vec![name.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some("Identity".to_owned()),
            ..NodeProto::default()
        });
        self.output(name, dtype, shape);
    }

    /// A node; its output has its name.
    pub(super) fn node(
        &mut self,
        scope: &str,
        operator: &str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute)],
    ) -> Value {
        let name = format!("{}{scope}/{operator}", self.pass);
        self.push(name, operator, inputs, attributes)
    }

    /// A node of onnxruntime's own operators. An empty input is one that is absent. Its first output has its name,
    /// and `others` are the names of those that follow; an empty one is left out.
    pub(super) fn contrib(
        &mut self,
        scope: &str,
        operator: &str,
        inputs: &[&str],
        others: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> Value {
        let name = format!("{}{scope}/{operator}", self.pass);
        self.contrib = true;
        let others = others.iter().map(|output| (*output).to_owned());
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: std::iter::once(name.clone()).chain(others).collect(),
            name: Some(name.clone()),
            op_type: Some(operator.to_owned()),
            domain: Some("com.microsoft".to_owned()),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..NodeProto::default()
        });
        name
    }

    fn push(&mut self, name: String, operator: &str, inputs: &[&Value], attributes: &[(&str, Attribute)]) -> Value {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| (*input).clone()).collect(),
            output: vec![name.clone()],
            name: Some(name.clone()),
            op_type: Some(operator.to_owned()),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..NodeProto::default()
        });
        name
    }

    /// A conversion to another element type.
    pub(super) fn cast(&mut self, scope: &str, input: &Value, to: DataType) -> Value {
        self.node(scope, "Cast", &[input], &[("to", Attribute::Int(to as i64))])
    }

    /// Lets the names of nodes begin with this from here on: `encoder.layer.1/`
    /// for the second pass over weights that several layers share.
    pub(super) fn begin_pass(&mut self, name: String) {
        self.pass = name;
    }

    /// A weight of the checkpoint as single precision.
    pub(super) fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Value, Error> {
        let (tensor, location) = self.checkpoint.weight(name, shape)?;
        let location = location.clone();
        Ok(self.initializer(tensor, &location, shape))
    }

    /// Some rows of a weight of this shape as single precision: one of the
    /// matrices that a checkpoint keeps below each other in one tensor.
    pub(super) fn weight_rows(&mut self, name: &str, shape: &[usize], rows: Range<usize>) -> Result<Value, Error> {
        let (tensor, location) = self.checkpoint.weight(name, shape)?;
        let row = location.length / shape[0].max(1) as u64;
        let (offset, length) = (location.offset + row * rows.start as u64, row * rows.len() as u64);
        let location = Location { offset, length, ..location.clone() };
        let shape = [&[rows.len()], &shape[1..]].concat();
        Ok(self.initializer(format!("{tensor}/{}_{}", rows.start, rows.end), &location, &shape))
    }

    /// A matrix of the checkpoint with its axes swapped, once for all who take it
    /// so. `name` is that of its module.
    pub(super) fn transposed(&mut self, name: &str, weight: &Value) -> Value {
        let turned = format!("{name}/Transpose");
        if self.turned.insert(turned.clone()) {
            self.push(turned.clone(), "Transpose", &[weight], &[("perm", Attribute::Ints(&[1, 0]))]);
        }
        turned
    }

    fn initializer(&mut self, tensor: String, location: &Location, shape: &[usize]) -> Value {
        let (dtype, cast) = match location.dtype {
            Dtype::F16 => (DataType::Float16, true),
            Dtype::BF16 => (DataType::Bfloat16, true),
            Dtype::F64 => (DataType::Double, true),
            _ => (DataType::Float, false),
        };
        self.needs_conversion |= matches!(location.dtype, Dtype::BF16 | Dtype::F64);
        let cast_name = format!("{tensor}/Cast");
        if self.initializers.insert(tensor.clone()) {
            self.external.insert(location.file.clone());
            self.graph.initializer.push(TensorProto {
                dims: dimensions(shape),
                data_type: Some(dtype as i32),
                name: Some(tensor.clone()),
                external_data: vec![
                    entry("location", &location.file),
                    entry("offset", &location.offset.to_string()),
                    entry("length", &location.length.to_string()),
                ],
                data_location: Some(DataLocation::External as i32),
                ..TensorProto::default()
            });
            if cast {
                let to = [("to", Attribute::Int(DataType::Float as i64))];
                self.push(cast_name.clone(), "Cast", &[&tensor], &to);
            }
        }
        if cast { cast_name } else { tensor }
    }

    /// Takes weights from other tensors from here on, such as the same ones under their whole names.
    pub(super) fn take_from(&mut self, checkpoint: &'a Checkpoint) {
        self.checkpoint = checkpoint;
    }

    /// The shape of a tensor of the checkpoint.
    pub(super) fn weight_shape(&self, name: &str) -> Option<&[usize]> {
        self.checkpoint.shape(name)
    }

    /// Whether the checkpoint has a tensor of this name.
    pub(super) fn has_weight(&self, name: &str) -> bool {
        self.checkpoint.contains(name)
    }

    /// A constant of 64 bit integers: shapes and axes, which operators want so.
    pub(super) fn int64s(&mut self, values: &[i64]) -> Value {
        let name = values.iter().map(i64::to_string).collect::<Vec<_>>().join("_");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(format!("int64s/{name}"), DataType::Int64, vec![values.len() as i64], bytes)
    }

    /// A constant of 32 bit integers.
    pub(super) fn int32s(&mut self, name: &str, values: &[i32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name.to_owned(), DataType::Int32, vec![values.len() as i64], bytes)
    }

    /// A constant of single precision whose values fill a shape.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name.to_owned(), DataType::Float, dimensions(shape), bytes)
    }

    /// A scalar of 32 bit integers.
    pub(super) fn int32(&mut self, value: i32) -> Value {
        self.constant(format!("int32/{value}"), DataType::Int32, vec![], value.to_le_bytes().to_vec())
    }

    /// A scalar of single precision.
    pub(super) fn float(&mut self, value: f32) -> Value {
        self.constant(format!("float/{value}"), DataType::Float, vec![], value.to_le_bytes().to_vec())
    }

    /// The finished model, with this single precision output, `[batch, sequence, hidden]`.
    pub(super) fn finish(mut self, name: &str, output: Value, hidden: usize, architecture: &str) -> BuiltGraph {
        let shape = [Length::Symbol("batch"), Length::Symbol("sequence"), Length::Fixed(hidden)];
        self.output_of(name, output, DataType::Float, &shape);
        self.done(architecture)
    }

    /// The finished model, with the outputs that it was given.
    pub(super) fn done(mut self, architecture: &str) -> BuiltGraph {
        self.graph.name = Some(architecture.to_owned());
        let mut metadata_props = vec![entry("producer", "pelago"), entry("architecture", architecture)];
        metadata_props.extend(self.options.parent.iter().map(|parent| entry("parent", parent)));
        metadata_props.extend(self.notes.iter().map(|(key, value)| entry(key, value)));
        let import =
            |domain: &str, version| OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        let mut imports = vec![import("", OPSET)];
        imports.extend(self.contrib.then(|| import("com.microsoft", 1)));
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("pelago".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(self.graph),
            opset_import: imports,
            metadata_props,
            ..ModelProto::default()
        };
        let external = self.external.into_iter().collect();
        BuiltGraph { onnx: model.encode_to_vec(), external, needs_conversion: self.needs_conversion }
    }

    fn constant(&mut self, name: String, dtype: DataType, dims: Vec<i64>, bytes: Vec<u8>) -> Value {
        if self.initializers.insert(name.clone()) {
            self.graph.initializer.push(TensorProto {
                dims,
                data_type: Some(dtype as i32),
                name: Some(name.clone()),
                raw_data: Some(bytes),
                ..TensorProto::default()
            });
        }
        name
    }
}

fn dimensions(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|dimension| *dimension as i64).collect()
}

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) }
}

fn value_info(name: &str, dtype: DataType, shape: &[Length]) -> ValueInfoProto {
    let dimension = |length: &Length| match length {
        Length::Fixed(length) => Dimension { dim_value: Some(*length as i64), ..Dimension::default() },
        Length::Symbol(name) => Dimension { dim_param: Some((*name).to_owned()), ..Dimension::default() },
    };
    let dim = shape.iter().map(dimension).collect();
    let tensor = TensorTypeProto { elem_type: Some(dtype as i32), shape: Some(TensorShapeProto { dim }) };
    let r#type = Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() });
    ValueInfoProto { name: Some(name.to_owned()), r#type, ..ValueInfoProto::default() }
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
    let kind = match value {
        Attribute::Int(value) => {
            proto.i = Some(*value);
            AttributeType::Int
        }
        Attribute::Ints(values) => {
            proto.ints = values.to_vec();
            AttributeType::Ints
        }
        Attribute::Float(value) => {
            proto.f = Some(*value);
            AttributeType::Float
        }
    };
    proto.r#type = Some(kind as i32);
    proto
}
