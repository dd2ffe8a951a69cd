//! From a GGUF file to the graph of a decoder.

use std::collections::BTreeMap;

use prost::Message;
use safetensors::Dtype;

use super::{Error, Gguf, Tensor, TensorType, Weights, config, quantised, weights::Part};
use crate::{
    graph::{Checkpoint, Config, DecoderGraph, GenerationOptions, Location, decoder},
    proto::ModelProto,
};

/// What becomes of weights in blocks of few bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// They stay as they are where onnxruntime has an operator for them: Q4_0, Q4_1 and Q8_0.
    #[default]
    Blocks,
    /// They become single precision, of which [`precision::convert`](crate::precision::convert) makes any other.
    Single,
}

impl Gguf {
    /// The model's settings, as transformers calls them.
    ///
    /// # Errors
    /// [`Error::Architecture`], [`Error::Unsupported`] or [`Error::Missing`].
    pub fn config(&self) -> Result<Config, Error> {
        config::config(self)
    }

    /// Builds the graph of the model's decoder. Its external data is in the files that [`Weights`] gives.
    ///
    /// # Errors
    /// Those of [`config`](Self::config), and [`Error::Graph`].
    pub fn build_decoder(&self, options: &GenerationOptions, kept: Kept) -> Result<DecoderGraph, Error> {
        let config = self.config()?;
        let architecture = config::architecture(self)?;
        let mut tensors = BTreeMap::new();
        for tensor in &self.tensors {
            let unknown = || Error::Unsupported {
                what: format!("the tensor {}", tensor.name),
                found: "there".to_owned(),
                expected: "the tensors of the architecture",
            };
            let name = architecture.rename(&tensor.name).ok_or_else(unknown)?;
            // The builders would not see them.
            if name.ends_with(".bias") && matches!(architecture.name, "llama" | "qwen3" | "phi3") {
                return Err(unknown());
            }
            tensors.insert(name, location(&self.file, tensor));
        }
        let mut decoder = decoder(&config, &Checkpoint::of(tensors), options)?;
        if kept == Kept::Blocks
            && let Ok(model) = ModelProto::decode(&*decoder.model.onnx)
        {
            (decoder.model.onnx, decoder.model.external) = quantised::keep(self, model);
        }
        Ok(decoder)
    }
}

/// Where a tensor's numbers are: in the file itself where they are numbers there.
fn location(file: &str, tensor: &Tensor) -> Location {
    let plain = match tensor.kind {
        TensorType::F32 => Some(Dtype::F32),
        TensorType::F16 => Some(Dtype::F16),
        _ => None,
    };
    let shape = tensor.shape.clone();
    match plain {
        Some(dtype) => Location { file: file.to_owned(), offset: tensor.offset, length: tensor.length, dtype, shape },
        None => {
            let length = 4 * shape.iter().map(|length| *length as u64).product::<u64>();
            Location { file: Weights::name(&tensor.name, Part::Single), offset: 0, length, dtype: Dtype::F32, shape }
        }
    }
}
