//! Puts other nodes in the place of layers that are to have fewer bits, and says
//! what their new initializers are to hold. Computes no weight itself.

mod gemm;
mod halve;
mod integer;
mod lookup;
mod nodes;

use std::collections::HashMap;

use super::{
    Form, Kind, Layer, Reason, Recipe,
    constant::{Weight, Weights},
    graphs::{Graphs, Index, int},
    jobs::{Group, Job, Jobs, Part},
    layout::Layout,
};
use crate::{
    Error,
    proto::{DataType, NodeProto, TensorProto},
};

pub(super) use nodes::{number, plain};

/// The domain of onnxruntime's own operators.
pub(super) const CONTRIB: &str = "com.microsoft";

/// The rewriting of one model.
pub(super) struct Rewrite<'a> {
    pub(super) graphs: &'a mut Graphs,
    pub(super) jobs: &'a mut Jobs,
    recipe: &'a Recipe,
    /// What takes a node's place.
    replaced: HashMap<(usize, usize), Vec<NodeProto>>,
    /// What comes before all nodes of a graph.
    front: Vec<(usize, NodeProto)>,
    made: HashMap<(usize, String, Made), usize>,
    halves: HashMap<(usize, String, bool), String>,
    quantised: HashMap<(usize, String), [String; 3]>,
}

