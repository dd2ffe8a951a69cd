//! Norms of decoders, alone and after a sum, as the operators that every provider has.

use crate::graph::{
    Error,
    builder::{Attribute, Builder, Value},
    encoder,
};

/// A kind of norm over the last axis.
#[derive(Clone, Copy)]
pub(in crate::graph) enum Norm {
    /// Divides by the root of the mean square. `shifted` for Gemma, which keeps weights less 1.
    Rms { epsilon: f32, shifted: bool },
    /// By mean and variance, with a bias.
    Layer { epsilon: f32 },
}

impl Norm {
    /// The norm of this name.
    pub(in crate::graph) fn of(
        self,
        graph: &mut Builder,
        name: &str,
        input: &Value,
        size: usize,
    ) -> Result<Value, Error> {
        let epsilon = match self {
            Self::Layer { epsilon } => return encoder::layer_norm(graph, name, input, size, epsilon),
            Self::Rms { epsilon, .. } => epsilon,
        };
        let scale = self.scale(graph, name, size)?;
        let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
        Ok(graph.node(name, "SimplifiedLayerNormalization", &[input, &scale], &attributes))
    }

    /// The norm of a sum, and the sum.
    pub(in crate::graph) fn of_sum(
        self,
        graph: &mut Builder,
        name: &str,
        [state, added]: [&Value; 2],
        size: usize,
    ) -> Result<(Value, Value), Error> {
        let scale = self.scale(graph, name, size)?;
        let sum = format!("{name}/sum");
        let others = ["", "", sum.as_str()];
        let normal = match self {
            Self::Rms { epsilon, .. } => {
                let attributes = [("epsilon", Attribute::Float(epsilon))];
                let inputs = [state.as_str(), added, &scale];
                graph.contrib(name, "SkipSimplifiedLayerNormalization", &inputs, &others, &attributes)
            }
            Self::Layer { epsilon } => {
                let bias = graph.weight(&format!("{name}.bias"), &[size])?;
                let attributes = [("epsilon", Attribute::Float(epsilon))];
                let inputs = [state.as_str(), added, &scale, &bias];
                graph.contrib(name, "SkipLayerNormalization", &inputs, &others, &attributes)
            }
        };
        Ok((normal, sum))
    }

    fn scale(self, graph: &mut Builder, name: &str, size: usize) -> Result<Value, Error> {
        let scale = graph.weight(&format!("{name}.weight"), &[size])?;
        if let Self::Rms { shifted: true, .. } = self {
            let one = graph.float(1.0);
            return Ok(graph.node(&format!("{name}/weight"), "Add", &[&scale, &one], &[]));
        }
        Ok(scale)
    }
}
