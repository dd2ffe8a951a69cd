//! A table of codes looked up by ordinary operators, for execution providers
//! that have no `GatherBlockQuantized`:
//!
//! ```text
//! row = (codes[index] - 128) * scales[index], block by block
//! ```
//!
//! The codes have 8 bits whatever other layers have: unpacking fewer would take
//! an operator for each step, and a table is read a few rows at a time.

use super::{
    super::{Layer, Reason, constant::Weight, jobs::Part, layout::Layout},
    Rewrite, number, plain,
};
use crate::proto::{AttributeProto, AttributeType, DataType, NodeProto, TensorProto};

/// Bits of a code.
const BITS: u8 = 8;
/// The code of zero.
const ZERO: f32 = 128.0;

impl Rewrite<'_> {
    /// Puts a lookup in the place of a `Gather`.
    pub(super) fn lookup(&mut self, layer: &Layer, weight: &Weight, block: usize) -> Option<Reason> {
        let (rows, width) = (weight.shape[0], weight.shape[1]);
        let layout = Layout { k: width, n: rows, block, bits: BITS, symmetric: true };
        if layout.bytes() >= weight.bytes() {
            return Some(Reason::TooSmall);
        }
        if !width.is_multiple_of(block) {
            return Some(Reason::TableWidth(width));
        }
        let (home, name) = (layer.constant.graph, &layer.weight);
        let group = self.blocks(layer, weight, layout, true);
        let (long, wide, blocks) = (rows as i64, width as i64, layout.blocks() as i64);
        let name_of = format!("{name}_rows_Q{BITS}");
        let codes = self.initializer(home, &name_of, DataType::Uint8, vec![long, wide], group, Part::Rows);
        let (scales, _) = self.scales(home, name, layout, group);

        let node = self.graphs.node(layer.at.0, layer.at.1).clone();
        let (index, output) = (&node.input[1], &node.output[0]);
        let mut fresh = |part: &str| self.graphs.fresh(&format!("{output}_{part}"));
        let [shape, zero, codes_of, as_float] = ["shape", "zero", "codes", "float"].map(&mut fresh);
        let [scales_of, centred, product] = ["row_scales", "centred", "blocks"].map(&mut fresh);
        let mut nodes = vec![
            plain("Shape", &[index], vec![shape.clone()]),
            constant(&zero, DataType::Float, &[], &ZERO.to_le_bytes()),
            plain("Gather", &[&codes, index], vec![codes_of.clone()]),
            NodeProto {
                attribute: vec![number("to", DataType::Float as i64)],
                ..plain("Cast", &[&codes_of], vec![as_float.clone()])
            },
            plain("Gather", &[&scales, index], vec![scales_of.clone()]),
        ];
        let mut reshape = |nodes: &mut Vec<NodeProto>, value: &String, last: &[i64], to: Option<&String>| {
            let [dims, target, shaped] = ["dims", "target", "shaped"].map(&mut fresh);
            let shaped = to.cloned().unwrap_or(shaped);
            let bytes = last.iter().flat_map(|dim| dim.to_le_bytes()).collect::<Vec<_>>();
            nodes.push(constant(&dims, DataType::Int64, &[last.len() as i64], &bytes));
            let joined = plain("Concat", &[&shape, &dims], vec![target.clone()]);
            nodes.push(NodeProto { attribute: vec![number("axis", 0)], ..joined });
            nodes.push(plain("Reshape", &[value, &target], vec![shaped.clone()]));
            shaped
        };
        let values = reshape(&mut nodes, &as_float, &[blocks, block as i64], None);
        let scales = reshape(&mut nodes, &scales_of, &[blocks, 1], None);
        nodes.push(plain("Sub", &[&values, &zero], vec![centred.clone()]));
        nodes.push(plain("Mul", &[&centred, &scales], vec![product.clone()]));
        reshape(&mut nodes, &product, &[wide], Some(output));
        // The name goes to the node that gives what the layer gave.
        if let Some(last) = nodes.last_mut() {
            last.name.clone_from(&node.name);
        }
        self.replaced.insert(layer.at, nodes);
        None
    }
}

fn constant(name: &str, dtype: DataType, dims: &[i64], bytes: &[u8]) -> NodeProto {
    let tensor = TensorProto {
        data_type: Some(dtype as i32),
        dims: dims.to_vec(),
        raw_data: Some(bytes.to_vec()),
        ..TensorProto::default()
    };
    let value = AttributeProto {
        name: Some("value".to_owned()),
        t: Some(Box::new(tensor)),
        r#type: Some(AttributeType::Tensor as i32),
        ..AttributeProto::default()
    };
    NodeProto { attribute: vec![value], ..plain("Constant", &[], vec![name.to_owned()]) }
}
