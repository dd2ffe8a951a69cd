//! Whether what a cell shows is what the notebook keeps. How exactly, a rule in
//! the metadata of the cell, or of the notebook, says.
//!
//! It compares outputs as they stand in a file; it runs nothing. Of a DataFrame the
//! data count, which stand beside what was drawn; of one that an older Pelago stored,
//! what was drawn.

mod data;
mod face;
mod numbers;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use pelago_table::{Data, MIME, VERSION};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::numbers::Tolerance;
use super::error::NotebookError;
use super::notebook::Output;

/// How outputs are compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    mode: Mode,
    /// What the whole text of the outputs has to match; with mode `pattern`.
    pattern: Option<Pattern>,
    /// What counts as the same in every mode.
    ignore: Vec<Pattern>,
    /// How far numbers may differ, with mode `tolerance`.
    tolerance: Tolerance,
    /// Columns of DataFrames with a rule of their own, with mode `tolerance`.
    columns: BTreeMap<String, Column>,
}

/// What a comparison of a cell's outputs found.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// What differs, one text a difference; empty where all is well.
    pub(crate) differences: Vec<String>,
    /// How much of each table was compared, and how.
    pub(crate) compared: Vec<String>,
}

/// `"pelago": {"check": {…}}` in the metadata.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    mode: Mode,
    pattern: Option<Pattern>,
    #[serde(default)]
    ignore: Vec<Pattern>,
    rel: Option<f64>,
    abs: Option<f64>,
    #[serde(default)]
    columns: BTreeMap<String, Column>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Exact,
    Pattern,
    Tolerance,
    Skip,
}

/// How the cells of one column are compared.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a column's rule is \"skip\", {\"pattern\": …} or {\"rel\": …, \"abs\": …}")]
enum Column {
    /// `"skip"`: not at all.
    Skip(Skip),
    /// Each cell has to match.
    Matching(Matching),
    /// Numbers, within their own tolerance.
    Tolerance(Tolerance),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Skip {
    Skip,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Matching {
    pattern: Pattern,
}

/// A regular expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, regex::Error> {
        Regex::new(&text).map(Self)
    }
}

impl Pattern {
    /// Whether it matches a text from its first character to its last.
    fn is_all_of(&self, text: &str) -> bool {
        // `find` alone may stop at a shorter alternative.
        Regex::new(&format!("^(?s:{})$", self.0)).is_ok_and(|whole| whole.is_match(text))
    }
}

impl Rule {
    /// From the metadata of a cell (counted from 1), or of the notebook.
    ///
    /// # Errors
    /// [`NotebookError::Rule`] where it cannot be followed.
    pub(crate) fn read(value: Value, path: &Path, cell: Option<usize>) -> Result<Self, NotebookError> {
        let problem = match serde_json::from_value::<RuleFile>(value) {
            Ok(file) => match Self::of(file) {
                Ok(rule) => return Ok(rule),
                Err(problem) => problem.to_owned(),
            },
            Err(error) => format!("cannot be followed: {error}"),
        };
        let place = cell.map_or_else(|| "the notebook".to_owned(), |cell| format!("cell {cell}"));
        Err(NotebookError::Rule { path: path.to_path_buf(), place, problem })
    }

