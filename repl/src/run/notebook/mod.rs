//! A notebook file: read for what a run needs, changed only where a run changed
//! it. All other bytes stay, whatever wrote them and however.
//!
//! It knows nbformat 4 and knows nothing of how cells run.

mod edit;
mod file;
mod json;
mod output;
mod style;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use edit::Executed;
pub(crate) use file::save;
pub(crate) use output::Output;

use self::style::Style;
use super::check::Rule;
use super::error::RunError;

/// Papermill's tag of the cell that names the parameters and their defaults.
const PARAMETERS: &str = "parameters";
/// Papermill's tag of the cell that a run puts in after it.
const INJECTED: &str = "injected-parameters";

/// A notebook, as text and as what the text means.
#[derive(Debug)]
pub(crate) struct Notebook {
    text: String,
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
struct KernelSpec {
    language: Option<String>,
}

#[derive(Deserialize)]
struct LanguageInfo {
    name: Option<String>,
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
    /// [`RunError`] where there is no such file, or it is no notebook of Rust in nbformat 4.
    pub(crate) fn read(path: &Path) -> Result<Self, RunError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| RunError::Read { path: path.to_path_buf(), source })?;
        Self::parse(text, path)
    }

    /// Reads a file's text; `path` is for messages alone.
    pub(crate) fn parse(text: String, path: &Path) -> Result<Self, RunError> {
        let malformed = |source| RunError::Malformed { path: path.to_path_buf(), source };
        let file: NotebookFile = serde_json::from_str(&text).map_err(malformed)?;
        if file.nbformat != 4 {
            return Err(RunError::Format { path: path.to_path_buf(), found: file.nbformat });
        }
        let info = file.metadata.language_info.and_then(|info| info.name);
        let language = file.metadata.kernelspec.and_then(|kernel| kernel.language).or(info);
        if let Some(found) = language.filter(|language| !language.eq_ignore_ascii_case("rust")) {
            return Err(RunError::Language { path: path.to_path_buf(), found });
        }
        let lists = writes_lists(&file.cells);
        let cells = file.cells.into_iter().enumerate().map(|(index, cell)| {
            let source = output::joined(&cell.source)
                .ok_or_else(|| RunError::Source { path: path.to_path_buf(), cell: index + 1 })?;
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
        let cells = cells.collect::<Result<_, RunError>>()?;
        let rule = file.metadata.pelago.check.map(|rule| Rule::read(rule, path, None)).transpose()?;
        Ok(Self { style: Style::of(&text), lists, has_ids: file.nbformat_minor >= 5, cells, rule, text })
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

/// Whether texts are kept as lists of lines: as long as no text of several lines is one string.
fn writes_lists(cells: &[CellFile]) -> bool {
    let texts = || cells.iter().map(|cell| &cell.source);
    texts().any(Value::is_array) || !texts().any(|text| text.as_str().is_some_and(|text| text.contains('\n')))
}

#[cfg(test)]
mod tests;
