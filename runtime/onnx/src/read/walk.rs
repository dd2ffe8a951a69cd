//! The walk: copies a model's bytes without large tensors, which it turns into
//! external data that points to where they are. For a look at a model it leaves
//! out the values of all tensors.

use prost::{Message, encoding::encode_varint};

use super::{
    INLINE_MAX,
    cursor::Cursor,
    schema::{Field, Kind},
};
use crate::{
    Error,
    files::Files,
    proto::{DataLocation, StringStringEntryProto, TensorProto},
};

/// Messages within each other. A subgraph takes three, so branches nest 20 deep.
const DEPTH_MAX: usize = 64;
/// Messages in a graph; a large one has some 100,000.
const MESSAGES_MAX: u64 = 2_000_000;
/// Bytes of a graph without its weights.
const SKELETON_MAX: u64 = 64 << 20;
const TENSOR_FLOAT_DATA: u64 = 4;
const TENSOR_RAW_DATA: u64 = 9;
/// All fields that hold a tensor's values: `float_data` to `int64_data`, `raw_data` to `uint64_data`.
const TENSOR_VALUES: [u64; 7] = [4, 5, 6, 7, 9, 10, 11];

/// What a model is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A copy, which must lose nothing.
    Copy,
    /// A look at its structure: tensors lose their values, and fields that are not known are skipped.
    Look,
}

struct Walk<'a> {
    cursor: Cursor<'a>,
    purpose: Purpose,
    messages: u64,
    copied: u64,
}

/// A model's bytes without its large tensors, or without the values of any.
pub(super) fn skeleton(files: &dyn Files, file: &str, purpose: Purpose) -> Result<Vec<u8>, Error> {
    let mut walk = Walk { cursor: Cursor::open(files, file)?, purpose, messages: 0, copied: 0 };
    let (mut out, end) = (Vec::new(), walk.cursor.size);
    walk.message(Kind::Model, end, 0, &mut out)?;
    Ok(out)
}

impl Walk<'_> {
    fn too_large<T>(&self, what: &'static str, limit: u64) -> Result<T, Error> {
        Err(Error::TooLarge { file: self.cursor.file.to_owned(), what, limit })
    }

    fn message(&mut self, kind: Kind, end: u64, depth: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        self.messages += 1;
        if depth > DEPTH_MAX {
            return self.too_large("messages within each other", DEPTH_MAX as u64);
        }
        if self.messages > MESSAGES_MAX {
            return self.too_large("messages", MESSAGES_MAX);
        }
        let mut large = None;
        while self.cursor.at < end {
            let tag = self.cursor.varint(end)?;
            let (field, wire) = (tag >> 3, tag & 7);
            let meaning = kind.field(field);
            if meaning == Field::Unknown && self.purpose == Purpose::Copy {
                let (file, message) = (self.cursor.file.to_owned(), format!("{kind:?}Proto"));
                return Err(Error::UnknownField { file, message, field });
            }
            let stop = self.value_end(wire, end)?;
            let size = stop - self.cursor.at;
            match meaning {
                Field::Message(child) if wire == 2 => {
                    let mut inner = Vec::new();
                    self.message(child, stop, depth + 1, &mut inner)?;
                    encode_varint(tag, out);
                    encode_varint(inner.len() as u64, out);
                    out.append(&mut inner);
                }
                Field::Message(_) => return self.cursor.bad("a message", format!("wire type {wire}")),
                Field::Unknown => self.cursor.at = stop,
                _ if self.purpose == Purpose::Look && kind == Kind::Tensor && TENSOR_VALUES.contains(&field) => {
                    self.cursor.at = stop;
                }
                _ if is_data(kind, field) && wire == 2 && size > INLINE_MAX => {
                    if large.replace((self.cursor.at, size)).is_some() {
                        return self.cursor.bad("a tensor's values once", "more of them");
                    }
                    self.cursor.at = stop;
                }
                _ => self.plain(tag, wire, stop, out)?,
            }
        }
        if let Some((offset, length)) = large {
            self.point(offset, length, out)?;
        }
        Ok(())
    }

    /// Where the value that begins here ends; past the length of one that has it.
    fn value_end(&mut self, wire: u64, end: u64) -> Result<u64, Error> {
        let length = match wire {
            0 => {
                let start = self.cursor.at;
                self.cursor.varint(end)?;
                let stop = self.cursor.at;
                self.cursor.at = start;
                return Ok(stop);
            }
            1 => 8,
            5 => 4,
            2 => self.cursor.varint(end)?,
            wire => return self.cursor.bad("a protobuf field", format!("wire type {wire}")),
        };
        match self.cursor.at.checked_add(length) {
            Some(stop) if stop <= end => Ok(stop),
            _ => self.cursor.bad("a field within its message", format!("a length of {length}")),
        }
    }

    fn plain(&mut self, tag: u64, wire: u64, stop: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let size = stop - self.cursor.at;
        self.copied += size;
        if self.copied > SKELETON_MAX {
            return self.too_large("bytes beside the weights", SKELETON_MAX);
        }
        encode_varint(tag, out);
        if wire == 2 {
            encode_varint(size, out);
        }
        self.cursor.copy(stop, out)
    }

    /// Ends a tensor whose values stay in the file.
    fn point(&self, offset: u64, length: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        let name = self.cursor.file.rsplit('/').next().unwrap_or_default();
        let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
        let tail = TensorProto {
            external_data: vec![
                entry("location", name.to_owned()),
                entry("offset", offset.to_string()),
                entry("length", length.to_string()),
            ],
            data_location: Some(DataLocation::External as i32),
            ..TensorProto::default()
        };
        tail.encode_raw(out);
        Ok(())
    }
}

/// Whether a field holds a tensor's values as little-endian bytes: raw, or the
/// packed floats that are the same on the wire.
fn is_data(kind: Kind, field: u64) -> bool {
    kind == Kind::Tensor && matches!(field, TENSOR_RAW_DATA | TENSOR_FLOAT_DATA)
}
