//! From a GGUF file to the graph of a decoder.

use std::collections::BTreeMap;

use prost::Message;
use safetensors::Dtype;

use super::{Error, Gguf, Tensor, TensorType, Weights, config, dequantise, quantised, weights::Part};
use crate::{
    files::Files,
    graph::{Checkpoint, Config, DecoderGraph, GenerationOptions, Location, decoder},
    proto::ModelProto,
};

/// More frequencies than any head has.
const FACTORS_MAX: usize = 1 << 10;

/// What becomes of weights in blocks of few bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// They stay as they are where onnxruntime has an operator for them: Q4_0, Q4_1 and Q8_0.
    #[default]
    Blocks,
    /// The same of products alone: tables, of which rows are looked up, become single precision. wasm has no operator
    /// that looks up rows in blocks.
    Products,
    /// They become single precision, of which [`precision::convert`](crate::precision::convert) makes any other.
    Single,
}

impl Gguf {
    /// The model's settings, as transformers calls them. `files` are those that the header was read of.
    ///
    /// # Errors
    /// [`Error::Architecture`], [`Error::Unsupported`], [`Error::Missing`] or [`Error::Read`].
    pub fn config(&self, files: &dyn Files) -> Result<Config, Error> {
        let Some(tensor) = self.tensor(config::FACTORS) else { return config::config(self, None) };
        if tensor.kind != TensorType::F32 || tensor.shape.iter().product::<usize>() > FACTORS_MAX {
            let (key, expected) = (tensor.name.clone(), "a short list of single precision");
            return Err(Error::Missing { key, expected });
        }
        let bytes = files.read(&self.file, tensor.offset, tensor.length as usize);
        let bytes = bytes.map_err(|source| Error::Read { file: self.file.clone(), source })?;
        config::config(self, Some(&dequantise(TensorType::F32, &bytes)))
    }

    /// Builds the graph of the model's decoder. `files` are those that the header was read of. Its external data is in the files that [`Weights`] gives.
    ///
    /// # Errors
    /// Those of [`config`](Self::config), and [`Error::Graph`].
    pub fn build_decoder(
        &self,
        files: &dyn Files,
        options: &GenerationOptions,
        kept: Kept,
    ) -> Result<DecoderGraph, Error> {
        let config = self.config(files)?;
        let architecture = config::architecture(self)?;
        let mut tensors = BTreeMap::new();
        // The config has those numbers.
        for tensor in self.tensors.iter().filter(|tensor| tensor.name != config::FACTORS) {
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
        if kept != Kept::Single
            && let Ok(model) = ModelProto::decode(&*decoder.model.onnx)
        {
            (decoder.model.onnx, decoder.model.external) = quantised::keep(self, model, kept == Kept::Blocks);
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
