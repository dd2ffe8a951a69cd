//! Parameters of a notebook, by papermill's convention: a cell tagged
//! `parameters` gives names and defaults, a cell after it gives other values.
//!
//! It makes that cell's source; where the cell goes in a file is no business of its.

mod declared;
mod kind;
mod name;
mod number;
mod value;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use self::declared::Declared;
pub use self::name::{NameError, read as read_name};
pub use self::value::Value;
use super::error::NotebookError;

/// Names and values, as the command line gives them.
pub type Parameters = BTreeMap<String, Value>;

/// The source of the injected cell, and what the user should know.
#[derive(Debug, PartialEq)]
pub(crate) struct Injected {
    /// Rust, one `let` a parameter.
    pub(crate) source: String,
    /// Parameters that the notebook does not name.
    pub(crate) unknown: Vec<String>,
}

/// The cell for these parameters, after a `parameters` cell with that source.
///
/// # Errors
/// [`NotebookError::Parameter`] where a value is not of the type that the cell declares.
pub(crate) fn inject(parameters: &Parameters, cell: Option<&str>) -> Result<Injected, NotebookError> {
    let declared = cell.map(declared::read).unwrap_or_default();
    let mut source = "// Parameters".to_owned();
    let mut unknown = Vec::new();
    for (name, value) in parameters {
        let own = declared.iter().rev().find(|own| name::plain(&own.name) == name);
        if own.is_none() {
            unknown.push(name.clone());
        }
        source.push('\n');
        source.push_str(&own.unwrap_or(&Declared::unknown(name)).with(value)?);
    }
    Ok(Injected { source, unknown })
}

/// Reads a JSON object of parameters.
///
/// # Errors
/// [`NotebookError`] where there is none, or a value is neither a truth value, a number nor a text.
pub fn read(path: &Path) -> Result<Parameters, NotebookError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| NotebookError::Read { path: path.to_path_buf(), source })?;
    let object: serde_json::Map<String, Json> = serde_json::from_str(&text)
        .map_err(|source| NotebookError::ParametersFile { path: path.to_path_buf(), source })?;
    let entries = object.into_iter().map(|(name, value)| {
        let name =
            read_name(&name).map_err(|source| NotebookError::ParameterName { path: path.to_path_buf(), source })?;
        let value = match value {
            Json::Bool(value) => Value::parse(&value.to_string()),
            Json::Number(value) => Value::parse(&value.to_string()),
            Json::String(text) => Value::Text(text),
            other => {
                let expected = "a truth value, a number or a text".to_owned();
                return Err(NotebookError::Parameter { name, expected, found: other.to_string(), note: String::new() });
            }
        };
        Ok((name, value))
    });
    entries.collect()
}

#[cfg(test)]
mod tests;
