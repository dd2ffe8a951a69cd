//! Constants as nodes see them: a weight may reach a node through a
//! transposition, a conversion or a copy.

use std::collections::HashMap;

use super::graphs::{Definition, Graphs, Index, attribute};
use crate::{
    Error,
    files::Files,
    proto::DataType,
    read::{self, Source},
};

/// Nodes that a constant may pass before it is not looked at any further.
const STEPS_MAX: usize = 16;

/// A weight as a node takes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Constant {
    /// The graph that has it as an initializer.
    pub(super) graph: usize,
    /// Its name.
    pub(super) name: String,
    /// Whether the node sees it transposed.
    pub(super) transposed: bool,
}

/// Where a weight is and what it is.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) dtype: DataType,
    pub(super) shape: Vec<usize>,
    /// Whether nodes take it in single precision, whatever it is kept in.
    pub(super) widened: bool,
}

/// Where weights are, looked up once each.
pub(super) struct Weights<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) model: &'a str,
    found: HashMap<(usize, String), Weight>,
}

impl<'a> Weights<'a> {
    pub(super) fn new(files: &'a dyn Files, model: &'a str) -> Self {
        Self { files, model, found: HashMap::new() }
    }

    /// Remembers where an initializer's values are, whatever its tensor says from here on.
    pub(super) fn put(&mut self, graph: usize, weight: Weight) {
        self.found.insert((graph, weight.name.clone()), weight);
    }

    /// Where an initializer's values are.
    ///
    /// # Errors
    /// Those of [`read::source`].
    pub(super) fn find(
        &mut self,
        graphs: &Graphs,
        index: &Index,
        constant: &Constant,
    ) -> Result<Option<Weight>, Error> {
        let key = (constant.graph, constant.name.clone());
        if let Some(weight) = self.found.get(&key) {
            return Ok(Some(weight.clone()));
        }
        let Some((graph, Definition::Constant(number))) = index.find(constant.graph, &constant.name) else {
            return Ok(None);
        };
        let tensor = &graphs.all[graph].graph.initializer[number];
        let Ok(dtype) = DataType::try_from(tensor.data_type.unwrap_or_default()) else { return Ok(None) };
        let source = read::source(self.files, self.model, tensor)?;
        let shape = tensor.dims.iter().map(|length| *length as usize).collect();
        let weight = Weight { name: constant.name.clone(), source, dtype, shape, widened: false };
        self.found.insert(key, weight.clone());
        Ok(Some(weight))
    }
}

impl Weight {
    /// Whether its elements are floating point numbers that can be read.
    pub(super) fn is_float(&self) -> bool {
        self.widened || matches!(self.dtype, DataType::Float | DataType::Float16 | DataType::Bfloat16)
    }

    /// Bytes that it has where it keeps its precision.
    pub(super) fn bytes(&self) -> u64 {
        if self.widened { 4 * self.count() as u64 } else { self.source.length() }
    }

    /// Bytes of an element.
    pub(super) fn element(&self) -> u64 {
        read::element_bits(self.dtype as i32).unwrap_or(8).div_ceil(8)
    }

    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Some of its elements in single precision.
    pub(super) fn floats(&self, files: &dyn Files, from: usize, count: usize) -> Result<Vec<f32>, Error> {
        let bytes = self.source.read(files, from as u64 * self.element(), count * self.element() as usize)?;
        Ok(match self.dtype {
            DataType::Float16 => {
                bytes.as_chunks::<2>().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32()).collect()
            }
            DataType::Bfloat16 => {
                bytes.as_chunks::<2>().0.iter().map(|bytes| half::bf16::from_le_bytes(*bytes).to_f32()).collect()
            }
            DataType::Double => {
                bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()
            }
            _ => bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        })
    }
}

/// The constant that a value is, if it is one.
pub(super) fn constant(graphs: &Graphs, index: &Index, graph: usize, name: &str) -> Option<Constant> {
    let (mut graph, mut name, mut transposed) = (graph, name.to_owned(), false);
    for _ in 0..STEPS_MAX {
        let (found, definition) = index.find(graph, &name)?;
        let node = match definition {
            Definition::Constant(_) => return Some(Constant { graph: found, name, transposed }),
            Definition::Node(node) => graphs.node(found, node),
            Definition::Input | Definition::Other => return None,
        };
        if !node.domain().is_empty() {
            return None;
        }
        match node.op_type() {
            "Identity" => {}
            "Cast" if attribute(node, "to")?.i == Some(DataType::Float as i64) => {}
            "Transpose" => match attribute(node, "perm").map(|perm| perm.ints.as_slice()) {
                // Without an order the axes are reversed; for a matrix that is this one.
                None | Some([1, 0]) => transposed = !transposed,
                Some([0, 1]) => {}
                Some(_) => return None,
            },
            _ => return None,
        }
        (graph, name) = (found, node.input.first()?.clone());
    }
    None
}
