//! A notebook file: read for what a run needs, changed only where a run changed
//! it. All other bytes stay, whatever wrote them and however.
//!
//! It knows nbformat 4 and knows nothing of how cells run.

mod edit;
mod json;
mod language;
mod lenient;
mod output;
mod style;

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use edit::Executed;
pub(crate) use output::Output;

use self::language::{KernelSpec, LanguageInfo};
use self::style::Style;
use super::check::Rule;
use super::error::NotebookError;

/// Papermill's tag of the cell that names the parameters and their defaults.
const PARAMETERS: &str = "parameters";
/// Papermill's tag of the cell that a run puts in after it.
const INJECTED: &str = "injected-parameters";

/// A byte order mark, with which some editors begin a file in UTF-8.
const MARK: char = '\u{feff}';

/// A notebook, as text and as what the text means.
#[derive(Debug)]
pub(crate) struct Notebook {
    /// The file's text behind its byte order mark.
    text: String,
    /// The same as JSON where it is none; every value stands at the same place.
    strict: Option<String>,
    has_mark: bool,
    style: Style,
    /// Whether texts are lists of their lines, as nbformat writes them.
    lists: bool,
    has_ids: bool,
    /// All cells, also those that are no code.
    pub(crate) cells: Vec<Cell>,
    /// How outputs are compared where a cell does not say.
    rule: Option<Rule>,
}

/// A cell.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Whether it holds code.
    pub(crate) is_code: bool,
    /// Its text.
    pub(crate) source: String,
    /// The tags in its metadata.
    pub(crate) tags: Vec<String>,
    /// The outputs that the file keeps.
    pub(crate) outputs: Vec<Output>,
    id: Option<String>,
    execution_count: Option<u64>,
    rule: Option<Rule>,
}

