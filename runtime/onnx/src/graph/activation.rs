//! The non-linearities that transformers' configs name, as nodes.

use super::{
    Config, Error,
    builder::{Attribute, Builder, Value},
};

/// A non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Gelu,
    /// The exact function, within ±10.
    GeluClipped,
    GeluTanh,
    HardSwish,
    Laplace,
    LeakyRelu,
    Linear,
    Mish,
    QuickGelu,
    Relu,
    Relu6,
    ReluSquared,
    Sigmoid,
    Silu,
    Tanh,
}

/// By the names in transformers' `ACT2FN`. Not there: `prelu` and `xielu`, which
/// have parameters of their own, and `sqrtsoftplus`, which routers have.
const NAMES: [(&str, Activation); 21] = [
    ("gelu", Activation::Gelu),
    ("gelu_10", Activation::GeluClipped),
    ("gelu_accurate", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_python", Activation::Gelu),
    ("gelu_python_tanh", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("hardswish", Activation::HardSwish),
    ("laplace", Activation::Laplace),
    ("leaky_relu", Activation::LeakyRelu),
    ("linear", Activation::Linear),
    ("mish", Activation::Mish),
    ("quick_gelu", Activation::QuickGelu),
    ("relu", Activation::Relu),
    ("relu2", Activation::ReluSquared),
    ("relu6", Activation::Relu6),
    ("sigmoid", Activation::Sigmoid),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("tanh", Activation::Tanh),
];

/// Mean and deviation of Laplace's function as MEGA (Ma et al. 2022) rounds them: nearly `√½` and `√(1/4π)`.
#[allow(clippy::approx_constant, reason = "the published numbers are rounded")]
const LAPLACE: [f32; 2] = [0.707_107, 0.282_095];

impl Activation {
    /// Reads it from a setting such as `hidden_act`; `gelu` where that is absent.
    pub(super) fn read(config: &Config, field: &'static str) -> Result<Self, Error> {
        Self::read_or(config, field, Self::Gelu)
    }

    /// Reads it from a setting, with a default of the architecture's own.
    pub(super) fn read_or(config: &Config, field: &'static str, default: Self) -> Result<Self, Error> {
        match config.text(field)? {
            None => Ok(default),
            Some(name) => Self::named(name).ok_or_else(|| config.wrong(field, Self::expected())),
        }
    }

    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }

    /// What an error says of the names.
    pub(super) fn expected() -> String {
        NAMES.map(|(name, _)| name).join(" or ")
    }

    pub(super) fn add_to(self, graph: &mut Builder, scope: &str, input: &Value) -> Value {
        match self {
            Self::Gelu => graph.node(scope, "Gelu", &[input], &[]),
            Self::GeluClipped => {
                let gelu = graph.node(scope, "Gelu", &[input], &[]);
                clip(graph, scope, &gelu, -10.0, 10.0)
            }
            Self::GeluTanh => gelu_tanh(graph, scope, input),
            // x clip(x + 3, 0, 6) / 6
            Self::HardSwish => {
                let (three, sixth) = (graph.float(3.0), graph.float(1.0 / 6.0));
                let sum = graph.node(&format!("{scope}/hardswish"), "Add", &[input, &three], &[]);
                let gate = clip(graph, &format!("{scope}/hardswish"), &sum, 0.0, 6.0);
                let product = graph.node(&format!("{scope}/hardswish/gated"), "Mul", &[input, &gate], &[]);
                graph.node(&format!("{scope}/hardswish"), "Mul", &[&product, &sixth], &[])
            }
            // (1 + erf((x - mu) / (sigma √2))) / 2
            Self::Laplace => {
                let (mu, sigma) = (graph.float(LAPLACE[0]), graph.float(LAPLACE[1] * std::f32::consts::SQRT_2));
                let (one, half) = (graph.float(1.0), graph.float(0.5));
                let scope = format!("{scope}/laplace");
                let centred = graph.node(&scope, "Sub", &[input, &mu], &[]);
                let scaled = graph.node(&scope, "Div", &[&centred, &sigma], &[]);
                let erf = graph.node(&scope, "Erf", &[&scaled], &[]);
                let sum = graph.node(&scope, "Add", &[&erf, &one], &[]);
                graph.node(&scope, "Mul", &[&sum, &half], &[])
            }
            Self::LeakyRelu => graph.node(scope, "LeakyRelu", &[input], &[("alpha", Attribute::Float(0.01))]),
            Self::Linear => input.clone(),
            Self::Mish => mish(graph, scope, input),
            Self::QuickGelu => {
                let factor = graph.float(1.702);
                let scope = format!("{scope}/quick_gelu");
                let inner = graph.node(&format!("{scope}/inner"), "Mul", &[input, &factor], &[]);
                let gate = graph.node(&scope, "Sigmoid", &[&inner], &[]);
                graph.node(&scope, "Mul", &[input, &gate], &[])
            }
            Self::Relu => graph.node(scope, "Relu", &[input], &[]),
            Self::Relu6 => clip(graph, scope, input, 0.0, 6.0),
            Self::ReluSquared => {
                let positive = graph.node(scope, "Relu", &[input], &[]);
                graph.node(scope, "Mul", &[&positive, &positive], &[])
            }
            Self::Sigmoid => graph.node(scope, "Sigmoid", &[input], &[]),
            Self::Silu => {
                let gate = graph.node(&format!("{scope}/silu"), "Sigmoid", &[input], &[]);
                graph.node(&format!("{scope}/silu"), "Mul", &[input, &gate], &[])
            }
            Self::Tanh => graph.node(scope, "Tanh", &[input], &[]),
        }
    }
}

/// Bounds for what a value may be.
pub(super) fn clip(graph: &mut Builder, scope: &str, input: &Value, least: f32, most: f32) -> Value {
    let (least, most) = (graph.float(least), graph.float(most));
    graph.node(scope, "Clip", &[input, &least, &most], &[])
}

/// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, written as `x σ(x (a + b x²))`.
/// Not the operator `Gelu` with `approximate`, since WebNN has only the exact
/// function and onnxruntime takes that for both.
fn gelu_tanh(graph: &mut Builder, scope: &str, input: &Value) -> Value {
    let factor = 2.0 * std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
    let (linear, cubic) = (graph.float(factor), graph.float(factor * 0.044715));
    let square = graph.node(&format!("{scope}/gelu/square"), "Mul", &[input, input], &[]);
    let square = graph.node(&format!("{scope}/gelu/cubic"), "Mul", &[&square, &cubic], &[]);
    let factor = graph.node(&format!("{scope}/gelu/factor"), "Add", &[&square, &linear], &[]);
    let inner = graph.node(&format!("{scope}/gelu/inner"), "Mul", &[input, &factor], &[]);
    let gate = graph.node(&format!("{scope}/gelu"), "Sigmoid", &[&inner], &[]);
    graph.node(&format!("{scope}/gelu"), "Mul", &[input, &gate], &[])
}

/// `x tanh(ln(1 + eˣ))`, written as `x (1 - t²) / (1 + t²)` with `t = σ(-x)`,
/// which no number overflows and for which WebGPU has all kernels.
fn mish(graph: &mut Builder, scope: &str, input: &Value) -> Value {
    let (scope, one) = (format!("{scope}/mish"), graph.float(1.0));
    let negative = graph.node(&scope, "Neg", &[input], &[]);
    let gate = graph.node(&scope, "Sigmoid", &[&negative], &[]);
    let square = graph.node(&format!("{scope}/square"), "Mul", &[&gate, &gate], &[]);
    let above = graph.node(&scope, "Sub", &[&one, &square], &[]);
    let below = graph.node(&scope, "Add", &[&square, &one], &[]);
    let tanh = graph.node(&scope, "Div", &[&above, &below], &[]);
    graph.node(&scope, "Mul", &[input, &tanh], &[])
}
