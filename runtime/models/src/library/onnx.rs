//! Whether a file is an ONNX model: its protobuf structure is walked, skipping
//! over the weights, and the files that it keeps weights in are looked for.
//! Nothing is decoded into memory, so a graph of gigabytes costs little.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path};

use super::ModelError;

/// Subgraphs (branches, loops) within each other.
const DEPTH_MAX: usize = 32;

// Field numbers of onnx.proto.
const MODEL_IR_VERSION: u64 = 1;
const MODEL_GRAPH: u64 = 7;
const MODEL_FUNCTIONS: u64 = 25;
const GRAPH_NODE: u64 = 1;
const GRAPH_INITIALIZER: u64 = 5;
const GRAPH_OUTPUT: u64 = 12;
const FUNCTION_NODE: u64 = 7;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;
const ATTRIBUTE_TENSORS: u64 = 10;
const ATTRIBUTE_GRAPHS: u64 = 11;
const TENSOR_EXTERNAL: u64 = 13;
const ENTRY_KEY: u64 = 1;
const ENTRY_VALUE: u64 = 2;

/// A field's value: a number, bytes up to a position, or a fixed-size number that was skipped.
enum Value {
    Number(u64),
    Bytes(u64),
    Fixed,
}

/// A tensor's weights in another file.
#[derive(Default)]
struct External {
    location: String,
    offset: u64,
    length: Option<u64>,
}

struct Walk<'a> {
    path: &'a Path,
    file: BufReader<File>,
    at: u64,
    external: Vec<External>,
}

