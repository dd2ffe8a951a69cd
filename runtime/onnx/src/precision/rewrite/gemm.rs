//! What `Gemm` has around its product: factors and a sum.

use super::{Rewrite, plain};
use crate::{
    precision::{Kind, graphs::attribute},
    proto::{DataType, NodeProto, TensorProto},
};

impl Rewrite<'_> {
    /// `Gemm`'s factors and sum around a product.
    pub(super) fn around(
        &mut self,
        node: &NodeProto,
        kind: Kind,
        product: impl FnOnce(String) -> Vec<NodeProto>,
    ) -> Vec<NodeProto> {
        let mut nodes = self.product_and_sum(node, kind, product);
        // The name goes to the node that gives what the layer gave.
        if let Some(last) = nodes.last_mut() {
            last.name.clone_from(&node.name);
        }
        nodes
    }

    fn product_and_sum(
        &mut self,
        node: &NodeProto,
        kind: Kind,
        product: impl FnOnce(String) -> Vec<NodeProto>,
    ) -> Vec<NodeProto> {
        let output = node.output[0].clone();
        if kind != Kind::Gemm {
            return product(output);
        }
        let float = |name| attribute(node, name).and_then(|attribute| attribute.f).unwrap_or(1.0);
        let (alpha, beta) = (float("alpha"), float("beta"));
        let bias = node.input.get(2).filter(|bias| !bias.is_empty() && beta != 0.0).cloned();
        let mut steps: Vec<(&str, Option<f32>, Option<String>)> = Vec::new();
        if alpha != 1.0 {
            steps.push(("Mul", Some(alpha), None));
        }
        let mut before = Vec::new();
        if let Some(mut bias) = bias {
            if beta != 1.0 {
                let (factor, scaled) = (self.scalar(beta), self.graphs.fresh(&format!("{output}_bias")));
                before.push(plain("Mul", &[&bias, &factor], vec![scaled.clone()]));
                bias = scaled;
            }
            steps.push(("Add", None, Some(bias)));
        }
        let values = (0..steps.len()).map(|_| self.graphs.fresh(&format!("{output}_product"))).collect::<Vec<_>>();
        let mut nodes = product(values.first().unwrap_or(&output).clone());
        nodes.extend(before);
        for (number, (operator, factor, bias)) in steps.into_iter().enumerate() {
            let with = factor.map(|factor| self.scalar(factor)).or(bias).unwrap_or_default();
            let to = values.get(number + 1).unwrap_or(&output).clone();
            nodes.push(plain(operator, &[&values[number], &with], vec![to]));
        }
        nodes
    }

    /// A constant of the outermost graph, which all others see.
    fn scalar(&mut self, value: f32) -> String {
        let name = self.graphs.fresh(&format!("float_{value}"));
        self.graphs.all[0].graph.initializer.push(TensorProto {
            name: Some(name.clone()),
            data_type: Some(DataType::Float as i32),
            raw_data: Some(value.to_le_bytes().to_vec()),
            ..TensorProto::default()
        });
        name
    }
}
