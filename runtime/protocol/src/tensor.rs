//! A tensor: a type, a shape and little-endian bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

crate::word::words! {
    /// Element types, named as ONNX and onnxruntime-web name them.
    DType, "element type" {
        /// IEEE single precision.
        Float32 = "float32",
        /// IEEE half precision.
        Float16 = "float16",
        /// Signed 8 bit.
        Int8 = "int8",
        /// Unsigned 8 bit.
        UInt8 = "uint8",
        /// Signed 32 bit.
        Int32 = "int32",
        /// Unsigned 32 bit.
        UInt32 = "uint32",
        /// Signed 64 bit.
        Int64 = "int64",
        /// Unsigned 64 bit.
        UInt64 = "uint64",
        /// One byte, 0 or 1.
        Bool = "bool",
    }
}

impl DType {
    /// Bytes an element.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Int8 | Self::UInt8 | Self::Bool => 1,
            Self::Float16 => 2,
            Self::Float32 | Self::Int32 | Self::UInt32 => 4,
            Self::Int64 | Self::UInt64 => 8,
        }
    }
}

/// A named tensor. Elements are row-major and little-endian. Its bytes are no part of its JSON: they travel as an
/// [attachment](crate::packed).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tensor {
    /// The graph's name for it.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dimensions, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// `shape.product() × dtype.size()` bytes.
    #[serde(skip)]
    pub bytes: Bytes,
}

/// Bytes that do not make the tensor they are said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TensorError {
    /// The bytes do not fill the shape.
    Length {
        /// Which tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its element type.
        dtype: DType,
        /// Bytes that shape and type need; `None` where the product overflows.
        expected: Option<usize>,
        /// Bytes there are.
        actual: usize,
    },
    /// Another element type than the one asked for.
    DType {
        /// Which tensor.
        name: String,
        /// The type asked for.
        expected: DType,
        /// The type it has.
        actual: DType,
    },
}

impl std::fmt::Display for TensorError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Length { name, shape, dtype, expected: Some(expected), actual } => {
                write!(f, "tensor {name:?} of {dtype} {shape:?} needs {expected} bytes, not {actual}")
            }
            Self::Length { name, shape, dtype, expected: None, .. } => {
                write!(f, "tensor {name:?} of {dtype} {shape:?} is larger than memory can be")
            }
            Self::DType { name, expected, actual } => {
                write!(f, "tensor {name:?} holds {actual}, not {expected}")
            }
        }
    }
}

impl std::error::Error for TensorError {}

impl Tensor {
    /// A tensor of these bytes.
    ///
    /// # Errors
    /// [`TensorError::Length`] where the bytes do not fill the shape exactly.
    pub fn new(name: impl Into<String>, dtype: DType, shape: Vec<usize>, bytes: Bytes) -> Result<Self, TensorError> {
        let name = name.into();
        let expected = shape.iter().try_fold(dtype.size(), |product, dimension| product.checked_mul(*dimension));
        if expected != Some(bytes.len()) {
            return Err(TensorError::Length { name, shape, dtype, expected, actual: bytes.len() });
        }
        Ok(Self { name, dtype, shape, bytes })
    }

    /// A tensor of no elements, which stands where another is put.
    pub(crate) fn empty() -> Self {
        Self { name: String::new(), dtype: DType::UInt8, shape: vec![0], bytes: Bytes::new() }
    }

    /// A tensor of single precision numbers.
    ///
    /// # Errors
    /// [`TensorError::Length`] where the values do not fill the shape exactly.
    pub fn from_f32(name: impl Into<String>, shape: Vec<usize>, values: &[f32]) -> Result<Self, TensorError> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        Self::new(name, DType::Float32, shape, bytes.into())
    }

    /// A tensor of 64 bit integers.
    ///
    /// # Errors
    /// [`TensorError::Length`] where the values do not fill the shape exactly.
    pub fn from_i64(name: impl Into<String>, shape: Vec<usize>, values: &[i64]) -> Result<Self, TensorError> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        Self::new(name, DType::Int64, shape, bytes.into())
    }

    /// The values of a single precision tensor.
    ///
    /// # Errors
    /// [`TensorError::DType`] for any other element type.
    pub fn to_f32(&self) -> Result<Vec<f32>, TensorError> {
        if self.dtype != DType::Float32 {
            return Err(TensorError::DType { name: self.name.clone(), expected: DType::Float32, actual: self.dtype });
        }
        let (chunks, _) = self.bytes.as_chunks::<4>();
        Ok(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_as_long_as_its_shape() {
        let tensor = Tensor::from_f32("x", vec![2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, f32::NAN]).unwrap();
        assert_eq!(tensor.bytes.len(), 24);
        assert!(tensor.to_f32().unwrap()[5].is_nan());
        let error = Tensor::from_f32("x", vec![2, 4], &[0.0; 6]).unwrap_err();
        assert_eq!(error.to_string(), "tensor \"x\" of float32 [2, 4] needs 32 bytes, not 24");
    }

    #[test]
    fn a_shape_that_overflows_is_refused() {
        let error = Tensor::new("x", DType::Int64, vec![usize::MAX, 2], Bytes::new()).unwrap_err();
        assert!(error.to_string().contains("larger than memory"), "{error}");
    }
}
