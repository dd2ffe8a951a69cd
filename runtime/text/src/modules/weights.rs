//! The weights of a small module: `model.safetensors`, else `pytorch_model.bin`.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors};

use super::{Weight, pickle};
use crate::Error;
use crate::files::{Files, join};

/// The tensors of a module in `folder`, and the path of their file.
pub(super) struct Weights {
    pub(super) file: String,
    tensors: HashMap<String, Weight>,
}

impl Weights {
    pub(super) fn read(files: &Files, folder: &str) -> Result<Self, Error> {
        let file = join(folder, "model.safetensors");
        if let Some(bytes) = files.get(&file) {
            return Ok(Self { tensors: safetensors(&file, bytes)?, file });
        }
        let older = join(folder, "pytorch_model.bin");
        match files.get(&older) {
            Some(bytes) => Ok(Self { tensors: pickle::tensors(&older, bytes)?, file: older }),
            None => {
                Err(Error::Missing { file, help: "the module's weights were not downloaded; fetch the model again" })
            }
        }
    }

    /// A tensor of a known shape.
    pub(super) fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, Error> {
        let Some(weight) = self.tensors.remove(name) else {
            let problem = format!("expected the tensor {name}");
            return Err(Error::Damaged { file: self.file.clone(), problem });
        };
        if weight.shape != expected {
            return Err(Error::Shape {
                file: self.file.clone(),
                name: name.to_owned(),
                expected: expected.to_vec(),
                actual: weight.shape,
            });
        }
        if let Some(value) = weight.values.iter().find(|value| !value.is_finite()) {
            let problem = format!("the tensor {name} holds {value}");
            return Err(Error::Damaged { file: self.file.clone(), problem });
        }
        Ok(weight.values)
    }
}

fn safetensors(file: &str, bytes: &[u8]) -> Result<HashMap<String, Weight>, Error> {
    let damaged = |problem: String| Error::Damaged { file: file.to_owned(), problem };
    let read = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    let tensors = read.tensors().into_iter().map(|(name, view)| {
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => words(view.data(), f32::from_le_bytes),
            Dtype::F64 => words(view.data(), |bytes| f64::from_le_bytes(bytes) as f32),
            Dtype::F16 => words(view.data(), |bytes| half::f16::from_le_bytes(bytes).to_f32()),
            Dtype::BF16 => words(view.data(), |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
            other => return Err(damaged(format!("the tensor {name} is of {other:?}, not of floats"))),
        };
        Ok((name, Weight { shape: view.shape().to_vec(), values }))
    });
    tensors.collect()
}

fn words<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|chunk| value(*chunk)).collect()
}
