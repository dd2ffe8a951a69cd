//! Activations of a Dense module, by the class of PyTorch that its config names.

use std::f64::consts::FRAC_1_SQRT_2;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// What is given.
    Identity,
    /// The hyperbolic tangent.
    Tanh,
    /// The positive part.
    Relu,
    /// `x Φ(x)`.
    Gelu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x sigmoid(x)`.
    Silu,
    /// `e^x - 1` below zero.
    Elu,
    /// 0.01 of what is negative.
    LeakyRelu,
    /// `x tanh(ln(1 + e^x))`.
    Mish,
    /// `ln(1 + e^x)`.
    Softplus,
}

impl Activation {
    /// The activation of a class, e.g. `torch.nn.modules.activation.Tanh`; only classes of PyTorch are known.
    pub(super) fn of_class(class: &str) -> Option<Self> {
        if !class.starts_with("torch.nn.") {
            return None;
        }
        Some(match class.rsplit('.').next()? {
            "Identity" => Self::Identity,
            "Tanh" => Self::Tanh,
            "ReLU" => Self::Relu,
            "GELU" => Self::Gelu,
            "Sigmoid" => Self::Sigmoid,
            "SiLU" => Self::Silu,
            "ELU" => Self::Elu,
            "LeakyReLU" => Self::LeakyRelu,
            "Mish" => Self::Mish,
            "Softplus" => Self::Softplus,
            _ => return None,
        })
    }

    /// The class's own name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "Identity",
            Self::Tanh => "Tanh",
            Self::Relu => "ReLU",
            Self::Gelu => "GELU",
            Self::Sigmoid => "Sigmoid",
            Self::Silu => "SiLU",
            Self::Elu => "ELU",
            Self::LeakyRelu => "LeakyReLU",
            Self::Mish => "Mish",
            Self::Softplus => "Softplus",
        }
    }

    /// Computed in double precision, as the sum before it is.
    pub(super) fn of(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Tanh => x.tanh(),
            Self::Relu => x.max(0.0),
            Self::Gelu => 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2)),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Elu => {
                if x > 0.0 {
                    x
                } else {
                    x.exp_m1()
                }
            }
            Self::LeakyRelu => {
                if x > 0.0 {
                    x
                } else {
                    0.01 * x
                }
            }
            Self::Mish => x * softplus(x).tanh(),
            Self::Softplus => softplus(x),
        }
    }
}

fn softplus(x: f64) -> f64 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}

/// The error function, by its series below 3 and its continued fraction above: to 1e-12, which single precision does
/// not see. (Abramowitz and Stegun, 7.1.6 and 7.1.14.)
fn erf(x: f64) -> f64 {
    let a = x.abs();
    let value = if a < 3.0 {
        let (mut term, mut sum, mut n) = (a, a, 0.0);
        while term > 1e-17 * sum {
            n += 1.0;
            term *= 2.0 * a * a / (2.0 * n + 1.0);
            sum += term;
        }
        2.0 / std::f64::consts::PI.sqrt() * (-a * a).exp() * sum
    } else {
        let mut fraction = 0.0;
        for n in (1..60).rev() {
            fraction = f64::from(n) / 2.0 / (a + fraction);
        }
        1.0 - (-a * a).exp() / std::f64::consts::PI.sqrt() / (a + fraction)
    };
    value.copysign(x)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::SQRT_2;

    use super::*;

    /// Values of scipy.special.erf.
    #[test]
    fn erf_is_that_of_scipy() {
        let table = [
            (0.0, 0.0),
            (0.1, 0.112_462_916_018_284_9),
            (-0.5, -0.520_499_877_813_046_5),
            (SQRT_2, 0.954_499_736_103_641_6),
            (2.9, 0.999_958_902_121_900_5),
            (3.1, 0.999_988_351_342_632_6),
            (6.0, 1.0),
        ];
        for (x, value) in table {
            assert!((erf(x) - value).abs() < 1e-12, "erf({x}) = {}", erf(x));
        }
    }
}