impl Cell {
    /// Whether it has a tag.
    pub(crate) fn is_tagged(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    /// Its first line that is not blank, for a person.
    pub(crate) fn first_line(&self) -> &str {
        self.source.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct NotebookFile {
    nbformat: u64,
    #[serde(default)]
    nbformat_minor: u64,
    #[serde(default)]
    metadata: NotebookMetadata,
    #[serde(default)]
    cells: Vec<CellFile>,
}

#[derive(Default, Deserialize)]
struct NotebookMetadata {
    kernelspec: Option<KernelSpec>,
    language_info: Option<LanguageInfo>,
    #[serde(default)]
    pelago: PelagoMetadata,
}

#[derive(Deserialize)]
struct CellFile {
    cell_type: String,
    id: Option<String>,
    #[serde(default)]
    metadata: CellMetadata,
    source: Value,
    #[serde(default)]
    outputs: Vec<Value>,
    execution_count: Option<u64>,
}

#[derive(Default, Deserialize)]
struct CellMetadata {
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    pelago: PelagoMetadata,
}

#[derive(Default, Deserialize)]
struct PelagoMetadata {
    check: Option<Value>,
}

impl Notebook {
    /// Reads a file.
    ///
    /// # Errors
    /// [`NotebookError`] where there is no such file, or it is no notebook of Rust in nbformat 4.
    pub(crate) fn read(path: &Path) -> Result<Self, NotebookError> {
        if path.is_dir() {
            return Err(NotebookError::Folder { path: path.to_path_buf(), notebooks: notebooks_in(path) });
        }
        let bytes = std::fs::read(path).map_err(|source| NotebookError::Read { path: path.to_path_buf(), source })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let is_utf16 = matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
            let found = if is_utf16 {
                "it is in UTF-16".to_owned()
            } else {
                format!("byte {} is no part of a character", error.utf8_error().valid_up_to() + 1)
            };
            NotebookError::Encoding { path: path.to_path_buf(), found }
        })?;
        Self::parse(text, path)
    }

    /// Reads a file's text; `path` is for messages alone.
    pub(crate) fn parse(text: String, path: &Path) -> Result<Self, NotebookError> {
        let (text, has_mark) = match text.strip_prefix(MARK) {
            Some(rest) => (rest.to_owned(), true),
            None => (text, false),
        };
        let strict = match lenient::strict(&text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(strict) => Some(strict),
        };
        let json = strict.as_deref().unwrap_or(&text);
        let file: NotebookFile = serde_json::from_str(json).map_err(|source| malformed(&text, source, path))?;
        if file.nbformat != 4 {
            return Err(NotebookError::Format { path: path.to_path_buf(), found: file.nbformat });
        }
        if let Some(found) = language::other_than_rust(file.metadata.kernelspec, file.metadata.language_info) {
            return Err(NotebookError::Language { path: path.to_path_buf(), found });
        }
        let lists = writes_lists(&file.cells);
        let cells = file.cells.into_iter().enumerate().map(|(index, cell)| {
            let source = output::joined(&cell.source)
                .ok_or_else(|| NotebookError::Source { path: path.to_path_buf(), cell: index + 1 })?;
            let rule = cell.metadata.pelago.check.map(|rule| Rule::read(rule, path, Some(index + 1)));
            Ok(Cell {
                is_code: cell.cell_type == "code",
                source,
                tags: cell.metadata.tags,
                outputs: cell.outputs.iter().map(Output::from_json).collect(),
                id: cell.id,
                execution_count: cell.execution_count,
                rule: rule.transpose()?,
            })
        });
        let cells = cells.collect::<Result<_, NotebookError>>()?;
        let rule = file.metadata.pelago.check.map(|rule| Rule::read(rule, path, None)).transpose()?;
        let has_ids = file.nbformat_minor >= 5;
        Ok(Self { style: Style::of(json), lists, has_ids, cells, rule, strict, text, has_mark })
    }

    /// The file's text, byte for byte.
    pub(crate) fn text(&self) -> String {
        self.marked(self.text.clone())
    }

    /// A text as this file's, with its byte order mark.
    fn marked(&self, text: String) -> String {
        if self.has_mark { format!("{MARK}{text}") } else { text }
    }

    /// The text that places are looked up in.
    fn json(&self) -> &str {
        self.strict.as_deref().unwrap_or(&self.text)
    }

    /// How the outputs of a cell are compared.
    pub(crate) fn rule(&self, cell: &Cell) -> Rule {
        cell.rule.as_ref().or(self.rule.as_ref()).cloned().unwrap_or_default()
    }

    /// The cell tagged `parameters`.
    pub(crate) fn parameters(&self) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.is_code && cell.is_tagged(PARAMETERS))
    }
}

/// What is wrong with a text that is no notebook.
fn malformed(text: &str, source: serde_json::Error, path: &Path) -> NotebookError {
    let path = path.to_path_buf();
    let Some((escape, at)) = lenient::wrong_escape(text) else { return NotebookError::Malformed { path, source } };
    let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[..at].matches('\n').count() + 1;
    // Something before it is wrong, too, and what looks like a text may be none.
    if source.line() < line {
        return NotebookError::Malformed { path, source };
    }
    let column = text[line_start..at].chars().count() + 1;
    NotebookError::Escape { path, escape: escape.to_owned(), line, column }
}

/// How many notebooks stand in a folder itself.
fn notebooks_in(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let is_notebook = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        // As a shell's `*.ipynb` finds them.
        Path::new(&name).extension().is_some_and(|own| own == "ipynb") && !name.as_encoded_bytes().starts_with(b".")
    };
    entries.filter(is_notebook).count()
}

/// Whether texts are kept as lists of lines: as long as no text of several lines is one string.
fn writes_lists(cells: &[CellFile]) -> bool {
    let texts = || cells.iter().map(|cell| &cell.source);
    texts().any(Value::is_array) || !texts().any(|text| text.as_str().is_some_and(|text| text.contains('\n')))
}

#[cfg(test)]
mod tests;
