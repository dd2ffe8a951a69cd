//! What is done to the pooled vectors of a batch. It is a thousandth of the graph's work, so it is done on the host,
//! in the same way for every graph, precision and platform; sums are in double precision.

use std::fmt;
use std::sync::Arc;

use super::activation::Activation;
use super::weights::Weights;
use crate::Error;
use crate::files::{Files, join};

/// `LayerNorm`'s epsilon, PyTorch's default.
const LAYER_NORM_EPSILON: f64 = 1e-5;
/// The least length that a vector is divided by, as in `torch.nn.functional.normalize`.
const NORM_MIN: f64 = 1e-12;

/// One module after Pooling.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// `activation(W x + b)`.
    Dense(Dense),
    /// Each vector with mean 0 and variance 1, scaled and shifted.
    LayerNorm(Norm),
    /// Each vector with length 1.
    Normalize,
}

/// A Dense module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dense {
    file: String,
    takes: usize,
    gives: usize,
    /// `[gives, takes]`.
    weight: Arc<[f32]>,
    /// `[gives]`; zeros where the module has none.
    bias: Arc<[f32]>,
    activation: Activation,
}

/// A LayerNorm module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Norm {
    file: String,
    weight: Arc<[f32]>,
    bias: Arc<[f32]>,
}

/// Refuses a module that works on something else than the vector of a text.
pub(super) fn check_names(files: &Files, folder: &str, kind: &str) -> Result<(), Error> {
    let file = join(folder, "config.json");
    let Some(config) = files.json(&file)? else { return Ok(()) };
    for key in ["module_input_name", "module_output_name"] {
        // `null` means that the output has the name of the input.
        if let Some(name) = config[key].as_str().filter(|name| *name != "sentence_embedding") {
            let what = format!("{key} {name:?} of the module {kind}");
            let help = "Pelago computes it for the vector of a text, not for those of its tokens";
            return Err(Error::Unsupported { file, what, help });
        }
    }
    Ok(())
}

impl Step {
    pub(super) fn dense(files: &Files, folder: &str) -> Result<Self, Error> {
        let file = join(folder, "config.json");
        let Some(config) = files.json(&file)? else {
            return Err(Error::Missing {
                file,
                help: "the folder of the Dense module is not whole; fetch the model again",
            });
        };
        let unsupported = |what: String, help| Error::Unsupported { file: file.clone(), what, help };
        let length = |key: &str| {
            let found = config[key].as_u64().filter(|length| (1..=1 << 20).contains(length));
            found.map(|length| length as usize).ok_or_else(|| Error::Damaged {
                file: file.clone(),
                problem: format!("expected {key} to be a positive number, found {}", config[key]),
            })
        };
        let (takes, gives) = (length("in_features")?, length("out_features")?);
        // Tanh is what the class itself defaults to.
        let class = config["activation_function"].as_str().unwrap_or("torch.nn.modules.activation.Tanh");
        let activation = Activation::of_class(class).ok_or_else(|| {
            unsupported(
                format!("the activation {class}"),
                "Pelago has Identity, Tanh, ReLU, GELU, Sigmoid, SiLU, ELU, LeakyReLU, Mish and Softplus of PyTorch",
            )
        })?;
        let mut weights = Weights::read(files, folder)?;
        let weight = weights.take("linear.weight", &[gives, takes])?.into();
        let bias = match config["bias"].as_bool() {
            Some(false) => vec![0.0; gives],
            _ => weights.take("linear.bias", &[gives])?,
        };
        Ok(Self::Dense(Dense { file: weights.file, takes, gives, weight, bias: bias.into(), activation }))
    }

    pub(super) fn layer_norm(files: &Files, folder: &str) -> Result<Self, Error> {
        let file = join(folder, "config.json");
        let Some(config) = files.json(&file)? else {
            let help = "the folder of the LayerNorm module is not whole; fetch the model again";
            return Err(Error::Missing { file, help });
        };
        let Some(dimension) = config["dimension"].as_u64().filter(|length| (1..=1 << 20).contains(length)) else {
            let problem = format!("expected dimension to be a positive number, found {}", config["dimension"]);
            return Err(Error::Damaged { file, problem });
        };
        let mut weights = Weights::read(files, folder)?;
        let shape = [dimension as usize];
        let weight = weights.take("norm.weight", &shape)?.into();
        let bias = weights.take("norm.bias", &shape)?.into();
        Ok(Self::LayerNorm(Norm { file: weights.file, weight, bias }))
    }

    /// Dimensions that it takes and gives; `None` where it takes any.
    pub(super) fn dimensions(&self) -> Option<(usize, usize)> {
        match self {
            Self::Dense(dense) => Some((dense.takes, dense.gives)),
            Self::LayerNorm(norm) => Some((norm.weight.len(), norm.weight.len())),
            Self::Normalize => None,
        }
    }

    fn file(&self) -> &str {
        match self {
            Self::Dense(dense) => &dense.file,
            Self::LayerNorm(norm) => &norm.file,
            Self::Normalize => "",
        }
    }

    /// `values` are rows of `dimensions`.
    pub(super) fn apply(&self, mut values: Vec<f32>, dimensions: usize) -> Result<(Vec<f32>, usize), Error> {
        if let Some((takes, _)) = self.dimensions().filter(|(takes, _)| *takes != dimensions) {
            return Err(Error::Shape {
                file: self.file().to_owned(),
                name: "the vector of a text".to_owned(),
                expected: vec![takes],
                actual: vec![dimensions],
            });
        }
        match self {
            Self::Dense(dense) => return Ok((dense.apply(&values), dense.gives)),
            Self::LayerNorm(norm) => values.chunks_exact_mut(dimensions.max(1)).for_each(|row| norm.apply(row)),
            Self::Normalize => normalize(&mut values, dimensions),
        }
        Ok((values, dimensions))
    }
}

/// Scales each row to length 1.
pub(crate) fn normalize(values: &mut [f32], dimensions: usize) {
    for row in values.chunks_exact_mut(dimensions.max(1)) {
        let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt().max(NORM_MIN);
        row.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
    }
}

impl Dense {
    fn apply(&self, values: &[f32]) -> Vec<f32> {
        let rows = values.chunks_exact(self.takes);
        let mut out = Vec::with_capacity(rows.len() * self.gives);
        for row in rows {
            for (weights, bias) in self.weight.chunks_exact(self.takes).zip(&*self.bias) {
                let sum = weights.iter().zip(row).map(|(weight, value)| f64::from(*weight) * f64::from(*value));
                out.push(self.activation.of(sum.sum::<f64>() + f64::from(*bias)) as f32);
            }
        }
        out
    }
}

impl Norm {
    fn apply(&self, row: &mut [f32]) {
        let count = row.len() as f64;
        let mean = row.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let variance = row.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
        let scale = (variance + LAYER_NORM_EPSILON).sqrt();
        for ((value, weight), bias) in row.iter_mut().zip(&*self.weight).zip(&*self.bias) {
            *value = ((f64::from(*value) - mean) / scale * f64::from(*weight) + f64::from(*bias)) as f32;
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense(dense) => write!(f, "Dense({}→{}, {})", dense.takes, dense.gives, dense.activation.as_str()),
            Self::LayerNorm(norm) => write!(f, "LayerNorm({})", norm.weight.len()),
            Self::Normalize => f.write_str("Normalize"),
        }
    }
}
