//! Lets a graph compute with a file's blocks of few bits as they are, where onnxruntime has an operator for them.
//!
//! `MatMulNBits` and `GatherBlockQuantized` without zero points take 4 bits less 8 and 8 bits less 128: what Q4_0 and
//! Q8_0 mean. Q4_1 is `d q + m`, which is `d (q - 8)` and `m + 8 d` for every number of a block: the second is multiplied
//! with the sum of what the block is multiplied with. Zero points that are no integers would say the same, but WebGPU has
//! no kernel for them.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::{Gguf, Tensor, TensorType, Weights, weights::Part};
use crate::proto::{
    AttributeProto, AttributeType, DataLocation, DataType, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
};

/// Numbers of a block, of each type here.
const BLOCK: usize = 32;

/// A weight in blocks: a tensor of the file, or some of its rows.
#[derive(Clone)]
struct Blocks<'a> {
    tensor: &'a Tensor,
    name: String,
    rows: usize,
    width: usize,
    /// The first row, of the tensor's.
    start: usize,
}

impl Blocks<'_> {
    fn bits(&self) -> usize {
        if self.tensor.kind == TensorType::Q8_0 { 8 } else { 4 }
    }
}

struct Rewrite<'a> {
    blocks: HashMap<String, Blocks<'a>>,
    /// The weight that a transposition gives.
    turned: HashMap<String, String>,
    nodes: Vec<NodeProto>,
    added: Vec<TensorProto>,
    made: HashSet<String>,
    tables: bool,
}

/// The graph with `MatMulNBits` in the place of products with such weights, and with `GatherBlockQuantized` in the place
/// of rows that are looked up where `tables` are kept too; and the files that it takes weights from.
pub(super) fn keep(header: &Gguf, mut model: ModelProto, tables: bool) -> (Vec<u8>, Vec<String>) {
    let mut graph = model.graph.take().unwrap_or_default();
    let mut rewrite = Rewrite {
        blocks: graph.initializer.iter().filter_map(|tensor| blocks(header, tensor)).collect(),
        turned: HashMap::new(),
        nodes: Vec::new(),
        added: Vec::new(),
        made: HashSet::new(),
        tables,
    };
    for node in std::mem::take(&mut graph.node) {
        rewrite.node(node);
    }
    graph.initializer.extend(rewrite.added);
    graph.node = rewrite.nodes;
    let taken = |graph: &crate::proto::GraphProto| {
        graph.node.iter().flat_map(|node| node.input.iter().cloned()).collect::<HashSet<_>>()
    };
    // What took the weights' numbers before.
    let used = taken(&graph);
    graph.node.retain(|node| node.op_type() != "Transpose" || used.contains(&node.output[0]));
    let used = taken(&graph);
    graph.initializer.retain(|tensor| used.contains(tensor.name()));
    let location = |tensor: &TensorProto| {
        tensor.external_data.iter().find(|entry| entry.key() == "location").map(|entry| entry.value().to_owned())
    };
    let mut external = graph.initializer.iter().filter_map(location).collect::<Vec<_>>();
    external.sort_unstable();
    external.dedup();
    model.graph = Some(graph);
    (model.encode_to_vec(), external)
}

/// The blocks that an initializer's numbers come from, if they are of a type that is kept.
fn blocks<'a>(header: &'a Gguf, tensor: &TensorProto) -> Option<(String, Blocks<'a>)> {
    let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key() == key).map(|entry| entry.value());
    let name = entry("location")?.strip_prefix("weights/")?.strip_suffix(".single")?;
    let of = header.tensor(name)?;
    let [rows, width] = tensor.dims[..] else { return None };
    let (rows, width) = (usize::try_from(rows).ok()?, usize::try_from(width).ok()?);
    let kept = matches!(of.kind, TensorType::Q4_0 | TensorType::Q4_1 | TensorType::Q8_0);
    if !kept || of.shape.last() != Some(&width) {
        return None;
    }
    let start = entry("offset")?.parse::<usize>().ok()? / (4 * width);
    Some((tensor.name().to_owned(), Blocks { tensor: of, name: tensor.name().to_owned(), rows, width, start }))
}

