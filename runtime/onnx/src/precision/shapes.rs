//! Shapes of values for given lengths of symbolic dimensions, and the memory that
//! they take as nodes run. Of the operators that Pelago's own graphs and the
//! usual exports have; what an operator computes is known only for the numbers
//! that shapes are made of.

use std::collections::{BTreeMap, HashMap};

use super::{
    check::order,
    graphs::{Graphs, Index, Use, ValueId, graphs_of, label},
    infer::{Known, infer},
};
use crate::{
    Error,
    proto::{DataType, TensorProto, TypeProto},
    read::element_bits,
};

/// More than any tensor has, so that sums of a few do not overflow.
const BYTES_MAX: u64 = 1 << 56;

/// The most bytes that are alive at once, and nodes whose results' shapes are not
/// known.
pub(super) fn activations(graphs: &Graphs, lengths: &BTreeMap<String, u64>) -> Result<(u64, Vec<String>), Error> {
    let index = graphs.index()?;
    let mut run = Run { graphs, index: &index, lengths, known: HashMap::new(), unknown: Vec::new() };
    let peak = run.graph(0)?;
    Ok((peak, run.unknown))
}

struct Run<'a> {
    graphs: &'a Graphs,
    index: &'a Index,
    lengths: &'a BTreeMap<String, u64>,
    known: HashMap<ValueId, Known>,
    unknown: Vec<String>,
}

impl Run<'_> {
    /// The most that a graph's values take at once.
    fn graph(&mut self, graph: usize) -> Result<u64, Error> {
        let proto = &self.graphs.all[graph].graph;
        let mut alive = 0u64;
        for input in &proto.input {
            let known = input.r#type.as_ref().map(|it| self.declared(it)).unwrap_or_default();
            alive = alive.saturating_add(known.bytes());
            self.known.insert((graph, input.name().to_owned()), known);
        }
        for tensor in &proto.initializer {
            self.known.insert((graph, tensor.name().to_owned()), constant(tensor));
        }
        let order = order(self.graphs, self.index, graph)?;
        let last = self.last_users(graph, &order);
        let mut peak = alive;
        for (step, number) in order.iter().enumerate() {
            let node = self.graphs.node(graph, *number);
            let inputs = node.input.iter().map(|name| self.get(graph, name)).collect::<Vec<_>>();
            let mut within = 0;
            for inner in graphs_of(node) {
                // One branch runs; the larger is counted.
                within = within.max(self.graph(inner)?);
            }
            let mut outputs = match node.op_type() {
                "If" | "Loop" => self.inner_outputs(node),
                _ => infer(node, &inputs),
            };
            outputs.resize_with(node.output.len(), Known::default);
            for (name, mut known) in node.output.iter().zip(outputs).filter(|(name, _)| !name.is_empty()) {
                if known.shape.is_none() {
                    self.unknown.push(label(node));
                    known.bytes = inputs.iter().map(Known::bytes).max().unwrap_or_default();
                }
                alive = alive.saturating_add(known.bytes());
                self.known.insert((graph, name.clone()), known);
            }
            peak = peak.max(alive.saturating_add(within));
            for name in last.get(&step).into_iter().flatten() {
                let freed = self.known.get(&(graph, name.clone())).map_or(0, Known::bytes);
                alive = alive.saturating_sub(freed);
            }
        }
        Ok(peak)
    }

    fn get(&self, graph: usize, name: &str) -> Known {
        let home = self.index.find(graph, name).map(|(home, _)| home);
        home.and_then(|home| self.known.get(&(home, name.to_owned())).cloned()).unwrap_or_default()
    }

    fn inner_outputs(&self, node: &crate::proto::NodeProto) -> Vec<Known> {
        let Some(inner) = graphs_of(node).max_by_key(|inner| self.graphs.all[*inner].graph.node.len()) else {
            return Vec::new();
        };
        let skip = usize::from(node.op_type() == "Loop");
        let outputs = self.graphs.all[inner].graph.output.iter().skip(skip);
        outputs.map(|output| self.get(inner, output.name())).collect()
    }

    /// The values of a graph by the step after which nobody takes them.
    fn last_users(&self, graph: usize, order: &[usize]) -> HashMap<usize, Vec<String>> {
        let step = order.iter().enumerate().map(|(step, number)| (*number, step)).collect::<HashMap<_, _>>();
        let mut last: HashMap<usize, Vec<String>> = HashMap::new();
        for number in order {
            for name in self.graphs.node(graph, *number).output.iter().filter(|name| !name.is_empty()) {
                let steps = self.index.uses_of(graph, name).iter().map(|user| match user {
                    Use::Node { graph: at, node, .. } if *at == graph => step.get(node).copied(),
                    // Within another graph, or a result: kept.
                    _ => None,
                });
                let steps = steps.chain([step.get(number).copied()]).collect::<Option<Vec<_>>>();
                if let Some(step) = steps.and_then(|steps| steps.into_iter().max()) {
                    last.entry(step).or_default().push(name.clone());
                }
            }
        }
        last
    }

    fn declared(&self, found: &TypeProto) -> Known {
        let Some(tensor) = &found.tensor_type else { return Known::default() };
        let shape = tensor.shape.as_ref().map(|shape| {
            let lengths = shape.dim.iter().map(|dimension| match (dimension.dim_value, &dimension.dim_param) {
                (Some(value), _) => u64::try_from(value).unwrap_or(1),
                (None, Some(name)) => self.lengths.get(name).copied().unwrap_or(1),
                (None, None) => 1,
            });
            lengths.collect()
        });
        Known { shape, dtype: tensor.elem_type.unwrap_or_default(), ..Known::default() }
    }
}

fn constant(tensor: &TensorProto) -> Known {
    let shape = tensor.dims.iter().map(|length| u64::try_from(*length).unwrap_or_default()).collect();
    let integers = (tensor.data_type == Some(DataType::Int64 as i32)).then(|| match &tensor.raw_data {
        Some(raw) => raw.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
        None => tensor.int64_data.clone(),
    });
    Known {
        shape: Some(shape),
        dtype: tensor.data_type.unwrap_or_default(),
        values: integers.filter(|values: &Vec<i64>| !values.is_empty()),
        weight: true,
        bytes: 0,
    }
}

impl Known {
    /// Bytes that it takes beside the weights.
    pub(super) fn bytes(&self) -> u64 {
        match &self.shape {
            _ if self.weight => 0,
            None => self.bytes,
            Some(shape) => {
                let bits = element_bits(self.dtype).unwrap_or(32);
                let product = shape.iter().try_fold(bits, |product, length| product.checked_mul(*length));
                product.map_or(BYTES_MAX, |bits| (bits / 8).min(BYTES_MAX))
            }
        }
    }
}
