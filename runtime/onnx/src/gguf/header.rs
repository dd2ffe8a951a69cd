//! The header of a GGUF file: metadata, and where its tensors are. The bytes may be anyone's: no length is believed that
//! does not fit the file, and there are bounds for everything that takes memory.

use std::collections::{BTreeMap, HashSet};

use super::{Array, Error, Gguf, Tensor, TensorType, Value, cursor::Cursor};
use crate::files::Files;

/// Keys that a header may have; published ones have some forty.
const KEYS_MAX: u64 = 1 << 14;
/// Tensors; the deepest models have a few thousand.
const TENSORS_MAX: u64 = 1 << 16;
/// Elements of all arrays together; vocabularies of 256 thousand tokens have a million.
const ELEMENTS_MAX: u64 = 1 << 23;
/// Axes of a tensor.
const AXES_MAX: u32 = 4;
/// What tensors are aligned to, where the file does not say.
const ALIGNMENT: u64 = 32;

/// Reads the header of a file.
pub(super) fn read(files: &dyn Files, file: &str) -> Result<Gguf, Error> {
    let mut cursor = Cursor::new(files, file)?;
    let magic = cursor.bytes(4)?;
    if magic != b"GGUF" {
        return Err(Error::Magic { file: file.to_owned(), found: magic });
    }
    let version = cursor.u32()?;
    if !(2..=3).contains(&version) {
        return Err(Error::Version { file: file.to_owned(), found: version });
    }
    let (tensors, keys) = (cursor.u64()?, cursor.u64()?);
    let most = |what, found, limit| match found > limit {
        true => Err(Error::TooMany { file: file.to_owned(), what, found, limit }),
        false => Ok(()),
    };
    most("keys", keys, KEYS_MAX)?;
    most("tensors", tensors, TENSORS_MAX)?;
    let mut metadata = BTreeMap::new();
    let mut left = ELEMENTS_MAX;
    for _ in 0..keys {
        let key = cursor.text("a key")?;
        let kind = cursor.u32()?;
        let value = value(&mut cursor, &key, kind, &mut left)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(cursor.wrong(&key, "there twice".to_owned(), "each key once"));
        }
    }
    let mut found = Vec::new();
    let mut names = HashSet::new();
    for _ in 0..tensors {
        let tensor = tensor(&mut cursor)?;
        if !names.insert(tensor.name.clone()) {
            return Err(cursor.wrong(&tensor.name, "there twice".to_owned(), "each tensor once"));
        }
        found.push(tensor);
    }
    let alignment = match metadata.get("general.alignment") {
        None => ALIGNMENT,
        Some(value) => {
            let number = value.unsigned().filter(|number| number.is_power_of_two() && (8..=1 << 20).contains(number));
            let found = || format!("{value:?}");
            number.ok_or_else(|| cursor.wrong("general.alignment", found(), "a power of two from 8 to 1048576"))?
        }
    };
    let data = cursor.position().next_multiple_of(alignment);
    let size = cursor.size().saturating_sub(data);
    for tensor in &mut found {
        let (offset, length) = (tensor.offset, tensor.length);
        if !offset.is_multiple_of(alignment) {
            let what = format!("the offset of {}", tensor.name);
            return Err(cursor.wrong(&what, offset.to_string(), "a multiple of the file's alignment"));
        }
        if offset.checked_add(length).is_none_or(|end| end > size) {
            let tensor = tensor.name.clone();
            return Err(Error::Offset { file: file.to_owned(), tensor, offset, length, size });
        }
        tensor.offset += data;
    }
    Ok(Gguf { file: file.to_owned(), version, metadata, tensors: found })
}

fn tensor(cursor: &mut Cursor) -> Result<Tensor, Error> {
    let name = cursor.text("a tensor's name")?;
    let axes = cursor.u32()?;
    if !(1..=AXES_MAX).contains(&axes) {
        return Err(cursor.wrong(&format!("the axes of {name}"), axes.to_string(), "1 to 4"));
    }
    let mut shape = Vec::new();
    for _ in 0..axes {
        let length = cursor.u64()?;
        let length = u32::try_from(length).ok().filter(|length| *length > 0 && *length <= i32::MAX as u32);
        let wrong = || cursor.wrong(&format!("an axis of {name}"), "0 or over 2147483647".to_owned(), "a length");
        shape.push(length.ok_or_else(wrong)? as usize);
    }
    // The file has the innermost axis first.
    shape.reverse();
    let kind = cursor.u32()?;
    let kind = TensorType::of(kind);
    let kind = kind.map_err(|found| Error::Type { file: cursor.file().to_owned(), tensor: name.clone(), found })?;
    let offset = cursor.u64()?;
    let width = shape.last().copied().unwrap_or(1);
    if !width.is_multiple_of(kind.block()) {
        let what = format!("the width of {name}");
        return Err(cursor.wrong(&what, width.to_string(), "a multiple of its type's blocks"));
    }
    let count = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length as u64));
    let length = count.and_then(|count| (count / kind.block() as u64).checked_mul(kind.block_bytes() as u64));
    let length = length.filter(|length| *length <= cursor.size());
    let past = || cursor.wrong(&format!("the shape of {name}"), format!("{shape:?}"), "one that fits the file");
    let length = length.ok_or_else(past)?;
    Ok(Tensor { name, kind, shape, offset, length })
}

/// Numbers of types, as the format has them.
mod kinds {
    pub(super) const TEXT: u32 = 8;
    pub(super) const ARRAY: u32 = 9;
}

fn value(cursor: &mut Cursor, key: &str, kind: u32, left: &mut u64) -> Result<Value, Error> {
    Ok(match kind {
        0 => Value::Unsigned(cursor.number::<1>()?[0].into()),
        1 => Value::Signed((cursor.number::<1>()?[0] as i8).into()),
        2 => Value::Unsigned(u16::from_le_bytes(cursor.number()?).into()),
        3 => Value::Signed(i16::from_le_bytes(cursor.number()?).into()),
        4 => Value::Unsigned(cursor.u32()?.into()),
        5 => Value::Signed(i32::from_le_bytes(cursor.number()?).into()),
        6 => Value::Real(f32::from_le_bytes(cursor.number()?).into()),
        7 => match cursor.number::<1>()?[0] {
            0 => Value::Flag(false),
            1 => Value::Flag(true),
            other => return Err(cursor.wrong(key, format!("the byte {other}"), "0 or 1")),
        },
        kinds::TEXT => Value::Text(cursor.text(key)?),
        kinds::ARRAY => Value::Array(array(cursor, key, left)?),
        10 => Value::Unsigned(cursor.u64()?),
        11 => Value::Signed(i64::from_le_bytes(cursor.number()?)),
        12 => Value::Real(f64::from_le_bytes(cursor.number()?)),
        other => return Err(cursor.wrong(key, format!("of type {other}"), "a type from 0 to 12")),
    })
}

fn array(cursor: &mut Cursor, key: &str, left: &mut u64) -> Result<Array, Error> {
    let (kind, count) = (cursor.u32()?, cursor.u64()?);
    if kind == kinds::ARRAY {
        return Err(cursor.wrong(key, "a list of lists".to_owned(), "a list of numbers or of text"));
    }
    if count > *left {
        let (file, limit) = (cursor.file().to_owned(), ELEMENTS_MAX);
        return Err(Error::TooMany { file, what: "elements of lists", found: count, limit });
    }
    *left -= count;
    // No room is made for elements that the file may not have.
    let mut values = Array::new(kind);
    for _ in 0..count {
        let value = value(cursor, key, kind, left)?;
        values.push(value);
    }
    Ok(values)
}
