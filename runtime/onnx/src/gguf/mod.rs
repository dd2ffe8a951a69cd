//! GGUF, the files of llama.cpp: header, tensors, and the graph of a decoder that takes its weights from one.
//!
//! [`Gguf::read`] reads the header. [`Gguf::build_decoder`] builds a graph whose weights are in files that [`Weights`]
//! gives: single and half precision lie in the GGUF file itself, and what has fewer bits is converted a piece at a time as
//! it is read. [`precision::convert`](crate::precision::convert) writes them: with `Recipe::new(32)` as they are, with any
//! other recipe in that precision.
//!
//! | type | becomes |
//! | --- | --- |
//! | F32, F16 | a range of the GGUF file |
//! | BF16, Q4_K, Q6_K | single precision |
//! | Q4_0, Q8_0 | `MatMulNBits` of 4 and 8 bits, `GatherBlockQuantized`: every bit as it is |
//! | Q4_1 | `MatMulNBits` of 4 bits, and a product of block sums with what that leaves out |
//!
//! The tokenizer is handed out as it is in the file ([`Tokenizer`]): converting it is another crate's.

mod build;
mod config;
mod cursor;
mod dequantise;
mod error;
mod header;
mod names;
mod quantised;
mod tokenizer;
mod types;
mod weights;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use build::Kept;
pub use dequantise::dequantise;
pub use error::Error;
pub use tokenizer::Tokenizer;
pub use types::TensorType;
pub use weights::Weights;

use crate::files::Files;

/// What a GGUF file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Gguf {
    /// The file, relative to the model's folder.
    pub file: String,
    /// Of the format: 2 or 3.
    pub version: u32,
    /// Settings, by key.
    pub metadata: BTreeMap<String, Value>,
    /// Tensors, in the file's order.
    pub tensors: Vec<Tensor>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// Single or double precision.
    Real(f64),
    /// True or false.
    Flag(bool),
    /// Text.
    Text(String),
    /// A list of one kind.
    Array(Array),
}

/// A list of settings of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Unsigned integers.
    Unsigned(Vec<u64>),
    /// Signed integers.
    Signed(Vec<i64>),
    /// Numbers.
    Reals(Vec<f64>),
    /// Switches.
    Flags(Vec<bool>),
    /// Texts.
    Texts(Vec<String>),
}

/// Where a tensor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name in the file.
    pub name: String,
    /// The type of its numbers.
    pub kind: TensorType,
    /// Its dimensions, outermost first.
    pub shape: Vec<usize>,
    /// Its first byte, from the start of the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

impl Gguf {
    /// Reads the header of a GGUF file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Magic`], [`Error::Version`], [`Error::Truncated`], [`Error::TooMany`],
    /// [`Error::Header`], [`Error::Offset`] or [`Error::Type`].
    pub fn read(files: &dyn Files, file: &str) -> Result<Self, Error> {
        header::read(files, file)
    }

    /// A tensor by its name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }
}

impl Value {
    /// As an integer from 0 on.
    #[must_use]
    pub fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// As a number.
    #[must_use]
    pub fn real(&self) -> Option<f64> {
        match self {
            Self::Unsigned(number) => Some(*number as f64),
            Self::Signed(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            _ => None,
        }
    }

    /// As text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// As a switch.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }
}

impl Array {
    /// An empty list of a type of this number.
    fn new(kind: u32) -> Self {
        match kind {
            0 | 2 | 4 | 10 => Self::Unsigned(Vec::new()),
            1 | 3 | 5 | 11 => Self::Signed(Vec::new()),
            6 | 12 => Self::Reals(Vec::new()),
            7 => Self::Flags(Vec::new()),
            _ => Self::Texts(Vec::new()),
        }
    }

    /// One of another kind is left out; the list's type gives none.
    fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Unsigned(list), Value::Unsigned(value)) => list.push(value),
            (Self::Signed(list), Value::Signed(value)) => list.push(value),
            (Self::Reals(list), Value::Real(value)) => list.push(value),
            (Self::Flags(list), Value::Flag(value)) => list.push(value),
            (Self::Texts(list), Value::Text(value)) => list.push(value),
            _ => {}
        }
    }
}