    fn of(file: RuleFile) -> Result<Self, &'static str> {
        let RuleFile { mode, pattern, ignore, rel, abs, columns } = file;
        if (mode == Mode::Pattern) != pattern.is_some() {
            return Err("needs mode \"pattern\" and a pattern together");
        }
        if mode != Mode::Tolerance && (rel.is_some() || abs.is_some() || !columns.is_empty()) {
            return Err("has rel, abs or columns, which only mode \"tolerance\" follows");
        }
        Ok(Self { mode, pattern, ignore, tolerance: Tolerance::new(rel, abs)?, columns })
    }

    /// Compares stored and new outputs.
    pub(crate) fn compare(&self, stored: &[Output], new: &[Output]) -> Comparison {
        let mut found = Comparison::default();
        match (self.mode, &self.pattern) {
            (Mode::Skip, _) => {}
            (Mode::Pattern, Some(pattern)) => {
                let text = self.cut(&new.iter().map(text_of).collect::<Vec<_>>().concat());
                if !pattern.is_all_of(text.trim_end_matches('\n')) {
                    let text = text::indented(&text);
                    found.differences.push(format!("the outputs do not match the pattern {}\n{text}", pattern.0));
                }
            }
            _ => self.pairs(stored, new, &mut found),
        }
        found
    }

    fn pairs(&self, stored: &[Output], new: &[Output], found: &mut Comparison) {
        let kinds = |outputs: &[Output]| outputs.iter().map(kind_of).collect::<Vec<_>>().join("\n");
        let (before, now) = (kinds(stored), kinds(new));
        if before != now {
            let all = |outputs: &[Output]| self.cut(&outputs.iter().map(labelled).collect::<Vec<_>>().concat());
            found.differences.push(format!("other outputs than stored\n{}", text::diff(&all(stored), &all(new))));
            return;
        }
        for (index, (stored, new)) in stored.iter().zip(new).enumerate() {
            match (data_of(stored), data_of(new)) {
                (Some(before), Some(now)) => self.bundles(index + 1, before, now, found),
                _ => {
                    let difference = self.texts(&text_of(stored), &text_of(new));
                    found.differs(index + 1, &kind_of(new), difference);
                }
            }
        }
    }

    fn bundles(&self, number: usize, before: &Map<String, Value>, now: &Map<String, Value>, found: &mut Comparison) {
        let stored = match before.get(MIME).map(read) {
            Some(Err(problem)) => {
                return found.differs(number, "table", Some(format!("what is stored of it cannot be read: {problem}")));
            }
            stored => stored.and_then(Result::ok),
        };
        let new = now.get(MIME).map(read).and_then(Result::ok);
        let html = |data: &Map<String, Value>| data.get("text/html").map(content).filter(|html| table::is_html(html));
        match (stored, new, html(before), html(now)) {
            (Some(stored), Some(new), ..) => {
                let (difference, note) = data::compare(self, &stored, &new);
                found.differs(number, "table", difference);
                found.compared.push(format!("output {number}: {note}"));
            }
            (_, new, Some(before), Some(now)) => {
                let (before, now) = (self.cut(&before), self.cut(&now));
                let tolerance = (self.mode == Mode::Tolerance).then_some(self.tolerance);
                found.differs(number, "text/html", table::differences(&before, &now, tolerance, &self.columns));
                found.compared.push(format!("output {number}: {}", data::only_drawn(new.as_ref())));
            }
            _ => {
                // With a tolerance the text stands for all forms of a value.
                let only = (self.mode == Mode::Tolerance && before.contains_key("text/plain")).then_some("text/plain");
                for (mime, before) in before.iter().filter(|(mime, _)| only.is_none_or(|only| only == *mime)) {
                    let now = now.get(mime).map(content).unwrap_or_default();
                    found.differs(number, mime, self.texts(&content(before), &now));
                }
            }
        }
    }

    /// What differs between two texts, by this rule.
    fn texts(&self, stored: &str, new: &str) -> Option<String> {
        let (stored, new) = (self.cut(stored), self.cut(new));
        if stored == new {
            return None;
        }
        if self.mode == Mode::Tolerance {
            return table::differences(&stored, &new, Some(self.tolerance), &self.columns);
        }
        Some(format!("the text differs\n{}", text::diff(&stored, &new)))
    }

    /// A text without what is to be ignored.
    fn cut(&self, text: &str) -> String {
        self.ignore.iter().fold(text.to_owned(), |text, pattern| pattern.0.replace_all(&text, "…").into_owned())
    }
}

impl Comparison {
    fn differs(&mut self, number: usize, what: &str, difference: Option<String>) {
        self.differences.extend(difference.map(|difference| format!("output {number}, {what}: {difference}")));
    }
}

/// A table's data, as a file has it.
fn read(value: &Value) -> Result<Data, String> {
    let data = Data::deserialize(value).map_err(|error| error.to_string())?;
    if data.version == VERSION { Ok(data) } else { Err(format!("its version is {}, not {VERSION}", data.version)) }
}

/// An output's kind and MIME types: what has to be equal before contents are compared.
fn kind_of(output: &Output) -> String {
    let with = |kind: &str, data: &Map<String, Value>| {
        // A table that was stored without data is one all the same.
        let mut types = data.keys().map(String::as_str).filter(|mime| *mime != MIME).collect::<Vec<_>>();
        types.sort_unstable();
        format!("{kind} ({})", types.join(", "))
    };
    match output {
        Output::Stream { name, .. } => name.clone(),
        Output::Display { data } => with("display", data),
        Output::Result { data, .. } => with("result", data),
        Output::Error { name, .. } => format!("error {name}"),
        Output::Unknown(_) => "an output of an unknown kind".to_owned(),
    }
}

fn data_of(output: &Output) -> Option<&Map<String, Value>> {
    match output {
        Output::Display { data } | Output::Result { data, .. } => Some(data),
        _ => None,
    }
}

/// What a person reads of an output. A traceback is left out: it names places.
fn text_of(output: &Output) -> String {
    match output {
        Output::Stream { text, .. } => text.clone(),
        Output::Display { data } | Output::Result { data, .. } => {
            let plain = data.get("text/plain").map(content).unwrap_or_default();
            if plain.is_empty() || plain.ends_with('\n') { plain } else { plain + "\n" }
        }
        Output::Error { name, value, .. } => format!("{name}: {value}\n"),
        Output::Unknown(value) => value.to_string(),
    }
}

fn labelled(output: &Output) -> String {
    format!("[{}]\n{}", kind_of(output), text_of(output))
}

fn content(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
