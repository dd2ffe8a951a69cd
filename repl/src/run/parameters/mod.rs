//! Parameters of a notebook, by papermill's convention: a cell tagged
//! `parameters` gives names and defaults, a cell after it gives other values.
//!
//! It makes that cell's source; where the cell goes in a file is no business of its.

mod declared;
mod value;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use self::declared::Declared;
pub(crate) use self::value::{Value, is_name};
use super::error::RunError;

/// Names and values, as the command line gives them.
pub(crate) type Parameters = BTreeMap<String, Value>;

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
/// [`RunError::Parameter`] where a value is not of the type that the cell declares.
pub(crate) fn inject(parameters: &Parameters, cell: Option<&str>) -> Result<Injected, RunError> {
    let declared = cell.map(declared::read).unwrap_or_default();
    let mut source = "// Parameters".to_owned();
    let mut unknown = Vec::new();
    for (name, value) in parameters {
        let own = declared.iter().rev().find(|own| own.name == *name);
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
/// [`RunError`] where there is none, or a value is neither a truth value, a number nor a text.
pub(crate) fn read(path: &Path) -> Result<Parameters, RunError> {
    let text = std::fs::read_to_string(path).map_err(|source| RunError::Read { path: path.to_path_buf(), source })?;
    let object: serde_json::Map<String, Json> =
        serde_json::from_str(&text).map_err(|source| RunError::ParametersFile { path: path.to_path_buf(), source })?;
    let entries = object.into_iter().map(|(name, value)| {
        let problem =
            |expected: &str, found| RunError::Parameter { name: name.clone(), expected: expected.to_owned(), found };
        if !is_name(&name) {
            return Err(problem("a name as Rust's variables have", name.clone()));
        }
        let value = match value {
            Json::Bool(value) => Value::parse(&value.to_string()),
            Json::Number(value) => Value::parse(&value.to_string()),
            Json::String(text) => Value::Text(text),
            other => return Err(problem("a truth value, a number or a text", other.to_string())),
        };
        Ok((name, value))
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(cell: Option<&str>, parameters: &[(&str, &str)], expected: &Expect) {
        let parameters =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::parse(value))).collect::<Parameters>();
        let shown = match inject(&parameters, cell) {
            Ok(Injected { source, unknown }) if unknown.is_empty() => source,
            Ok(Injected { source, unknown }) => format!("{source}\nunknown: {}", unknown.join(", ")),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn values_are_rust_literals() {
        check(
            None,
            &[
                ("a", "3"),
                ("b", "2.50"),
                ("c", "true"),
                ("d", "two words"),
                ("e", "\"3\""),
                ("f", "-1_000u64"),
                ("g", "0x1F"),
            ],
            &expect![[r#"
                // Parameters
                let a = 3;
                let b = 2.50;
                let c = true;
                let d = "two words";
                let e = "3";
                let f = "-1_000u64";
                let g = 0x1F;
                unknown: a, b, c, d, e, f, g"#]],
        );
        check(
            None,
            &[("a", "3000000000"), ("b", "1e-3"), ("c", "say \"hi\"\n"), ("d", "'x'"), ("e", "-7")],
            &expect![[r#"
            // Parameters
            let a = 3000000000_i64;
            let b = 1e-3;
            let c = "say \"hi\"\n";
            let d = 'x';
            let e = -7;
            unknown: a, b, c, d, e"#]],
        );
    }

    #[test]
    fn types_are_those_that_the_cell_declares() {
        let cell = r#"
            // What to run.
            let model = "all-MiniLM-L6-v2";
            let mut text: String = "a".into();
            let owned = String::from("a");
            let repeat: usize = 3; let rate: f64 = 0.5;
            let guess = 0.5;
        "#;
        check(
            Some(cell),
            &[("model", "12"), ("text", "b"), ("owned", "c"), ("repeat", "5"), ("rate", "2"), ("guess", "1")],
            &expect![[r#"
                // Parameters
                let guess = 1.0;
                let model = "12";
                let owned = "c".to_owned();
                let rate: f64 = 2.0;
                let repeat: usize = 5;
                let mut text: String = "b".to_owned();"#]],
        );
        check(Some(cell), &[("repeat", "many")], &expect!["parameter repeat: expected a usize, found \"many\""]);
        check(Some(cell), &[("repeat", "1.5")], &expect!["parameter repeat: expected a usize, found 1.5"]);
        check(Some("let on: bool = true;"), &[("on", "1")], &expect!["parameter on: expected a bool, found 1"]);
    }
}
