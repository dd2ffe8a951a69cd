//! The header of a safetensors file, held against the file itself. Only the
//! header is read, so a file of any size is checked at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::TensorInfo;

use super::ModelError;

/// The longest header, bytes: the limit of the format's reference implementation.
const HEADER_MAX: u64 = 100_000_000;

/// Checks a file and gives its tensors' names.
///
/// # Errors
///
/// `Header`, `Length` or `Tensor`, with what was expected and found; `Read`.
pub(crate) fn check(path: &Path) -> Result<BTreeSet<String>, ModelError> {
    let read = |source| ModelError::Read { file: path.to_owned(), source };
    let bad = |expected, actual| ModelError::Header { file: path.to_owned(), expected, actual };
    let mut file = File::open(path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let mut length = [0; 8];
    if size < 8 {
        return Err(bad("8 bytes of header length", format!("a file of {size} bytes")));
    }
    file.read_exact(&mut length).map_err(read)?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_MAX {
        return Err(bad("a header of at most 100 MB", format!("a length of {length} bytes")));
    }
    if 8 + length > size {
        return Err(ModelError::Length { file: path.to_owned(), expected: 8 + length, actual: size });
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(read)?;
    let entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|e| bad("a JSON object as header", e.to_string()))?;
    let mut tensors = Vec::new();
    for (name, value) in entries {
        if name != "__metadata__" {
            let info: TensorInfo = serde_json::from_value(value)
                .map_err(|e| bad("dtype, shape and data_offsets for each tensor", format!("tensor {name:?}: {e}")))?;
            tensors.push((name, info));
        }
    }
    check_places(path, size - 8 - length, &mut tensors)?;
    Ok(tensors.into_iter().map(|(name, _)| name).collect())
}

/// Tensors must cover the data without gap or overlap, each as long as dtype and shape say. The library's own check of
/// this wants the whole file in memory, and names neither the tensor nor what it should be.
fn check_places(path: &Path, data: u64, tensors: &mut [(String, TensorInfo)]) -> Result<(), ModelError> {
    let bad = |tensor: &str, expected: String, actual: String| ModelError::Tensor {
        file: path.to_owned(),
        tensor: tensor.to_owned(),
        expected,
        actual,
    };
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, TensorInfo { dtype, shape, data_offsets: (from, to) }) in tensors.iter() {
        if *from != end {
            return Err(bad(name, format!("it to begin at byte {end}, where the one before ends"), from.to_string()));
        }
        let bits = shape.iter().try_fold(dtype.bitsize(), |bits, length| bits.checked_mul(*length));
        let wanted = bits.filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
        if wanted.is_none() || wanted != to.checked_sub(*from) {
            let wanted = wanted.map_or("a size that fits a file".to_owned(), |bytes| format!("{bytes} bytes"));
            return Err(bad(name, format!("{wanted} for {dtype} {shape:?}"), format!("bytes {from}..{to}")));
        }
        end = *to;
    }
    if end as u64 != data {
        return Err(ModelError::Length { file: path.to_owned(), expected: end as u64, actual: data });
    }
    Ok(())
}
