//! Weights of 8 bits with one scale a column: multiplied as integers, or turned
//! to fp32 when the model is loaded.

use super::{
    super::{
        Layer, Reason,
        constant::Weight,
        jobs::{Group, Part},
    },
    Made, Rewrite, number, plain,
};
use crate::proto::{DataType, NodeProto};

impl Rewrite<'_> {
    /// The codes and scales of a weight of `[K, N]`.
    fn codes(&mut self, layer: &Layer, weight: Weight) -> Option<[String; 2]> {
        let (layout, transposed) = self.layout(layer, &weight, 8);
        let (k, n) = (layout.k, layout.n);
        if (k * n + 4 * n) as u64 >= weight.bytes() {
            return None;
        }
        let (home, name) = (layer.constant.graph, &layer.weight);
        let made = (home, name.clone(), Made::Integer(transposed));
        let group = self.group(made, || Group::Integer { weight, transposed });
        let shape = vec![k as i64, n as i64];
        let codes = self.initializer(home, &format!("{name}_quantized"), DataType::Int8, shape, group, Part::Packed);
        let scales =
            self.initializer(home, &format!("{name}_scale"), DataType::Float, vec![n as i64], group, Part::Scales);
        Some([codes, scales])
    }

    /// `MatMul` with a weight that is made of its codes once.
    pub(super) fn stored(&mut self, layer: &Layer, weight: Weight) -> Option<Reason> {
        let Some([codes, scales]) = self.codes(layer, weight) else { return Some(Reason::TooSmall) };
        let node = self.graphs.node(layer.at.0, layer.at.1).clone();
        let [cast, values] = ["codes", "weight"].map(|part| self.graphs.fresh(&format!("{}_{part}", node.output[0])));
        let to_float = NodeProto {
            attribute: vec![number("to", DataType::Float as i64)],
            ..plain("Cast", &[&codes], vec![cast.clone()])
        };
        let mut nodes = vec![to_float, plain("Mul", &[&cast, &scales], vec![values.clone()])];
        let instead = self.around(&node, layer.kind, |output| {
            nodes.push(plain("MatMul", &[&node.input[0], &values], vec![output]));
            nodes
        });
        self.replaced.insert(layer.at, instead);
        None
    }

    pub(super) fn integer(&mut self, layer: &Layer, weight: Weight) -> Option<Reason> {
        let Some([codes, scales]) = self.codes(layer, weight) else { return Some(Reason::TooSmall) };
        let graph = layer.at.0;
        let node = self.graphs.node(graph, layer.at.1).clone();
        let input = node.input[0].clone();
        let mut nodes = Vec::new();
        // Layers that share an input share its integers.
        let [integers, scale, zero] = match self.quantised.get(&(graph, input.clone())) {
            Some(names) => names.clone(),
            None => {
                let names =
                    ["quantized", "scale", "zero_point"].map(|part| self.graphs.fresh(&format!("{input}_{part}")));
                nodes.push(plain("DynamicQuantizeLinear", &[&input], names.to_vec()));
                self.quantised.insert((graph, input), names.clone());
                names
            }
        };
        let mut value = |part: &str| self.graphs.fresh(&format!("{}_{part}", node.output[0]));
        let [product, cast, both] = [value("integer"), value("cast"), value("scale")];
        let multiply = plain("MatMulInteger", &[&integers, &codes, &zero], vec![product.clone()]);
        let to_float = NodeProto {
            attribute: vec![number("to", DataType::Float as i64)],
            ..plain("Cast", &[&product], vec![cast.clone()])
        };
        nodes.extend([multiply, to_float, plain("Mul", &[&scale, &scales], vec![both.clone()])]);
        let instead = self.around(&node, layer.kind, |output| {
            nodes.push(plain("Mul", &[&cast, &both], vec![output]));
            nodes
        });
        self.replaced.insert(layer.at, instead);
        None
    }
}
