//! Whether what a cell shows is what the notebook keeps. How exactly, a rule in
//! the metadata of the cell, or of the notebook, says.
//!
//! It compares outputs as they stand in a file; it runs nothing.

mod numbers;
mod table;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use self::numbers::Tolerance;
use super::error::RunError;
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
    /// [`RunError::Rule`] where it cannot be followed.
    pub(crate) fn read(value: Value, path: &Path, cell: Option<usize>) -> Result<Self, RunError> {
        let problem = match serde_json::from_value::<RuleFile>(value) {
            Ok(file) => match Self::of(file) {
                Ok(rule) => return Ok(rule),
                Err(problem) => problem.to_owned(),
            },
            Err(error) => format!("cannot be followed: {error}"),
        };
        let place = cell.map_or_else(|| "the notebook".to_owned(), |cell| format!("cell {cell}"));
        Err(RunError::Rule { path: path.to_path_buf(), place, problem })
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

    /// What differs between stored and new outputs, one text a difference; empty where all is well.
    pub(crate) fn differences(&self, stored: &[Output], new: &[Output]) -> Vec<String> {
        match (self.mode, &self.pattern) {
            (Mode::Skip, _) => Vec::new(),
            (Mode::Pattern, Some(pattern)) => {
                let text = self.cut(&new.iter().map(text_of).collect::<Vec<_>>().concat());
                if pattern.is_all_of(text.trim_end_matches('\n')) {
                    return Vec::new();
                }
                vec![format!("the outputs do not match the pattern {}\n{}", pattern.0, text::indented(&text))]
            }
            _ => self.pairs(stored, new),
        }
    }

    fn pairs(&self, stored: &[Output], new: &[Output]) -> Vec<String> {
        let kinds = |outputs: &[Output]| outputs.iter().map(kind_of).collect::<Vec<_>>().join("\n");
        let (before, now) = (kinds(stored), kinds(new));
        if before != now {
            let all = |outputs: &[Output]| self.cut(&outputs.iter().map(labelled).collect::<Vec<_>>().concat());
            return vec![format!("other outputs than stored\n{}", text::diff(&all(stored), &all(new)))];
        }
        let pairs = stored.iter().zip(new).enumerate();
        pairs.flat_map(|(index, (stored, new))| self.pair(index + 1, stored, new)).collect()
    }

    fn pair(&self, number: usize, stored: &Output, new: &Output) -> Vec<String> {
        let named = |what: &str, difference: String| format!("output {number}, {what}: {difference}");
        if let (Some(before), Some(now)) = (data_of(stored), data_of(new)) {
            // With a tolerance one form stands for all: a DataFrame's HTML has every column,
            // which its text may not have; of anything else the text.
            let only = match before.get("text/html") {
                Some(html) if self.mode == Mode::Tolerance && table::is_html(&content(html)) => Some("text/html"),
                _ if self.mode == Mode::Tolerance && before.contains_key("text/plain") => Some("text/plain"),
                _ => None,
            };
            let compared = before.iter().filter(|(mime, _)| only.is_none_or(|only| only == *mime));
            let differences = compared.filter_map(|(mime, before)| {
                let now = now.get(mime).map(content).unwrap_or_default();
                self.texts(&content(before), &now).map(|difference| named(mime, difference))
            });
            return differences.collect();
        }
        self.texts(&text_of(stored), &text_of(new))
            .map(|difference| named(&kind_of(new), difference))
            .into_iter()
            .collect()
    }

    /// What differs between two texts, by this rule.
    fn texts(&self, stored: &str, new: &str) -> Option<String> {
        let (stored, new) = (self.cut(stored), self.cut(new));
        if stored == new {
            return None;
        }
        if self.mode == Mode::Tolerance {
            return table::differences(&stored, &new, self.tolerance, &self.columns);
        }
        Some(format!("the text differs\n{}", text::diff(&stored, &new)))
    }

    /// A text without what is to be ignored.
    fn cut(&self, text: &str) -> String {
        self.ignore.iter().fold(text.to_owned(), |text, pattern| pattern.0.replace_all(&text, "…").into_owned())
    }
}

