//! Why a GGUF file could not be read or built into a graph.

use std::io;

/// What is wrong with a GGUF file, and what would do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read {file}: {source}; add the model again")]
    Read {
        /// Relative to the model's folder.
        file: String,
        /// As the source of the files gave it.
        source: io::Error,
    },
    /// The file does not begin as GGUF does.
    #[error("{file} is not a GGUF file: it begins with {found:02x?} where \"GGUF\" was expected; download it again")]
    Magic {
        /// Relative to the model's folder.
        file: String,
        /// Its first bytes.
        found: Vec<u8>,
    },
    /// A version of the format that is not read.
    #[error(
        "{file} is GGUF version {found}; versions 2 and 3 in little-endian order are read: convert the model again with \
         llama.cpp's convert_hf_to_gguf.py"
    )]
    Version {
        /// Relative to the model's folder.
        file: String,
        /// What it says.
        found: u32,
    },
    /// The header ends before it is whole.
    #[error(
        "{file} ends within its header: {needed} bytes were expected at byte {offset} of {size}; download it again"
    )]
    Truncated {
        /// Relative to the model's folder.
        file: String,
        /// Where more was expected.
        offset: u64,
        /// How much.
        needed: u64,
        /// The file's length.
        size: u64,
    },
    /// More of something than any model has.
    #[error(
        "{file} says that it has {found} {what}, more than the {limit} that are read: it is damaged or made to harm"
    )]
    TooMany {
        /// Relative to the model's folder.
        file: String,
        /// What there is too much of.
        what: &'static str,
        /// How much the file says.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// Something in the header that the format does not have.
    #[error("{file}: {what} is {found} where {expected} was expected: the file is damaged; download it again")]
    Header {
        /// Relative to the model's folder.
        file: String,
        /// What it is about: a key, or a tensor.
        what: String,
        /// What is there.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A tensor outside the file.
    #[error(
        "{file}: {tensor} is said to be {length} bytes from byte {offset} on of {size} bytes of data: the file is \
         truncated; download it again"
    )]
    Offset {
        /// Relative to the model's folder.
        file: String,
        /// Which tensor.
        tensor: String,
        /// First byte, from the start of the data.
        offset: u64,
        /// Bytes.
        length: u64,
        /// Bytes of data that the file has.
        size: u64,
    },
    /// A tensor of a type that is not read.
    #[error(
        "{file}: {tensor} is of type {found}; F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K and Q6_K are read: use a file of one \
         of these"
    )]
    Type {
        /// Relative to the model's folder.
        file: String,
        /// Which tensor.
        tensor: String,
        /// Its type's name, or its number.
        found: String,
    },
    /// An architecture that has no builder.
    #[error("no graph builder for the architecture {found:?} of a GGUF file: use one of {}", supported.join(", "))]
    Architecture {
        /// `general.architecture`.
        found: String,
        /// What has a builder.
        supported: Vec<&'static str>,
    },
    /// Something of the model that the builders do not know how to compute.
    #[error(
        "{what} of this GGUF file is {found}, for which there is no builder ({expected}): use the model's safetensors"
    )]
    Unsupported {
        /// A key or a tensor.
        what: String,
        /// What is there.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// Metadata that every model of its architecture has.
    #[error("the GGUF file has no {key}, or not as {expected}: it is not whole; convert the model again")]
    Missing {
        /// Its key.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The graph could not be built.
    #[error(transparent)]
    Graph(#[from] crate::graph::Error),
}

impl Error {
    /// Whether nothing is wrong with the file, but no graph can be built of it.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        match self {
            Self::Architecture { .. } | Self::Unsupported { .. } | Self::Type { .. } | Self::Version { .. } => true,
            Self::Graph(error) => error.is_unsupported(),
            _ => false,
        }
    }
}
