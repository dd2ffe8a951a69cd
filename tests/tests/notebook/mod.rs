//! A folder with notebooks, and `pelago run` over them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use pelago_tests::lab::pelago;
use serde_json::{Value, json};

/// A folder with a home and notebooks.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a notebook of code cells.
    pub(crate) fn write(&self, name: &str, cells: &[Value]) {
        let notebook = json!({
            "cells": cells,
            "metadata": {"kernelspec": {"name": "pelago", "display_name": "Pelago", "language": "rust"}},
            "nbformat": 4, "nbformat_minor": 5,
        });
        std::fs::write(self.path(name), notebook.to_string()).unwrap();
    }

    /// The cells of a notebook.
    pub(crate) fn cells(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read(self.path(name)).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["cells"].as_array().unwrap().clone()
    }

    /// A file's text.
    #[allow(dead_code, reason = "not every program of tests asks for it")]
    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Makes an empty file.
    #[allow(dead_code, reason = "not every program of tests asks for it")]
    pub(crate) fn touch(&self, name: &str) {
        std::fs::write(self.path(name), "").unwrap();
    }

    /// Runs `pelago run`: its exit code and what it said on stdout.
    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(pelago());
        command.current_dir(self.0.path()).arg("--home").arg(self.path("home")).arg("run").args(arguments);
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}

/// A code cell that has no outputs yet.
pub(crate) fn cell(source: &str, metadata: &Value) -> Value {
    json!({
        "cell_type": "code", "execution_count": null, "id": "c", "metadata": metadata, "outputs": [], "source": source,
    })
}

/// A string, or lines of one.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect(),
    }
}