impl Rewrite<'_> {
    fn node(&mut self, node: NodeProto) {
        let input = |number: usize| node.input.get(number).cloned().unwrap_or_default();
        match node.op_type() {
            "Transpose" if self.blocks.contains_key(&input(0)) => {
                self.turned.insert(node.output[0].clone(), input(0));
            }
            "MatMul" => {
                if let Some(blocks) = self.turned.get(&input(1)).and_then(|name| self.blocks.get(name)).cloned() {
                    return self.product(&node, &blocks, 3);
                }
            }
            "Gemm" if node.input.len() == 2 => {
                if let Some(blocks) = self.blocks.get(&input(1)).cloned() {
                    return self.product(&node, &blocks, 2);
                }
            }
            "Gather" if self.tables => {
                let found = self.blocks.get(&input(0)).filter(|blocks| blocks.tensor.kind != TensorType::Q4_1);
                if let Some(blocks) = found.cloned() {
                    return self.look_up(&node, &blocks);
                }
            }
            _ => {}
        }
        self.nodes.push(node);
    }

    /// A product of what has so many axes.
    fn product(&mut self, node: &NodeProto, blocks: &Blocks, rank: usize) {
        let (bits, each) = (blocks.bits(), blocks.width / BLOCK);
        let bytes = BLOCK * bits / 8;
        let codes = self.part(blocks, Part::Codes, DataType::Uint8, &[blocks.rows, each, bytes], "codes");
        let scales = self.part(blocks, Part::Scales, DataType::Float, &[blocks.rows, each], "scales");
        let (input, output) = (node.input[0].clone(), node.output[0].clone());
        let offset = blocks.tensor.kind == TensorType::Q4_1;
        let centred = if offset { format!("{output}/centred") } else { output.clone() };
        let attributes = [("K", blocks.width), ("N", blocks.rows), ("bits", bits), ("block_size", BLOCK)];
        self.nodes.push(contrib("MatMulNBits", &[&input, &codes, &scales], &centred, &attributes));
        if !offset {
            return;
        }
        let sums = format!("{input}/block_sums_{each}");
        if self.made.insert(sums.clone()) {
            let mut shape = vec![0; rank - 1];
            shape.extend([each as i64, BLOCK as i64]);
            let name = shape.iter().map(i64::to_string).collect::<Vec<_>>().join("_");
            let shape = self.int64s(&format!("blocks/{name}"), &shape);
            let axis = self.int64s("blocks/last_axis", &[-1]);
            let apart = format!("{input}/blocks_{each}");
            self.nodes.push(plain("Reshape", &[&input, &shape], &apart));
            let reduce = plain("ReduceSum", &[&apart, &axis], &sums);
            self.nodes.push(NodeProto { attribute: vec![int("keepdims", 0)], ..reduce });
        }
        let rest = self.part(blocks, Part::Rest, DataType::Float, &[blocks.rows, each], "rest");
        let (turned, offsets) = (format!("{rest}/Transpose"), format!("{output}/offsets"));
        let order = AttributeProto {
            name: Some("perm".to_owned()),
            ints: vec![1, 0],
            r#type: Some(AttributeType::Ints as i32),
            ..AttributeProto::default()
        };
        if self.made.insert(turned.clone()) {
            self.nodes.push(NodeProto { attribute: vec![order], ..plain("Transpose", &[&rest], &turned) });
        }
        self.nodes.push(plain("MatMul", &[&sums, &turned], &offsets));
        self.nodes.push(plain("Add", &[&centred, &offsets], &output));
    }

    fn look_up(&mut self, node: &NodeProto, blocks: &Blocks) {
        let (bits, each) = (blocks.bits(), blocks.width / BLOCK);
        let shape = [blocks.rows, blocks.width * bits / 8];
        let codes = self.part(blocks, Part::Codes, DataType::Uint8, &shape, "rows");
        let scales = self.part(blocks, Part::Scales, DataType::Float, &[blocks.rows, each], "scales");
        let attributes = [("bits", bits), ("block_size", BLOCK), ("gather_axis", 0), ("quantize_axis", 1)];
        let inputs = [&codes, &node.input[1], &scales].map(String::as_str);
        self.nodes.push(contrib("GatherBlockQuantized", &inputs, &node.output[0], &attributes));
    }

    /// The initializer of a part of a weight, made once.
    fn part(&mut self, blocks: &Blocks, part: Part, dtype: DataType, shape: &[usize], suffix: &str) -> String {
        let name = format!("{}/{suffix}", blocks.name);
        if self.made.insert(name.clone()) {
            let element = if dtype == DataType::Float { 4 } else { 1 };
            let length = shape.iter().product::<usize>() * element;
            let entry =
                |key: &str, value: String| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
            self.added.push(TensorProto {
                dims: shape.iter().map(|length| *length as i64).collect(),
                data_type: Some(dtype as i32),
                name: Some(name.clone()),
                external_data: vec![
                    entry("location", Weights::name(&blocks.tensor.name, part)),
                    entry("offset", (length / blocks.rows * blocks.start).to_string()),
                    entry("length", length.to_string()),
                ],
                data_location: Some(DataLocation::External as i32),
                ..TensorProto::default()
            });
        }
        name
    }

    fn int64s(&mut self, name: &str, values: &[i64]) -> String {
        if self.made.insert(name.to_owned()) {
            self.added.push(TensorProto {
                dims: vec![values.len() as i64],
                data_type: Some(DataType::Int64 as i32),
                name: Some(name.to_owned()),
                raw_data: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
                ..TensorProto::default()
            });
        }
        name.to_owned()
    }
}

fn plain(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(output.to_owned()),
        op_type: Some(operator.to_owned()),
        ..NodeProto::default()
    }
}

fn contrib(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, usize)]) -> NodeProto {
    let attribute = attributes.iter().map(|(name, value)| int(name, *value as i64)).collect();
    NodeProto { domain: Some("com.microsoft".to_owned()), attribute, ..plain(operator, inputs, output) }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(AttributeType::Int as i32),
        ..AttributeProto::default()
    }
}
