//! `config.json`: typed look-ups with errors that name the setting. Which
//! settings an architecture has is not known here.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::{Error, Files, folder::Folded};

/// The file.
const FILE: &str = "config.json";
/// Far more than any config needs, far less than memory.
const MAX_BYTES: u64 = 16 << 20;
/// Several times what the deepest models have.
pub(super) const LAYERS_MAX: usize = 1024;

/// A model's `config.json`.
#[derive(Clone, Debug, Default)]
pub struct Config(Map<String, Value>);

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`], [`Error::Read`] or [`Error::Json`].
    pub fn read(files: &dyn Files) -> Result<Self, Error> {
        Self::read_in(&Folded { files, folder: "" })
    }

    pub(super) fn read_in(files: &Folded) -> Result<Self, Error> {
        if files.is_absent(FILE) {
            return Err(Error::NoCheckpoint { file: files.path(FILE) });
        }
        Ok(Self(read_json(files, FILE, MAX_BYTES)?))
    }

    /// `model_type`; empty where there is none.
    #[must_use]
    pub fn model_type(&self) -> &str {
        self.0.get("model_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// A positive integer that must be there.
    pub(super) fn count(&self, field: &'static str) -> Result<usize, Error> {
        match self.length(field, None)? {
            0 => Err(self.wrong(field, "a positive integer")),
            count => Ok(count),
        }
    }

    /// An integer from zero on, or the default where it is absent.
    pub(super) fn length(&self, field: &'static str, default: Option<usize>) -> Result<usize, Error> {
        match (self.get(field), default) {
            (None, Some(default)) => Ok(default),
            // Shapes are int64 in ONNX and positions int32: no real model comes near.
            (Some(value), _) => value
                .as_u64()
                .filter(|value| *value <= i32::MAX as u64)
                .map(|value| value as usize)
                .ok_or_else(|| self.wrong(field, "an integer from 0 to 2147483647")),
            (None, None) => Err(self.wrong(field, "an integer")),
        }
    }

    /// A number above zero, or the default where it is absent.
    pub(super) fn number(&self, field: &'static str, default: f32) -> Result<f32, Error> {
        let Some(value) = self.get(field) else { return Ok(default) };
        match value.as_f64().map(|value| value as f32) {
            Some(number) if number.is_finite() && number > 0.0 => Ok(number),
            _ => Err(self.wrong(field, "a number above 0")),
        }
    }

    /// As [`number`](Self::number), in double precision.
    pub(super) fn real(&self, field: &'static str, default: f64) -> Result<f64, Error> {
        let Some(value) = self.get(field) else { return Ok(default) };
        let number = value.as_f64().filter(|number| number.is_finite() && *number > 0.0);
        number.ok_or_else(|| self.wrong(field, "a number above 0"))
    }

    /// A whole number that may be negative, or the default where it is absent.
    pub(super) fn signed(&self, field: &'static str, default: i64) -> Result<i64, Error> {
        let Some(value) = self.get(field) else { return Ok(default) };
        let number = value.as_i64().filter(|number| number.unsigned_abs() <= i32::MAX as u64);
        number.ok_or_else(|| self.wrong(field, "an integer"))
    }

    /// A switch, or the default where it is absent.
    pub(super) fn flag(&self, field: &'static str, default: bool) -> Result<bool, Error> {
        match self.get(field) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.wrong(field, "true or false")),
        }
    }

    /// Some text, where there is one.
    pub(super) fn text(&self, field: &'static str) -> Result<Option<&str>, Error> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(field, "text")),
        }
    }

    /// Settings within a setting, where there are some.
    pub(super) fn object(&self, field: &'static str) -> Result<Option<Self>, Error> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(Self(object.clone()))),
            Some(_) => Err(self.wrong(field, "an object")),
        }
    }

    /// A list of words, one for each of `count`, where there is one.
    pub(super) fn words(&self, field: &'static str, count: usize) -> Result<Option<Vec<&str>>, Error> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let words = value.as_array().and_then(|words| words.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let words = words.filter(|words| words.len() == count);
        words.map(Some).ok_or_else(|| self.wrong(field, format_args!("a list of {count} words")))
    }

    /// How many layers there are. The bound is for those who share weights, which no tensor's absence ends.
    pub(super) fn layers(&self, field: &'static str) -> Result<usize, Error> {
        let count = self.count(field)?;
        if count > LAYERS_MAX {
            return Err(self.wrong(field, format_args!("a number up to {LAYERS_MAX}")));
        }
        Ok(count)
    }

    /// One of these words, or the first where it is absent.
    pub(super) fn word(&self, field: &'static str, words: &[&'static str]) -> Result<&'static str, Error> {
        let found = match self.get(field) {
            None => words.first(),
            Some(value) => words.iter().find(|word| value.as_str() == Some(word)),
        };
        found.copied().ok_or_else(|| self.wrong(field, words.join(" or ")))
    }

    /// The width of a model and the number of heads that share it.
    pub(super) fn heads(&self, width: &'static str, heads: &'static str) -> Result<(usize, usize), Error> {
        let (hidden, count) = (self.count(width)?, self.count(heads)?);
        if hidden % count != 0 {
            return Err(self.wrong(width, format_args!("a multiple of {heads} ({count})")));
        }
        Ok((hidden, count))
    }

    /// A setting that must be off.
    pub(super) fn refuse(&self, field: &'static str) -> Result<(), Error> {
        match self.get(field) {
            None | Some(Value::Bool(false)) => Ok(()),
            Some(_) => Err(self.wrong(field, "false (only encoders have a builder)")),
        }
    }

    /// A checkpoint whose weights are codes: its `quantization_config` says of what.
    pub(super) fn refuse_quantised(&self) -> Result<(), Error> {
        match self.get("quantization_config") {
            None => Ok(()),
            Some(_) => Err(self.wrong("quantization_config", "an unquantised checkpoint")),
        }
    }

    /// A checkpoint that computes what its own code says, not what transformers' does.
    pub(super) fn refuse_own_code(&self) -> Result<(), Error> {
        match self.object("auto_map")?.is_some_and(|map| map.contains("AutoModel")) {
            true => Err(self.wrong("auto_map", format_args!("no code of its own for a {}", self.model_type()))),
            false => Ok(()),
        }
    }

    /// The error for a setting that is not what it should be.
    pub(super) fn wrong(&self, field: &'static str, expected: impl Display) -> Error {
        let actual = self.0.get(field).map_or_else(|| "absent".to_owned(), Value::to_string);
        Error::Setting { field, expected: expected.to_string(), actual }
    }

    /// Whether a setting is there, also one that is null.
    pub(super) fn contains(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// A setting that is not null.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }
}

impl From<Map<String, Value>> for Config {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

/// Reads a whole file of JSON, as Python writes and reads it: `NaN`, `Infinity`
/// and `-Infinity` are numbers there. Here they are text, which no setting is
/// taken from by mistake.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(files: &Folded, file: &str, max: u64) -> Result<T, Error> {
    let read = |source| Error::Read { file: files.path(file), source };
    let size = files.size(file).map_err(read)?;
    if size > max {
        return Err(read(std::io::Error::other(format!("{size} bytes are more than the {max} it may have"))));
    }
    let bytes = files.read(file, 0, size as usize).map_err(read)?;
    serde_json::from_slice(&bytes).or_else(|source| {
        let quoted = quote_numbers(&bytes);
        serde_json::from_slice(&quoted).map_err(|_| Error::Json { file: files.path(file), source })
    })
}

/// Puts quotes around Python's numbers that JSON does not have, where they are not within text.
fn quote_numbers(bytes: &[u8]) -> Vec<u8> {
    let words: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut quoted = Vec::with_capacity(bytes.len() + 16);
    let (mut at, mut text) = (0, false);
    while at < bytes.len() {
        let word = words.iter().find(|word| !text && bytes[at..].starts_with(word));
        let length = match (word, bytes[at]) {
            (Some(word), _) => {
                quoted.push(b'"');
                word.len()
            }
            (None, b'\\') if text => 2.min(bytes.len() - at),
            (None, byte) => {
                text ^= byte == b'"';
                1
            }
        };
        quoted.extend_from_slice(&bytes[at..at + length]);
        if word.is_some() {
            quoted.push(b'"');
        }
        at += length;
    }
    quoted
}
