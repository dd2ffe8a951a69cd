//! Weights of half precision in a model that computes in single.

use super::{Rewrite, number, plain};
use crate::{
    precision::{Kind, Layer, constant::Weight, jobs::Job},
    proto::{DataType, NodeProto, TensorProto},
};

impl Rewrite<'_> {
    /// A layer whose weight is kept in half precision and converted when the
    /// model is loaded.
    pub(super) fn halve(&mut self, layer: &Layer, weight: Weight) {
        if weight.dtype != DataType::Float && !weight.widened {
            return;
        }
        let (home, name) = (layer.constant.graph, layer.weight.clone());
        let mut value = match self.halves.get(&(home, name.clone(), false)) {
            Some(value) => value.clone(),
            None => {
                let half = self.graphs.fresh(&format!("{name}_half"));
                self.graphs.all[home].graph.initializer.push(TensorProto {
                    name: Some(half.clone()),
                    dims: weight.shape.iter().map(|length| *length as i64).collect(),
                    data_type: Some(DataType::Float16 as i32),
                    ..TensorProto::default()
                });
                self.jobs.of.insert((home, half.clone()), Job::Half(weight));
                let single = self.graphs.fresh(&format!("{name}_single"));
                let to = number("to", DataType::Float as i64);
                let cast = NodeProto { attribute: vec![to], ..plain("Cast", &[&half], vec![single.clone()]) };
                self.front.push((home, cast));
                self.halves.insert((home, name.clone(), false), single.clone());
                single
            }
        };
        if layer.constant.transposed {
            value = match self.halves.get(&(home, name.clone(), true)) {
                Some(turned) => turned.clone(),
                None => {
                    let turned = self.graphs.fresh(&format!("{name}_transposed"));
                    self.front.push((home, plain("Transpose", &[&value], vec![turned.clone()])));
                    self.halves.insert((home, name, true), turned.clone());
                    turned
                }
            };
        }
        let mut node = self.graphs.node(layer.at.0, layer.at.1).clone();
        node.input[if layer.kind == Kind::Gather { 0 } else { 1 }] = value;
        self.replaced.insert(layer.at, vec![node]);
    }
}
