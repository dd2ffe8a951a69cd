//! Where a tensor's values are, found to be possible before anything is read.

use prost::Message;

use crate::{
    Error,
    error::dtype_name,
    files::Files,
    proto::{DataLocation, DataType, TensorProto},
};

/// Where a tensor's values are, as little-endian bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// In the graph: no more than a few.
    Inline(Vec<u8>),
    /// In a file.
    File {
        /// Relative to the model's folder.
        file: String,
        /// First byte.
        offset: u64,
        /// Bytes.
        length: u64,
    },
}

impl Source {
    /// Bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Some of its bytes.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn read(&self, files: &dyn Files, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
        match self {
            Self::Inline(bytes) => Ok(bytes[offset as usize..offset as usize + length].to_vec()),
            Self::File { file, offset: start, .. } => {
                files.read(file, start + offset, length).map_err(|source| Error::Read { file: file.clone(), source })
            }
        }
    }
}

/// More elements than any tensor has.
const ELEMENTS_MAX: u64 = 1 << 48;

/// The number of elements of a shape.
///
/// # Errors
/// [`Error::Shape`] where it has a negative length or too many elements.
pub fn element_count(tensor: &str, shape: &[i64]) -> Result<u64, Error> {
    // Each length too: beside a zero any would do, and be multiplied with something else later.
    let product = shape.iter().try_fold(1u64, |product, length| {
        let length = u64::try_from(*length).ok().filter(|length| *length < ELEMENTS_MAX)?;
        product.checked_mul(length).filter(|count| *count < ELEMENTS_MAX)
    });
    product.ok_or_else(|| Error::Shape { tensor: tensor.to_owned(), shape: shape.to_vec() })
}

/// Bits of an element; none for text.
pub(crate) fn element_bits(dtype: i32) -> Option<u64> {
    Some(match DataType::try_from(dtype).ok()? {
        DataType::Undefined | DataType::String => return None,
        DataType::Double | DataType::Int64 | DataType::Uint64 | DataType::Complex64 => 64,
        DataType::Complex128 => 128,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 32,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 16,
        DataType::Uint4 | DataType::Int4 | DataType::Float4E2m1 => 4,
        DataType::Uint2 | DataType::Int2 => 2,
        DataType::Float6E2m3 | DataType::Float6E3m2 => 6,
        _ => 8,
    })
}

/// Where the values of a tensor are; `model` is the file that it is in. Their
/// length is that of its shape.
///
/// # Errors
/// [`Error::Shape`], [`Error::ElementType`], [`Error::Location`],
/// [`Error::ExternalNumber`], [`Error::Read`], [`Error::PastEnd`] or
/// [`Error::Length`].
pub fn source(files: &dyn Files, model: &str, tensor: &TensorProto) -> Result<Source, Error> {
    let name = tensor.name();
    let count = element_count(name, &tensor.dims)?;
    let dtype = tensor.data_type.unwrap_or_default();
    let element = || Error::ElementType { tensor: name.to_owned(), dtype: dtype_name(dtype) };
    let expected = (count * element_bits(dtype).ok_or_else(element)?).div_ceil(8);
    let found = if tensor.data_location == Some(DataLocation::External as i32) {
        let (file, offset, length) = external_range(files, model, tensor, expected)?;
        Source::File { file, offset, length }
    } else {
        Source::Inline(inline(tensor, dtype))
    };
    if found.length() != expected {
        let (tensor_name, shape, actual) = (name.to_owned(), tensor.dims.clone(), found.length());
        return Err(Error::Length { tensor: tensor_name, dtype: dtype_name(dtype), shape, expected, actual });
    }
    Ok(found)
}

/// The file, the first byte and the length of a tensor that lies in a file; its `expected` bytes where it does not say
/// how many.
pub(super) fn external_range(
    files: &dyn Files,
    model: &str,
    tensor: &TensorProto,
    expected: u64,
) -> Result<(String, u64, u64), Error> {
    let name = || tensor.name().to_owned();
    let (mut location, mut offset, mut length) = ("", 0, expected);
    for entry in &tensor.external_data {
        let number = |key| {
            let value = entry.value().to_owned();
            entry.value().parse::<u64>().map_err(|_| Error::ExternalNumber { tensor: name(), key, value })
        };
        match entry.key() {
            "location" => location = entry.value(),
            "offset" => offset = number("offset")?,
            "length" => length = number("length")?,
            // A checksum, and what some exporters add of their own.
            _ => {}
        }
    }
    let Some(file) = beside(model, location) else {
        return Err(Error::Location { tensor: name(), location: location.to_owned() });
    };
    let size = files.size(&file).map_err(|source| Error::Read { file: file.clone(), source })?;
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok((file, offset, length)),
        _ => Err(Error::PastEnd { tensor: name(), file, offset, length, size }),
    }
}

/// The path of a file that the model names, which must not leave its folder.
fn beside(model: &str, location: &str) -> Option<String> {
    let plain = location.split('/').filter(|part| *part != ".").collect::<Vec<_>>();
    let within = plain.iter().all(|part| !part.is_empty() && *part != ".." && !part.contains(['\\', '\0', ':']));
    if plain.is_empty() || !within {
        return None;
    }
    let folder = model.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    Some(folder + &plain.join("/"))
}

/// The values that a tensor carries itself, of whichever field they are in.
fn inline(tensor: &TensorProto, dtype: i32) -> Vec<u8> {
    if let Some(raw) = &tensor.raw_data {
        return raw.clone();
    }
    if !tensor.float_data.is_empty() {
        return tensor.float_data.iter().flat_map(|value| value.to_le_bytes()).collect();
    }
    if !tensor.double_data.is_empty() {
        return tensor.double_data.iter().flat_map(|value| value.to_le_bytes()).collect();
    }
    if !tensor.int64_data.is_empty() {
        return tensor.int64_data.iter().flat_map(|value| value.to_le_bytes()).collect();
    }
    let bytes = element_bits(dtype).unwrap_or(8).div_ceil(8) as usize;
    if !tensor.uint64_data.is_empty() {
        return tensor.uint64_data.iter().flat_map(|value| value.to_le_bytes().into_iter().take(bytes)).collect();
    }
    // Narrower types, each value in an int32; two of 4 bits share one.
    tensor.int32_data.iter().flat_map(|value| value.to_le_bytes().into_iter().take(bytes.min(4))).collect()
}

/// How many bytes of values a tensor carries itself.
pub(crate) fn carried(tensor: &TensorProto) -> usize {
    tensor.encoded_len()
}
