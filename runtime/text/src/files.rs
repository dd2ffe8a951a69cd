//! The small files of a model's folder, as they were read.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// Longest file that is read whole: a tokenizer of 256,000 words is 34 MB, a Dense layer of 4096 × 4096 is 64 MB.
pub const FILE_MAX: u64 = 256 << 20;

/// The files of one model, by their path relative to its folder.
#[derive(Clone, Debug, Default)]
pub struct Files {
    read: BTreeMap<String, Vec<u8>>,
    listed: BTreeSet<String>,
}

impl FromIterator<(String, Vec<u8>)> for Files {
    fn from_iter<T: IntoIterator<Item = (String, Vec<u8>)>>(files: T) -> Self {
        Self { read: files.into_iter().collect(), listed: BTreeSet::new() }
    }
}

impl Files {
    /// The same, with the paths of files that are there and were not read.
    #[must_use]
    pub fn beside<'a>(mut self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        self.listed.extend(paths.into_iter().map(str::to_owned));
        self
    }

    /// The bytes of a file, where it was read.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.read.get(path).map(Vec::as_slice)
    }

    #[cfg(test)]
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.read.keys().map(String::as_str)
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.read.contains_key(path) || self.listed.contains(path)
    }

    /// A JSON file as Python writes it; `None` where there is none.
    pub(crate) fn json(&self, path: &str) -> Result<Option<Value>, Error> {
        self.read(path)
    }

    /// Any JSON file.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.get(path) else { return Ok(None) };
        let damaged = |problem: String| Error::Damaged { file: path.to_owned(), problem };
        if bytes.starts_with(b"version https://git-lfs") {
            return Err(damaged("it is a pointer of Git LFS, not the file".to_owned()));
        }
        python_json(bytes).map(Some).map_err(|error| damaged(error.to_string()))
    }
}

/// JSON as Python writes it: with `NaN` and `Infinity`, which JSON does not have, and perhaps a byte order mark.
///
/// # Errors
/// What is wrong with it.
pub fn python_json<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).or_else(|error| {
        let text = std::str::from_utf8(bytes).ok().map(finite);
        text.and_then(|text| serde_json::from_str(&text).ok()).ok_or(error)
    })
}

/// `NaN`, `Infinity` and `-Infinity` outside of strings as numbers of JSON: nothing that this crate reads asks for
/// more than that they are out of reach.
fn finite(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(character) = rest.chars().next() {
        let word = [("-Infinity", "-1e308"), ("Infinity", "1e308"), ("NaN", "null")];
        if !quoted && let Some((word, number)) = word.iter().find(|(word, _)| rest.starts_with(word)) {
            out.push_str(number);
            rest = &rest[word.len()..];
            continue;
        }
        if quoted && character == '\\' {
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        quoted ^= character == '"';
        out.push(character);
        rest = &rest[character.len_utf8()..];
    }
    out
}

/// A path that a file names, relative to the folder; refused where it leads out of it.
pub(crate) fn inside(file: &str, path: &str) -> Result<String, Error> {
    let outside = path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| part == "..");
    if outside || path.contains('\0') {
        return Err(Error::Outside { file: file.to_owned(), path: path.to_owned() });
    }
    Ok(path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/"))
}

/// A file in a folder; the folder may be the model's own, `""`.
pub(crate) fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_python_are_read_outside_of_strings() {
        let text = r#"{"a": Infinity, "b": -Infinity, "c": NaN, "d\"Infinity": "NaN \\", "e": [1, NaN]}"#;
        let files = Files::from_iter([("c.json".to_owned(), text.into())]);
        let read = files.json("c.json").unwrap().unwrap();
        assert_eq!(
            read,
            serde_json::json!({"a": 1e308, "b": -1e308, "c": null, "d\"Infinity": "NaN \\", "e": [1, null]})
        );
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(inside("m", "./1_Pooling/").unwrap(), "1_Pooling");
        assert_eq!(inside("m", "").unwrap(), "");
        for path in ["../x", "/etc", "a/../../b", "a\\b", ".."] {
            assert!(inside("m", path).is_err(), "{path}");
        }
    }
}
