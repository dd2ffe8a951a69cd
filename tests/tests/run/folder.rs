//! A folder of notebooks, and `pelago run` in it.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use pelago_tests::lab::pelago;
use serde_json::{Value, json};

/// Notebooks and what `pelago run` makes of them.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes a notebook as nbformat does.
    pub(crate) fn notebook(&self, name: &str, cells: &[Value]) {
        let notebook = json!({
            "cells": cells,
            "metadata": {"kernelspec": {"display_name": "Pelago", "language": "rust", "name": "pelago"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        });
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        serde::Serialize::serialize(&notebook, &mut serializer).unwrap();
        text.push(b'\n');
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn cells(&self, name: &str) -> Vec<Value> {
        let notebook: Value = serde_json::from_str(&self.text(name)).unwrap();
        notebook["cells"].as_array().unwrap().clone()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(pelago());
        command.current_dir(self.0.path()).arg("--home").arg(self.path("home")).arg("run").args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, .. } = self.command(arguments).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap())
    }
}

/// A code cell, with a number of its own as its id.
pub(crate) fn code(source: &str, metadata: &Value) -> Value {
    let lines = source.split_inclusive('\n').collect::<Vec<_>>();
    json!({
        "cell_type": "code", "execution_count": null, "id": "c", "metadata": metadata, "outputs": [], "source": lines,
    })
}

pub(crate) fn plain(source: &str) -> Value {
    code(source, &json!({}))
}

pub(crate) fn tagged(source: &str, tag: &str) -> Value {
    code(source, &json!({ "tags": [tag] }))
}

pub(crate) fn count(cell: &Value) -> Option<u64> {
    cell["execution_count"].as_u64()
}

/// Where a cell says that it has come to some line, and waits for the test's word.
pub(crate) struct Gate(TcpListener);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Rust that leaves a stream in `gate`, which tells the test that the cell is there.
    pub(crate) fn code(&self) -> String {
        format!("let gate = std::net::TcpStream::connect(\"{}\")?;\n", self.0.local_addr().unwrap())
    }

    /// Rust that waits until the test drops the stream.
    pub(crate) fn waiting(&self) -> String {
        self.code() + "std::io::Read::read(&mut &gate, &mut [0])?;\n"
    }

    /// Waits for the cell.
    pub(crate) fn reached(&self) -> TcpStream {
        self.0.accept().unwrap().0
    }
}
