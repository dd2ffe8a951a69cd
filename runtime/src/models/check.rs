//! Whether a folder holds a model: checked before a byte of it is added.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ModelError;
use crate::graph::{self, Checkpoint};

/// Fields of ONNX's `ModelProto`, from the public `onnx.proto`.
const IR_VERSION: u64 = 1;
const GRAPH: u64 = 7;

/// What a folder was found to hold.
#[derive(Debug)]
pub(super) struct Checked {
    /// config.json; an empty object where there is none, as for a bare graph.
    pub(super) config: Value,
    pub(super) has_tokenizer: bool,
    pub(super) is_sentence_transformer: bool,
}

pub(super) fn folder(path: &Path) -> Result<Checked, ModelError> {
    if !path.is_dir() {
        return Err(ModelError::NotAFolder { path: path.to_owned() });
    }
    let graphs = onnx_files(path)?;
    graphs.iter().try_for_each(|file| onnx(file))?;
    let safetensors = path.join("model.safetensors").exists() || path.join("model.safetensors.index.json").exists();
    if safetensors {
        Checkpoint::read(&graph::Folder(path.to_owned()))?;
    } else if graphs.is_empty() {
        return Err(ModelError::MissingFile {
            path: path.to_owned(),
            expected: "model.safetensors or .onnx file".to_owned(),
        });
    }
    let config_path = path.join("config.json");
    if safetensors && !config_path.exists() {
        return Err(ModelError::MissingFile { path: path.to_owned(), expected: "config.json".to_owned() });
    }
    let config = if config_path.exists() { json(&config_path)? } else { Value::Object(Default::default()) };
    for name in ["tokenizer.json", "tokenizer_config.json", "modules.json"] {
        let file = path.join(name);
        if file.exists() {
            json(&file)?;
        }
    }
    Ok(Checked {
        config,
        has_tokenizer: path.join("tokenizer.json").exists(),
        is_sentence_transformer: path.join("modules.json").exists(),
    })
}

fn json(path: &Path) -> Result<Value, ModelError> {
    let text = fs::read(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|source| ModelError::Json { path: path.to_owned(), source })
}

/// Graphs in the folder and in its `onnx/`, where exporters put them.
fn onnx_files(path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let mut found = Vec::new();
    for folder in [path.to_owned(), path.join("onnx")] {
        if !folder.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&folder).map_err(|source| ModelError::Read { path: folder.clone(), source })?;
        found.extend(
            entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "onnx")),
        );
    }
    Ok(found)
}

/// Walks the outermost fields of the protobuf, without reading the weights in it.
fn onnx(path: &Path) -> Result<(), ModelError> {
    let wrong = |reason: String| ModelError::NotOnnx { path: path.to_owned(), reason };
    let io = |source| ModelError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::new(file);
    let (mut at, mut has_version, mut has_graph) = (0, false, false);
    while at < size {
        let (key, length) = varint(&mut reader).map_err(|reason| wrong(format!("at byte {at}: {reason}")))?;
        at += length;
        let skip = match key & 7 {
            0 => {
                at += varint(&mut reader).map_err(|reason| wrong(format!("at byte {at}: {reason}")))?.1;
                0
            }
            1 => 8,
            2 => {
                let (skip, length) = varint(&mut reader).map_err(|reason| wrong(format!("at byte {at}: {reason}")))?;
                at += length;
                skip
            }
            5 => 4,
            kind => return Err(wrong(format!("byte {at} has the wire type {kind}, which protobuf has not"))),
        };
        let end = at.checked_add(skip).filter(|end| *end <= size);
        at = end.ok_or_else(|| wrong(format!("a field of {skip} bytes at byte {at} ends outside the {size} bytes")))?;
        reader.seek(SeekFrom::Start(at)).map_err(io)?;
        match key >> 3 {
            IR_VERSION => has_version = true,
            GRAPH => has_graph = true,
            _ => {}
        }
    }
    if !has_version || !has_graph {
        return Err(wrong("it has no ir_version or no graph".to_owned()));
    }
    Ok(())
}

/// A varint and its length in bytes.
fn varint(reader: &mut impl Read) -> Result<(u64, u64), String> {
    let mut value = 0;
    for length in 1..=10 {
        let mut byte = [0];
        reader.read_exact(&mut byte).map_err(|_| "the file ends inside a number".to_owned())?;
        value |= u64::from(byte[0] & 0x7f) << (7 * (length - 1));
        if byte[0] & 0x80 == 0 {
            return Ok((value, length));
        }
    }
    Err("a number is longer than 10 bytes".to_owned())
}
