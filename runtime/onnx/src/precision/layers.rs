//! The layers of a model: nodes with a weight that may be kept in fewer bits,
//! and what part of the model each is of.

use std::collections::{BTreeMap, HashMap};

use super::{
    constant::{Constant, Weights, constant},
    graphs::{Graphs, Index, int, label},
};
use crate::Error;

/// Where in a model a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A table, or something before the first block.
    Embedding,
    /// In the first block of its stack.
    First,
    /// In the last block of its stack.
    Last,
    /// After the last block.
    Head,
    /// Anywhere else.
    Body,
}

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `input × weight`.
    MatMul,
    /// `alpha · input × weight + beta · bias`.
    Gemm,
    /// Rows of a table.
    Gather,
    /// A convolution of any number of dimensions.
    Conv,
}

/// A node and its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The node's name, or its output's where it has none.
    pub node: String,
    /// What it computes.
    pub kind: Kind,
    /// The weight's name.
    pub weight: String,
    /// The weight's shape, as it is kept.
    pub shape: Vec<usize>,
    /// Where it is.
    pub role: Role,
    pub(super) at: (usize, usize),
    pub(super) constant: Constant,
}

/// Why a node that has a weight, or might, keeps its precision.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Both factors come from the input.
    NoConstant,
    /// The weight is not a matrix.
    Rank(usize),
    /// The weight is the first factor, whose rows are not summed over.
    FirstFactor,
    /// `transA` of `Gemm`.
    TransposedInput,
    /// The table is read along another axis than its first.
    Axis(i64),
    /// Rows of a table of 2 or 8 bits that do not fill whole blocks.
    TableWidth(usize),
    /// It has no floating point numbers.
    ElementType,
    /// Blocks would take no fewer bytes.
    TooSmall,
    /// There is no kernel for convolutions with such weights.
    Convolution,
    /// The recipe says so.
    Recipe,
}

/// Layers, and nodes that look like some but are none.
pub(super) struct Layers {
    pub(super) layers: Vec<Layer>,
    pub(super) kept: Vec<(String, Reason)>,
}

/// The layers of a model, in the order of its nodes.
pub(super) fn find(graphs: &Graphs, index: &Index, weights: &mut Weights) -> Result<Layers, Error> {
    let mut found = Layers { layers: Vec::new(), kept: Vec::new() };
    for (graph, scope) in graphs.all.iter().enumerate() {
        for (number, node) in scope.graph.node.iter().enumerate() {
            let (kind, input) = match (node.domain(), node.op_type()) {
                ("" | "ai.onnx", "MatMul") => (Kind::MatMul, 1),
                ("" | "ai.onnx", "Gemm") => (Kind::Gemm, 1),
                ("" | "ai.onnx", "Gather") => (Kind::Gather, 0),
                ("" | "ai.onnx", "Conv" | "ConvTranspose") => (Kind::Conv, 1),
                _ => continue,
            };
            let (Some(name), Some(_), Some(_)) = (node.input.get(input), node.input.get(1), node.output.first()) else {
                continue;
            };
            let Some(constant) = constant(graphs, index, graph, name) else {
                let first = node.input.first().and_then(|name| self::constant(graphs, index, graph, name));
                match (kind, first) {
                    (Kind::Gather, _) => {}
                    (Kind::MatMul | Kind::Gemm, Some(_)) => found.kept.push((label(node), Reason::FirstFactor)),
                    _ => found.kept.push((label(node), Reason::NoConstant)),
                }
                continue;
            };
            let Some(weight) = weights.find(graphs, index, &constant)? else { continue };
            let rank = weight.shape.len();
            let reason = match kind {
                // Indices and masks are looked up too; only tables are layers.
                Kind::Gather if rank < 2 || !weight.is_float() => continue,
                _ if !weight.is_float() => Some(Reason::ElementType),
                Kind::Conv => None,
                _ if rank != 2 => Some(Reason::Rank(rank)),
                Kind::Gather if constant.transposed => Some(Reason::Axis(1)),
                Kind::Gather => Some(int(node, "axis", 0)).filter(|axis| *axis != 0).map(Reason::Axis),
                Kind::Gemm if int(node, "transA", 0) != 0 => Some(Reason::TransposedInput),
                _ => None,
            };
            if let Some(reason) = reason {
                found.kept.push((label(node), reason));
                continue;
            }
            let (weight, shape) = (weight.name, weight.shape);
            let (node, at, role) = (label(node), (graph, number), Role::Body);
            found.layers.push(Layer { node, kind, weight, shape, role, at, constant });
        }
    }
    give_roles(&mut found.layers);
    Ok(found)
}

/// Blocks are told by the first part of a name that is a number: `0` in
/// `/encoder/layer.0/attention/…`; what comes before it names their stack.
fn give_roles(layers: &mut [Layer]) {
    let places = layers.iter().map(|layer| block_of(&layer.node).or_else(|| block_of(&layer.weight)));
    let places = places.collect::<Vec<_>>();
    let mut stacks: HashMap<(usize, String), (u32, u32)> = HashMap::new();
    // Where the blocks of each graph begin and end.
    let mut spans: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (number, (layer, place)) in layers.iter().zip(&places).enumerate() {
        let Some((stack, block)) = place else { continue };
        let (first, last) = stacks.entry((layer.at.0, stack.clone())).or_insert((*block, *block));
        (*first, *last) = ((*first).min(*block), (*last).max(*block));
        spans.entry(layer.at.0).or_insert((number, number)).1 = number;
    }
    for (number, (layer, place)) in layers.iter_mut().zip(&places).enumerate() {
        layer.role = match (place, spans.get(&layer.at.0)) {
            (_, _) if layer.kind == Kind::Gather => Role::Embedding,
            (Some((stack, block)), _) => {
                let (first, last) = stacks[&(layer.at.0, stack.clone())];
                match () {
                    // A stack of one block has no other to be more critical than.
                    () if first == last => Role::Body,
                    () if *block == first => Role::First,
                    () if *block == last => Role::Last,
                    () => Role::Body,
                }
            }
            (None, Some((start, _))) if number < *start => Role::Embedding,
            (None, Some((_, end))) if number > *end => Role::Head,
            (None, _) => Role::Body,
        };
    }
}

pub(super) fn block_of(name: &str) -> Option<(String, u32)> {
    let mut stack = String::new();
    for part in name.split(['/', '.']) {
        if let Ok(block) = part.parse() {
            return Some((stack, block));
        }
        stack.push_str(part);
        stack.push('/');
    }
    None
}