/// An output's kind and MIME types: what has to be equal before contents are compared.
fn kind_of(output: &Output) -> String {
    let with = |kind: &str, data: &Map<String, Value>| {
        let mut types = data.keys().map(String::as_str).collect::<Vec<_>>();
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

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn rule(value: Value) -> Rule {
        Rule::read(value, Path::new("a.ipynb"), Some(2)).unwrap()
    }

    fn stdout(text: &str) -> Vec<Output> {
        vec![Output::Stream { name: "stdout".into(), text: text.into() }]
    }

    fn plain(text: &str) -> Vec<Output> {
        let data = json!({ "text/plain": text, "text/html": format!("<b>{text}</b>") });
        vec![Output::Result { data: data.as_object().unwrap().clone(), count: Some(1) }]
    }

    fn check(rule: Value, stored: &[Output], new: &[Output], expected: &Expect) {
        expected.assert_eq(&super::tests::rule(rule).differences(stored, new).join("\n"));
    }

    #[test]
    fn exact_means_every_byte_of_every_form() {
        check(json!({}), &plain("a\nb\n"), &plain("a\nb\n"), &expect![[""]]);
        check(
            json!({}),
            &stdout("a\nb\nc\n"),
            &stdout("a\nB\nc\n"),
            &expect![[r#"
            output 1, stdout: the text differs
              --- stored
              +++ now
              @@ -1,3 +1,3 @@
               a
              -b
              +B
               c
        "#]],
        );
        assert_eq!(rule(json!({})).differences(&plain("a"), &plain("b")).len(), 2);
        assert_eq!(rule(json!({ "mode": "skip" })).differences(&plain("a"), &stdout("b")).len(), 0);
    }

    #[test]
    fn another_kind_of_output_is_told() {
        check(
            json!({ "mode": "tolerance" }),
            &stdout("1\n"),
            &plain("1"),
            &expect![[r#"
            other outputs than stored
              --- stored
              +++ now
              @@ -1,2 +1,2 @@
              -[stdout]
              +[result (text/html, text/plain)]
               1
        "#]],
        );
        assert_eq!(rule(json!({})).differences(&[], &stdout("x")).len(), 1);
    }

    #[test]
    fn a_pattern_matches_all_of_the_text() {
        let rule = json!({ "mode": "pattern", "pattern": "took \\d+ ms|took long" });
        check(rule.clone(), &stdout(""), &stdout("took 12 ms\n"), &expect![[""]]);
        check(
            rule,
            &stdout("took 1 ms\n"),
            &stdout("took 12 ms, and more\n"),
            &expect![[r#"
            the outputs do not match the pattern took \d+ ms|took long
              took 12 ms, and more
        "#]],
        );
    }

    #[test]
    fn what_is_ignored_may_differ() {
        let rule = json!({ "ignore": ["\\d+ ms"] });
        check(rule.clone(), &stdout("a 1 ms\n"), &stdout("a 200 ms\n"), &expect![[""]]);
        assert_eq!(super::tests::rule(rule).differences(&stdout("a 1 ms\n"), &stdout("b 1 ms\n")).len(), 1);
    }

    #[test]
    fn a_rule_that_cannot_be_followed_is_told() {
        let problem = |value| Rule::read(value, Path::new("a.ipynb"), Some(2)).unwrap_err().to_string();
        assert!(problem(json!({ "mode": "fuzzy" })).contains("unknown variant `fuzzy`"));
        assert!(
            problem(json!({ "mode": "pattern" })).ends_with("of cell 2 needs mode \"pattern\" and a pattern together")
        );
        assert!(problem(json!({ "ignore": ["("] })).contains("unclosed group"));
        assert!(problem(json!({ "tolerance": 1 })).contains("unknown field `tolerance`"));
        assert!(problem(json!({ "rel": 1 })).contains("only mode \"tolerance\""));
        assert!(problem(json!({ "mode": "tolerance", "rel": -1 })).contains("rel and abs are numbers from 0 up"));
        assert!(problem(json!({ "mode": "tolerance", "columns": { "a": 1 } })).contains("a column's rule is"));
    }
}