/// Checks a file; `root` is the model's folder, which external data must not leave.
///
/// # Errors
///
/// `Onnx`, `ExternalData`, `Read`.
pub(crate) fn check(path: &Path, root: &Path) -> Result<(), ModelError> {
    let read = |source| ModelError::Read { file: path.to_owned(), source };
    let file = File::open(path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let mut walk = Walk { path, file: BufReader::new(file), at: 0, external: Vec::new() };
    let (mut version, mut graph, mut outputs) = (None, false, 0);
    while walk.at < size {
        match walk.field(size)? {
            (MODEL_IR_VERSION, Value::Number(n)) => version = Some(n),
            (MODEL_GRAPH, Value::Bytes(end)) => {
                graph = true;
                outputs += walk.graph(end, 0)?;
            }
            (MODEL_FUNCTIONS, Value::Bytes(end)) => walk.function(end)?,
            (_, value) => walk.skip(value)?,
        }
    }
    let missing = |expected, actual: String| Err(ModelError::Onnx { file: path.to_owned(), expected, actual });
    match version {
        Some(1..=1000) if graph && outputs > 0 => {}
        Some(1..=1000) if graph => return missing("a graph with outputs", "a graph without any".to_owned()),
        Some(1..=1000) => return missing("a graph", "none in the whole file".to_owned()),
        Some(n) => return missing("an ir_version of ONNX", n.to_string()),
        None => return missing("an ir_version", format!("none in {size} bytes")),
    }
    walk.external.iter().try_for_each(|external| check_external(path, root, external))
}

fn check_external(path: &Path, root: &Path, external: &External) -> Result<(), ModelError> {
    let bad = |expected: String, actual: String| {
        Err(ModelError::ExternalData { file: path.to_owned(), location: external.location.clone(), expected, actual })
    };
    let location = Path::new(&external.location);
    let plain = location.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if external.location.is_empty() || !plain {
        return bad("a path within the folder".to_owned(), format!("{:?}", external.location));
    }
    let target = path.parent().unwrap_or(root).join(location);
    let Ok(metadata) = target.metadata() else {
        return bad("a file".to_owned(), "none".to_owned());
    };
    let end = external.offset.checked_add(external.length.unwrap_or(0));
    match end {
        Some(end) if metadata.is_file() && end <= metadata.len() => Ok(()),
        Some(end) => bad(format!("a file of at least {end} bytes"), format!("{} bytes", metadata.len())),
        None => bad("an offset and length that fit a file".to_owned(), "larger ones".to_owned()),
    }
}

impl Walk<'_> {
    fn bad<T>(&self, expected: &'static str, actual: &str) -> Result<T, ModelError> {
        Err(ModelError::Onnx { file: self.path.to_owned(), expected, actual: format!("{actual} at byte {}", self.at) })
    }

    fn varint(&mut self, end: u64) -> Result<u64, ModelError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            if self.at >= end {
                return self.bad("a whole number", "the end of its message");
            }
            let mut byte = [0];
            let read = self.file.read_exact(&mut byte);
            read.map_err(|source| ModelError::Read { file: self.path.to_owned(), source })?;
            self.at += 1;
            let bits = u64::from(byte[0] & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        self.bad("a number of 64 bits", "a longer one")
    }

    /// A field's number and value. Of bytes only the end is read.
    fn field(&mut self, end: u64) -> Result<(u64, Value), ModelError> {
        let tag = self.varint(end)?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint(end)?),
            2 => {
                let length = self.varint(end)?;
                match self.at.checked_add(length) {
                    Some(stop) if stop <= end => Value::Bytes(stop),
                    _ => return self.bad("a field within its message", &format!("a length of {length}")),
                }
            }
            wire @ (1 | 5) => {
                let stop = self.at + if wire == 1 { 8 } else { 4 };
                if stop > end {
                    return self.bad("a field within its message", "the end");
                }
                self.seek(stop)?;
                Value::Fixed
            }
            wire => return self.bad("a protobuf field", &format!("wire type {wire}")),
        };
        if tag >> 3 == 0 {
            return self.bad("a protobuf field", "field number 0");
        }
        Ok((tag >> 3, value))
    }

    fn seek(&mut self, to: u64) -> Result<(), ModelError> {
        let by = i64::try_from(to - self.at).unwrap_or(i64::MAX);
        self.file.seek_relative(by).map_err(|source| ModelError::Read { file: self.path.to_owned(), source })?;
        self.at = to;
        Ok(())
    }

    fn skip(&mut self, value: Value) -> Result<(), ModelError> {
        match value {
            Value::Bytes(end) => self.seek(end),
            Value::Number(_) | Value::Fixed => Ok(()),
        }
    }

    /// Walks a graph, and gives the number of its outputs.
    fn graph(&mut self, end: u64, depth: usize) -> Result<usize, ModelError> {
        if depth > DEPTH_MAX {
            return self.bad("subgraphs at most 32 deep", "deeper ones");
        }
        let mut outputs = 0;
        while self.at < end {
            match self.field(end)? {
                (GRAPH_NODE, Value::Bytes(end)) => self.node(end, depth)?,
                (GRAPH_INITIALIZER, Value::Bytes(end)) => self.tensor(end)?,
                (field, value) => {
                    outputs += usize::from(field == GRAPH_OUTPUT);
                    self.skip(value)?;
                }
            }
        }
        Ok(outputs)
    }

    fn function(&mut self, end: u64) -> Result<(), ModelError> {
        while self.at < end {
            match self.field(end)? {
                (FUNCTION_NODE, Value::Bytes(end)) => self.node(end, 0)?,
                (_, value) => self.skip(value)?,
            }
        }
        Ok(())
    }

    fn node(&mut self, end: u64, depth: usize) -> Result<(), ModelError> {
        while self.at < end {
            match self.field(end)? {
                (NODE_ATTRIBUTE, Value::Bytes(end)) => self.attribute(end, depth)?,
                (_, value) => self.skip(value)?,
            }
        }
        Ok(())
    }

    fn attribute(&mut self, end: u64, depth: usize) -> Result<(), ModelError> {
        while self.at < end {
            match self.field(end)? {
                (ATTRIBUTE_TENSOR | ATTRIBUTE_TENSORS, Value::Bytes(end)) => self.tensor(end)?,
                (ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS, Value::Bytes(end)) => {
                    self.graph(end, depth + 1)?;
                }
                (_, value) => self.skip(value)?,
            }
        }
        Ok(())
    }

    fn tensor(&mut self, end: u64) -> Result<(), ModelError> {
        let mut external: Option<External> = None;
        while self.at < end {
            match self.field(end)? {
                (TENSOR_EXTERNAL, Value::Bytes(end)) => self.entry(end, external.get_or_insert_default())?,
                (_, value) => self.skip(value)?,
            }
        }
        self.external.extend(external);
        Ok(())
    }

    fn entry(&mut self, end: u64, external: &mut External) -> Result<(), ModelError> {
        let (mut key, mut value) = (String::new(), String::new());
        while self.at < end {
            match self.field(end)? {
                (ENTRY_KEY, Value::Bytes(end)) => key = self.text(end)?,
                (ENTRY_VALUE, Value::Bytes(end)) => value = self.text(end)?,
                (_, value) => self.skip(value)?,
            }
        }
        let number = |walk: &Self| match value.parse() {
            Ok(number) => Ok(number),
            Err(_) => walk.bad("a number of bytes", &format!("{value:?}")),
        };
        match key.as_str() {
            "offset" => external.offset = number(self)?,
            "length" => external.length = Some(number(self)?),
            "location" => external.location = value,
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, end: u64) -> Result<String, ModelError> {
        let length = end - self.at;
        if length > 4096 {
            return self.bad("a path of at most 4096 bytes", "a longer one");
        }
        let mut bytes = vec![0; length as usize];
        let read = self.file.read_exact(&mut bytes);
        read.map_err(|source| ModelError::Read { file: self.path.to_owned(), source })?;
        self.at = end;
        String::from_utf8(bytes).or_else(|_| self.bad("UTF-8 text", "other bytes"))
    }
}
