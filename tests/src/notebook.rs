//! Cells in a notebook of their own, run by the real `pelago run`.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::lab::pelago;

/// What one cell showed.
#[derive(Clone, Debug)]
pub struct Outputs(pub Vec<Value>);

/// Runs cells one after the other, in a folder and a home of their own.
///
/// # Panics
/// Where the notebook does not run to its end.
#[must_use]
pub fn run(cells: &[&str]) -> Vec<Outputs> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    run_in(folder.path(), cells)
}

/// As [`run`], in `folder`; the home is `home` in it.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn run_in(folder: &Path, cells: &[&str]) -> Vec<Outputs> {
    let cells: Vec<_> = cells
        .iter()
        .enumerate()
        .map(|(index, source)| {
            json!({
                "cell_type": "code", "execution_count": null, "id": format!("c{index}"), "outputs": [],
                "metadata": {"tags": ["raises-exception"]}, "source": source,
            })
        })
        .collect();
    let notebook = json!({
        "cells": cells, "metadata": {"kernelspec": {"name": "pelago", "display_name": "Pelago", "language": "rust"}},
        "nbformat": 4, "nbformat_minor": 5,
    });
    std::fs::write(folder.join("in.ipynb"), notebook.to_string()).expect("the notebook is written");
    let ran = Command::new(pelago())
        .current_dir(folder)
        .arg("--home")
        .arg(folder.join("home"))
        .args(["run", "in.ipynb", "--output", "out.ipynb"])
        .stdin(Stdio::null())
        .output()
        .expect("pelago starts");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let written = std::fs::read(folder.join("out.ipynb")).expect("the outputs are written");
    let notebook: Value = serde_json::from_slice(&written).expect("a notebook");
    let cells = notebook["cells"].as_array().expect("cells");
    cells.iter().map(|cell| Outputs(cell["outputs"].as_array().cloned().unwrap_or_default())).collect()
}

/// A string, or lines of one.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

impl Outputs {
    /// The value of the last expression, as text; empty where there is none.
    #[must_use]
    pub fn value(&self) -> String {
        let result = self.0.iter().find(|output| output["output_type"] == "execute_result");
        result.map(|result| text(&result["data"]["text/plain"])).unwrap_or_default()
    }

    /// What came on stdout.
    #[must_use]
    pub fn text(&self) -> String {
        self.stream("stdout")
    }

    /// What came on stderr.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stream("stderr")
    }

    fn stream(&self, name: &str) -> String {
        self.0.iter().filter(|output| output["name"] == name).map(|output| text(&output["text"])).collect()
    }

    /// The name and the traceback of the error.
    #[must_use]
    pub fn failure(&self) -> Option<(String, String)> {
        let error = self.0.iter().find(|output| output["output_type"] == "error")?;
        let lines = error["traceback"].as_array()?.iter().filter_map(Value::as_str);
        Some((text(&error["ename"]), lines.collect::<Vec<_>>().join("\n")))
    }

    /// Everything as text, in order, with `|` between outputs.
    #[must_use]
    pub fn in_order(&self) -> String {
        let each = self.0.iter().map(|output| match output["output_type"].as_str() {
            Some("stream") => text(&output["text"]),
            _ => text(&output["data"]["text/plain"]),
        });
        each.collect::<Vec<_>>().join("|")
    }
}
