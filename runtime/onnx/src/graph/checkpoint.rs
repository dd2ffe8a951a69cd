//! The tensors of a checkpoint: where their bytes are, not the bytes
//! themselves. One `model.safetensors`, or shards with an index.
//!
//! A header is checked whole before anything is believed: a tensor that is
//! looked up lies inside its file and its bytes fill its shape.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::{Dtype, tensor::TensorInfo};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Error, Files, config::read_json, folder::Folded};

/// A checkpoint in one file.
const SINGLE: &str = "model.safetensors";
/// Says which file each tensor of a sharded checkpoint is in.
const INDEX: &str = "model.safetensors.index.json";
/// The length that the safetensors format allows a header.
const MAX_HEADER: u64 = 100_000_000;

/// Where one tensor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, relative to the model's folder.
    pub file: String,
    /// First byte, from the start of the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
}

/// Every tensor of a checkpoint by its name.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    tensors: BTreeMap<String, Location>,
    /// What all of an encoder's names begin with, such as `bert.`.
    prefix: String,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Reads the headers of a model's safetensors files. As in transformers, an
    /// index counts only where there is no `model.safetensors`.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], [`Error::Read`], [`Error::Json`],
    /// [`Error::HeaderLength`], [`Error::Offsets`], [`Error::Length`] or
    /// [`Error::ShardName`].
    pub fn read(files: &dyn Files) -> Result<Self, Error> {
        Self::read_in(&Folded { files, folder: "" })
    }

    /// Tensors of any other kind of file.
    pub(crate) fn of(tensors: BTreeMap<String, Location>) -> Self {
        Self { tensors, prefix: String::new() }
    }

    pub(super) fn read_in(files: &Folded) -> Result<Self, Error> {
        let mut checkpoint = Self::default();
        let absent = |file: &str| files.is_absent(file);
        match (absent(SINGLE), absent(INDEX)) {
            (false, _) => checkpoint.tensors = read_file(files, SINGLE)?,
            (true, true) => return Err(Error::NoCheckpoint { file: files.path(SINGLE) }),
            (true, false) => checkpoint.read_shards(files)?,
        }
        Ok(checkpoint)
    }

    /// Takes each tensor from the file that the index assigns it to, and from no
    /// other that has one of its name.
    fn read_shards(&mut self, files: &Folded) -> Result<(), Error> {
        let index: Index = read_json(files, INDEX, MAX_HEADER)?;
        let mut shards = BTreeMap::<String, BTreeSet<String>>::new();
        for (tensor, file) in index.weight_map {
            if file.is_empty() || file.contains(['/', '\\', '\0', ':']) || file.starts_with('.') {
                return Err(Error::ShardName { tensor, file });
            }
            shards.entry(file).or_default().insert(tensor);
        }
        for (shard, assigned) in shards {
            let mut tensors = read_file(files, &shard)?;
            tensors.retain(|tensor, _| assigned.contains(tensor));
            self.tensors.append(&mut tensors);
        }
        Ok(())
    }

    /// The same tensors, looked up with the first of these prefixes under which
    /// `probe` is found: a checkpoint saved with a head on its encoder has one,
    /// a bare encoder has none.
    #[must_use]
    pub fn with_prefix(mut self, prefixes: &[&str], probe: &str) -> Self {
        let found = prefixes.iter().find(|prefix| self.tensors.contains_key(&format!("{prefix}{probe}")));
        self.prefix = found.map_or_else(String::new, |prefix| (*prefix).to_owned());
        self
    }

    /// What all of an encoder's names begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A tensor, by its name without the prefix.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::Shape`] or [`Error::ElementType`].
    pub fn weight(&self, name: &str, expected: &[usize]) -> Result<(String, &Location), Error> {
        let tensor = format!("{}{name}", self.prefix);
        let Some(location) = self.tensors.get(&tensor) else {
            return Err(Error::MissingTensor { tensor, expected: expected.to_vec() });
        };
        if location.shape != expected {
            return Err(Error::Shape { tensor, expected: expected.to_vec(), actual: location.shape.clone() });
        }
        if !matches!(location.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64) {
            return Err(Error::ElementType { tensor, actual: format!("{:?}", location.dtype) });
        }
        Ok((tensor, location))
    }

    /// The shape of a tensor, by its name without the prefix.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.tensors.get(&format!("{}{name}", self.prefix))?.shape)
    }

    /// Whether there is a tensor of this name, without the prefix.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(&format!("{}{name}", self.prefix))
    }
}

/// The tensors of a safetensors file.
fn read_file(files: &Folded, file: &str) -> Result<BTreeMap<String, Location>, Error> {
    let path = || files.path(file);
    let read = |source| Error::Read { file: path(), source };
    let size = files.size(file).map_err(read)?;
    let length = match size {
        0..8 => return Err(Error::HeaderLength { file: path(), length: 0, size }),
        _ => files.read(file, 0, 8).map_err(read)?,
    };
    let length = length.iter().rev().fold(0, |length, byte| length << 8 | u64::from(*byte));
    if length > MAX_HEADER || length > size - 8 {
        return Err(Error::HeaderLength { file: path(), length, size });
    }
    let header = files.read(file, 8, length as usize).map_err(read)?;
    let json = |source| Error::Json { file: format!("the header of {}", path()), source };
    let header: Map<String, Value> = serde_json::from_slice(&header).map_err(json)?;
    let mut tensors = BTreeMap::new();
    for (tensor, info) in header {
        if tensor == "__metadata__" {
            continue;
        }
        let info: TensorInfo = serde_json::from_value(info).map_err(json)?;
        let location = locate(&path(), &tensor, info, 8 + length, size)?;
        tensors.insert(tensor, location);
    }
    Ok(tensors)
}

/// Where a tensor is in the file, once what the header says of it was found to
/// be possible.
fn locate(file: &str, tensor: &str, info: TensorInfo, data: u64, size: u64) -> Result<Location, Error> {
    let (begin, end) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
    if begin > end || end > size - data {
        let (file, tensor) = (file.to_owned(), tensor.to_owned());
        return Err(Error::Offsets { file, tensor, begin, end, size: size - data });
    }
    let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |product, dimension| product.checked_mul(*dimension));
    if bits.map(|bits| bits as u64) != (end - begin).checked_mul(8) {
        let (file, tensor, dtype) = (file.to_owned(), tensor.to_owned(), format!("{:?}", info.dtype));
        return Err(Error::Length { file, tensor, dtype, shape: info.shape, actual: end - begin });
    }
    let file = file.to_owned();
    Ok(Location { file, offset: data + begin, length: end - begin, dtype: info.dtype, shape: info.shape })
}
