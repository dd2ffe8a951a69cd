//! `config.json`: typed look-ups with errors that name the setting. Which
//! settings an architecture has is not known here.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::{Error, Files};

/// The file.
const FILE: &str = "config.json";
/// Far more than any config needs, far less than memory.
const MAX_BYTES: u64 = 16 << 20;

/// A model's `config.json`.
#[derive(Clone, Debug, Default)]
pub struct Config(Map<String, Value>);

impl Config {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Json`].
    pub fn read(files: &dyn Files) -> Result<Self, Error> {
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

    /// The error for a setting that is not what it should be.
    pub(super) fn wrong(&self, field: &'static str, expected: impl Display) -> Error {
        let actual = self.0.get(field).map_or_else(|| "absent".to_owned(), Value::to_string);
        Error::Setting { field, expected: expected.to_string(), actual }
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }
}

impl From<Map<String, Value>> for Config {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

/// Reads a whole file of JSON.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(files: &dyn Files, file: &str, max: u64) -> Result<T, Error> {
    let read = |source| Error::Read { file: file.to_owned(), source };
    let size = files.size(file).map_err(read)?;
    if size > max {
        return Err(read(std::io::Error::other(format!("{size} bytes are more than the {max} it may have"))));
    }
    let bytes = files.read(file, 0, size as usize).map_err(read)?;
    serde_json::from_slice(&bytes).map_err(|source| Error::Json { file: file.to_owned(), source })
}
