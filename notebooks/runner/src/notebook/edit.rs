//! The changes of a run, as replacements of spans of the file's text.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::json::{self as spans, Member};
use super::{INJECTED, Notebook, Output, PARAMETERS, output, style};

/// What a run makes of a code cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Executed {
    /// The place of the cell in the order of execution, from 1; `None` where it did not run.
    pub(crate) count: Option<u64>,
    /// What stands below the cell now.
    pub(crate) outputs: Vec<Output>,
}

/// Replacements of spans that do not overlap, in the order of the text.
#[derive(Default)]
struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    fn replace(&mut self, span: Range<usize>, text: String) {
        self.0.push((span, text));
    }

    fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let mut edited = String::with_capacity(text.len());
        let mut at = 0;
        for (span, replacement) in self.0 {
            edited.push_str(&text[at..span.start]);
            edited.push_str(&replacement);
            at = span.end;
        }
        edited.push_str(&text[at..]);
        edited
    }
}

impl Notebook {
    /// The file's text with the results of a run, one entry a cell; a cell
    /// without one stays as it is, and so does every value that is the same.
    pub(crate) fn with_results(&self, results: &[Option<Executed>]) -> String {
        let mut edits = Edits::default();
        for ((cell, span), executed) in self.cells.iter().zip(self.cell_spans()).zip(results) {
            let Some(executed) = executed else { continue };
            let members = spans::members(self.json(), &span).unwrap_or_default();
            // A key that nbformat wants and the file lacks is put in only with something to say.
            if cell.outputs != executed.outputs {
                let outputs = executed.outputs.iter().map(|output| output.to_json(self.lists)).collect();
                self.set(&mut edits, &members, "outputs", &Value::Array(outputs));
            }
            if cell.execution_count != executed.count {
                self.set(&mut edits, &members, "execution_count", &json!(executed.count));
            }
        }
        self.marked(edits.apply(&self.text))
    }

    /// The file's text with a cell of parameters: in place of the one that an
    /// earlier run put in, else after the cell that names them, else at the top.
    pub(crate) fn with_parameters(&self, source: &str) -> String {
        let mut edits = Edits::default();
        let cells = self.cell_spans();
        let injected = self.cells.iter().position(|cell| cell.is_code && cell.is_tagged(INJECTED));
        if let Some((cell, span)) = injected.and_then(|index| self.cells.get(index).zip(cells.get(index))) {
            if cell.source != source {
                let members = spans::members(self.json(), span).unwrap_or_default();
                self.set(&mut edits, &members, "source", &self.lines(source));
            }
            return self.marked(edits.apply(&self.text));
        }
        let cell = self.injected(source);
        let named = self.cells.iter().position(|cell| cell.is_code && cell.is_tagged(PARAMETERS));
        if let Some(span) = named.and_then(|index| cells.get(index)) {
            let prefix = style::prefix(self.json(), span.start);
            let text = self.style.separator(prefix) + &self.style.write(&cell, prefix);
            edits.replace(span.end..span.end, text);
        } else if let Some(span) = cells.first() {
            let prefix = style::prefix(self.json(), span.start);
            let text = self.style.write(&cell, prefix) + &self.style.separator(prefix);
            edits.replace(span.start..span.start, text);
        } else {
            self.set(&mut edits, &self.members(), "cells", &Value::Array(vec![cell]));
        }
        self.marked(edits.apply(&self.text))
    }

    /// A whole cell, keys in alphabetical order as nbformat writes them.
    fn injected(&self, source: &str) -> Value {
        let mut cell = Map::new();
        cell.insert("cell_type".to_owned(), json!("code"));
        cell.insert("execution_count".to_owned(), Value::Null);
        if self.has_ids {
            cell.insert("id".to_owned(), json!(self.free_id()));
        }
        cell.insert("metadata".to_owned(), json!({ "tags": [INJECTED] }));
        cell.insert("outputs".to_owned(), json!([]));
        cell.insert("source".to_owned(), self.lines(source));
        Value::Object(cell)
    }

    /// The same id in every run, so that the same run gives the same file.
    fn free_id(&self) -> String {
        let taken = |id: &str| self.cells.iter().any(|cell| cell.id.as_deref() == Some(id));
        let ids = std::iter::once(INJECTED.to_owned()).chain((2_usize..).map(|n| format!("{INJECTED}-{n}")));
        ids.into_iter().find(|id| !taken(id)).unwrap_or_default()
    }

    fn lines(&self, text: &str) -> Value {
        if self.lists { output::split(text) } else { json!(text) }
    }

    /// Replaces the value of a key, or puts the key in after the last one.
    fn set(&self, edits: &mut Edits, members: &[Member], key: &str, value: &Value) {
        if let Some(member) = members.iter().rev().find(|member| member.key == key) {
            let prefix = style::prefix(self.json(), member.start);
            edits.replace(member.value.clone(), self.style.write(value, prefix));
        } else if let Some(last) = members.last() {
            let prefix = style::prefix(self.json(), last.start);
            let text = format!(
                "{}\"{key}\"{}{}",
                self.style.separator(prefix),
                self.style.colon,
                self.style.write(value, prefix)
            );
            edits.replace(last.value.end..last.value.end, text);
        }
    }

    fn members(&self) -> Vec<Member> {
        spans::value(self.json(), 0).and_then(|root| spans::members(self.json(), &root)).unwrap_or_default()
    }

    pub(super) fn cell_spans(&self) -> Vec<Range<usize>> {
        let members = self.members();
        let cells = members.iter().rev().find(|member| member.key == "cells");
        cells.and_then(|cells| spans::elements(self.json(), &cells.value)).unwrap_or_default()
    }
}
