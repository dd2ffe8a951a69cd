//! The header of a safetensors file, held against the file itself. Only the
//! header is read, so a file of any size is checked at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::ModelError;

/// The longest header, bytes: the limit of the format's reference implementation.
const HEADER_MAX: u64 = 100_000_000;

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

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
            let info: Info = serde_json::from_value(value)
                .map_err(|e| bad("dtype, shape and data_offsets for each tensor", format!("tensor {name:?}: {e}")))?;
            tensors.push((name, info));
        }
    }
    check_places(path, size - 8 - length, &mut tensors)?;
    Ok(tensors.into_iter().map(|(name, _)| name).collect())
}

/// Tensors must cover the data without gap or overlap, each as long as dtype and shape say.
fn check_places(path: &Path, data: u64, tensors: &mut [(String, Info)]) -> Result<(), ModelError> {
    let bad = |tensor: &str, expected: String, actual: String| ModelError::Tensor {
        file: path.to_owned(),
        tensor: tensor.to_owned(),
        expected,
        actual,
    };
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in tensors.iter() {
        let (from, to) = info.data_offsets;
        if from != end {
            return Err(bad(name, format!("it to begin at byte {end}, where the one before ends"), from.to_string()));
        }
        let Some(bits) = bits(&info.dtype) else {
            return Err(bad(name, "a dtype of the format (F32, F16, BF16, I64, …)".to_owned(), info.dtype.clone()));
        };
        let wanted = info.shape.iter().try_fold(bits, |n, d| n.checked_mul(*d)).filter(|n| n % 8 == 0).map(|n| n / 8);
        let actual = to.checked_sub(from);
        if wanted.is_none() || wanted != actual {
            let wanted = wanted.map_or("a size that fits a file".to_owned(), |n| format!("{n} bytes"));
            return Err(bad(
                name,
                format!("{wanted} for {} {:?}", info.dtype, info.shape),
                format!("bytes {from}..{to}"),
            ));
        }
        end = to;
    }
    if end != data {
        let (expected, actual) = (end, data);
        return Err(ModelError::Length { file: path.to_owned(), expected, actual });
    }
    Ok(())
}

/// Bits of an element.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}
