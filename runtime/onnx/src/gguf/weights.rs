//! A GGUF file's weights as files that a graph's external data can point into.
//!
//! A tensor of few bits is several files that are not on any disk: what is read of them is worked out from the blocks
//! that it lies in. `weights/<tensor>.single` has its numbers in single precision; of types that `MatMulNBits` has too,
//! `.codes` has the codes in its order, `.scales` a scale a block, and `.rest` what is left of Q4_1.

use std::{borrow::Cow, collections::BTreeMap, io};

use super::{
    Gguf, Tensor, TensorType,
    dequantise::{codes, dequantise, half_at},
};
use crate::files::Files;

/// What a file has of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its numbers.
    Single,
    /// Codes of 4 bits, two neighbours a byte, or bytes from 128 on.
    Codes,
    /// A scale of single precision a block.
    Scales,
    /// What `scale × (code - 8)` lacks of a block's numbers.
    Rest,
}

impl Part {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Single, "single"), (Self::Codes, "codes"), (Self::Scales, "scales"), (Self::Rest, "rest")];

    /// Bytes that a block becomes; none where a type has no such part.
    fn bytes(self, kind: TensorType) -> Option<usize> {
        use TensorType::{Q4_0, Q4_1, Q8_0};
        Some(match (self, kind) {
            (Self::Single, _) => 4 * kind.block(),
            (Self::Codes, Q4_0 | Q4_1) => 16,
            (Self::Codes, Q8_0) => 32,
            (Self::Scales, Q4_0 | Q4_1 | Q8_0) | (Self::Rest, Q4_1) => 4,
            _ => return None,
        })
    }

    /// Of whole blocks.
    fn of(self, kind: TensorType, blocks: &[u8]) -> Vec<u8> {
        let each = blocks.chunks_exact(kind.block_bytes());
        match self {
            Self::Single => dequantise(kind, blocks).into_iter().flat_map(f32::to_le_bytes).collect(),
            Self::Codes if kind == TensorType::Q8_0 => {
                each.flat_map(|block| block[2..].iter().map(|code| code.wrapping_add(128))).collect()
            }
            Self::Codes => {
                let start = if kind == TensorType::Q4_1 { 4 } else { 2 };
                let packed = |block: &[u8]| {
                    let codes = codes(&block[start..]).collect::<Vec<_>>();
                    codes.as_chunks::<2>().0.iter().map(|[low, high]| low | high << 4).collect::<Vec<_>>()
                };
                each.flat_map(packed).collect()
            }
            Self::Scales => each.flat_map(|block| half_at(block, 0).to_le_bytes()).collect(),
            Self::Rest => each.flat_map(|block| (half_at(block, 2) + 8.0 * half_at(block, 0)).to_le_bytes()).collect(),
        }
    }
}

/// The files of a model, and those of its weights.
pub struct Weights<'a> {
    files: &'a dyn Files,
    /// The GGUF file.
    file: &'a str,
    tensors: BTreeMap<&'a str, &'a Tensor>,
    /// Graphs in memory.
    graphs: BTreeMap<String, Cow<'a, [u8]>>,
}

impl<'a> Weights<'a> {
    /// Those of a header that was read of these files.
    #[must_use]
    pub fn new(files: &'a dyn Files, header: &'a Gguf) -> Self {
        let tensors = header.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        Self { files, file: &header.file, tensors, graphs: BTreeMap::new() }
    }

    /// The same with a file in memory beside them, such as the graph that was built.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        self.graphs.insert(name.to_owned(), bytes.into());
        self
    }

    /// The name of a part of a tensor.
    pub(super) fn name(tensor: &str, part: Part) -> String {
        let suffix = Part::ALL.iter().find(|(known, _)| *known == part).map_or("", |(_, suffix)| suffix);
        format!("weights/{tensor}.{suffix}")
    }

    fn part(&self, file: &str) -> Option<(&'a Tensor, Part, usize)> {
        let (tensor, suffix) = file.strip_prefix("weights/")?.rsplit_once('.')?;
        let (part, _) = Part::ALL.iter().find(|(_, known)| *known == suffix)?;
        let tensor = *self.tensors.get(tensor)?;
        Some((tensor, *part, part.bytes(tensor.kind)?))
    }
}

impl Files for Weights<'_> {
    fn size(&self, file: &str) -> io::Result<u64> {
        if let Some(bytes) = self.graphs.get(file) {
            return Ok(bytes.len() as u64);
        }
        match self.part(file) {
            None => self.files.size(file),
            Some((tensor, _, bytes)) => Ok(tensor.length / tensor.kind.block_bytes() as u64 * bytes as u64),
        }
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let last = offset.checked_add(length as u64).filter(|last| self.size(file).is_ok_and(|size| *last <= size));
        if let Some(bytes) = self.graphs.get(file) {
            last.ok_or_else(end)?;
            return Ok(bytes[offset as usize..][..length].to_vec());
        }
        let Some((tensor, part, bytes)) = self.part(file) else { return self.files.read(file, offset, length) };
        let last = last.ok_or_else(end)?;
        let (bytes, block) = (bytes as u64, tensor.kind.block_bytes() as u64);
        let (first, after) = (offset / bytes, last.div_ceil(bytes));
        let from = tensor.offset + first * block;
        let blocks = self.files.read(self.file, from, ((after - first) * block) as usize)?;
        let mut found = part.of(tensor.kind, &blocks);
        found.truncate((last - first * bytes) as usize);
        found.drain(..(offset - first * bytes) as usize);
        Ok(found)
    }
}