/// What was made of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Made {
    Blocks(Layout, bool),
    Table(u8),
    Integer(bool),
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(graphs: &'a mut Graphs, jobs: &'a mut Jobs, recipe: &'a Recipe) -> Self {
        Self {
            graphs,
            jobs,
            recipe,
            replaced: HashMap::new(),
            front: Vec::new(),
            made: HashMap::new(),
            halves: HashMap::new(),
            quantised: HashMap::new(),
        }
    }

    /// Rewrites layers; gives those that keep what they have although fewer bits
    /// were asked for.
    pub(super) fn layers(
        mut self,
        index: &Index,
        weights: &mut Weights,
        layers: &[Layer],
        bits: &[u8],
    ) -> Result<Vec<(String, Reason)>, Error> {
        let mut kept = Vec::new();
        for (layer, bits) in layers.iter().zip(bits) {
            let Some(weight) = weights.find(self.graphs, index, &layer.constant)? else { continue };
            let reason = match (layer.kind, *bits) {
                (_, 32) => (self.recipe.bits < 32).then_some(Reason::Recipe),
                (_, 16) => {
                    if !self.recipe.computes_in_half() {
                        self.halve(layer, weight);
                    }
                    None
                }
                (Kind::Conv, _) => Some(Reason::Convolution),
                (Kind::Gather, bits) => self.gather(layer, weight, bits, tied(layer, layers)),
                (_, 8) if self.recipe.form == Form::Integer => self.integer(layer, weight),
                (_, 8) if self.recipe.form == Form::Stored => self.stored(layer, weight),
                (_, bits) => self.matmul(layer, weight, bits),
            };
            kept.extend(reason.map(|reason| (layer.node.clone(), reason)));
        }
        self.finish();
        Ok(kept)
    }

    fn finish(mut self) {
        for (graph, scope) in self.graphs.all.iter_mut().enumerate() {
            let nodes = std::mem::take(&mut scope.graph.node);
            let front = self.front.iter().filter(|(at, _)| *at == graph).map(|(_, node)| node.clone());
            scope.graph.node = front.collect();
            for (number, node) in nodes.into_iter().enumerate() {
                match self.replaced.remove(&(graph, number)) {
                    Some(instead) => scope.graph.node.extend(instead),
                    None => scope.graph.node.push(node),
                }
            }
        }
    }

    fn layout(&self, layer: &Layer, weight: &Weight, bits: u8) -> (Layout, bool) {
        let (rows, columns) = (weight.shape[0], weight.shape[1]);
        let transposed = seen_transposed(self.graphs.node(layer.at.0, layer.at.1), layer);
        let (k, n) = if transposed { (columns, rows) } else { (rows, columns) };
        (Layout { k, n, block: self.recipe.block, bits, symmetric: self.recipe.symmetric }, transposed)
    }

    fn matmul(&mut self, layer: &Layer, weight: Weight, bits: u8) -> Option<Reason> {
        let (layout, transposed) = self.layout(layer, &weight, bits);
        if layout.bytes() >= weight.bytes() {
            return Some(Reason::TooSmall);
        }
        let group = self.blocks(layer, &weight, layout, transposed);
        let (home, name) = (layer.constant.graph, &layer.weight);
        let (n, blocks) = (layout.n as i64, layout.blocks() as i64);
        let packed = self.initializer(
            home,
            &format!("{name}_Q{bits}"),
            DataType::Uint8,
            vec![n, blocks, layout.block_bytes() as i64],
            group,
            Part::Packed,
        );
        let (scales, zeros) = self.scales(home, name, layout, group);
        let node = self.graphs.node(layer.at.0, layer.at.1).clone();
        let mut inputs = vec![node.input[0].clone(), packed, scales];
        inputs.extend(zeros);
        let mut attributes = vec![
            number("K", layout.k as i64),
            number("N", layout.n as i64),
            number("bits", i64::from(bits)),
            number("block_size", layout.block as i64),
        ];
        attributes.extend(self.recipe.accuracy_level.map(|level| number("accuracy_level", i64::from(level))));
        let make = |output: String| NodeProto {
            input: inputs,
            name: Some(output.clone()),
            output: vec![output],
            op_type: Some("MatMulNBits".to_owned()),
            domain: Some(CONTRIB.to_owned()),
            attribute: attributes,
            ..NodeProto::default()
        };
        let instead = self.around(&node, layer.kind, |output| vec![make(output)]);
        self.replaced.insert(layer.at, instead);
        None
    }

    fn gather(&mut self, layer: &Layer, weight: Weight, bits: u8, tied: bool) -> Option<Reason> {
        let (home, name) = (layer.constant.graph, &layer.weight);
        if weight.shape.len() != 2 {
            return Some(Reason::Rank(weight.shape.len()));
        }
        if self.recipe.plain_tables {
            return self.lookup(layer, &weight, self.recipe.block);
        }
        let (rows, width, block) = (weight.shape[0], weight.shape[1], self.recipe.block);
        let layout = Layout { k: width, n: rows, block, bits, symmetric: self.recipe.symmetric };
        if layout.bytes() >= weight.bytes() {
            return Some(Reason::TooSmall);
        }
        // Codes of a row that fill whole blocks are those that `MatMulNBits` has
        // of the transposed table. Alone, 4 bits have a type of their own.
        let whole = width.is_multiple_of(block);
        if whole && (bits != 4 || tied) {
            self.gather_bytes(layer, &weight, layout);
            return None;
        }
        if bits != 4 {
            return Some(Reason::TableWidth(width));
        }
        let symmetric = layout.symmetric;
        let group = self.group((home, name.clone(), Made::Table(bits)), || Group::Table { weight, block, symmetric });
        let dtype = if symmetric { DataType::Int4 } else { DataType::Uint4 };
        let (long, wide, blocks) = (rows as i64, width as i64, layout.blocks() as i64);
        let packed = self.initializer(home, &format!("{name}_Q4"), dtype, vec![long, wide], group, Part::Packed);
        let scales =
            self.initializer(home, &format!("{name}_scales"), DataType::Float, vec![long, blocks], group, Part::Scales);
        let zeros = (!symmetric).then(|| {
            self.initializer(home, &format!("{name}_zero_points"), dtype, vec![long, blocks], group, Part::Zeros)
        });
        self.replace_gather(layer, [Some(packed), Some(scales), zeros], 4);
        None
    }

    /// A table whose codes are bytes, which other layers may share.
    fn gather_bytes(&mut self, layer: &Layer, weight: &Weight, layout: Layout) {
        let (home, name, bits) = (layer.constant.graph, &layer.weight, layout.bits);
        let group = self.blocks(layer, weight, layout, true);
        let width = (layout.k * bits as usize / 8) as i64;
        let name_of = format!("{name}_rows_Q{bits}");
        let packed = self.initializer(home, &name_of, DataType::Uint8, vec![layout.n as i64, width], group, Part::Rows);
        let (scales, zeros) = self.scales(home, name, layout, group);
        self.replace_gather(layer, [Some(packed), Some(scales), zeros], bits);
    }

    fn replace_gather(&mut self, layer: &Layer, [packed, scales, zeros]: [Option<String>; 3], bits: u8) {
        let node = self.graphs.node(layer.at.0, layer.at.1);
        let instead = NodeProto {
            input: [packed, Some(node.input[1].clone()), scales, zeros].into_iter().flatten().collect(),
            output: node.output.clone(),
            name: node.name.clone(),
            op_type: Some("GatherBlockQuantized".to_owned()),
            domain: Some(CONTRIB.to_owned()),
            attribute: [("bits", i64::from(bits)), ("block_size", self.recipe.block as i64)]
                .into_iter()
                .chain([("gather_axis", 0), ("quantize_axis", 1)])
                .map(|(name, value)| number(name, value))
                .collect(),
            ..NodeProto::default()
        };
        self.replaced.insert(layer.at, vec![instead]);
    }

    fn blocks(&mut self, layer: &Layer, weight: &Weight, layout: Layout, transposed: bool) -> usize {
        let made = (layer.constant.graph, layer.weight.clone(), Made::Blocks(layout, transposed));
        self.group(made, || Group::Blocks { weight: weight.clone(), layout, transposed })
    }

    fn group(&mut self, made: (usize, String, Made), group: impl FnOnce() -> Group) -> usize {
        *self.made.entry(made).or_insert_with(|| {
            self.jobs.groups.push(group());
            self.jobs.groups.len() - 1
        })
    }

    fn scales(&mut self, home: usize, name: &str, layout: Layout, group: usize) -> (String, Option<String>) {
        let (n, blocks) = (layout.n as i64, layout.blocks() as i64);
        let scales =
            self.initializer(home, &format!("{name}_scales"), DataType::Float, vec![n, blocks], group, Part::Scales);
        let zeros = (!layout.symmetric).then(|| {
            let shape = vec![n, layout.zero_row() as i64];
            self.initializer(home, &format!("{name}_zero_points"), DataType::Uint8, shape, group, Part::Zeros)
        });
        (scales, zeros)
    }

    /// An initializer for a part of a weight, made once.
    fn initializer(
        &mut self,
        home: usize,
        name: &str,
        dtype: DataType,
        dims: Vec<i64>,
        group: usize,
        part: Part,
    ) -> String {
        if let Some(name) = self.jobs.named.get(&(group, part)) {
            return name.clone();
        }
        let name = self.graphs.fresh(name);
        let tensor =
            TensorProto { name: Some(name.clone()), data_type: Some(dtype as i32), dims, ..TensorProto::default() };
        self.graphs.all[home].graph.initializer.push(tensor);
        self.jobs.of.insert((home, name.clone()), Job::Part { group, part, half: false });
        self.jobs.named.insert((group, part), name.clone());
        name
    }
}

/// Whether a layer's node multiplies with the transposed weight.
fn seen_transposed(node: &NodeProto, layer: &Layer) -> bool {
    layer.constant.transposed ^ (layer.kind == Kind::Gemm && int(node, "transB", 0) != 0)
}

/// Whether a table is a layer's weight too.
fn tied(table: &Layer, layers: &[Layer]) -> bool {
    layers.iter().any(|layer| {
        matches!(layer.kind, Kind::MatMul | Kind::Gemm)
            && (layer.constant.graph, &layer.weight) == (table.constant.graph, &table.weight)
    })
}
