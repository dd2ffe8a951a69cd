//! What the tests that run Python share.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs a script of `tests/python`, and gives what it prints.
pub(crate) fn python(script: &str, arguments: impl FnOnce(&mut Command)) -> String {
    let python = std::env::var_os("PELAGO_TEST_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from);
    let mut command = Command::new(&python);
    command.arg(root().join("tests/python").join(script));
    arguments(&mut command);
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; python3 -m venv .venv && .venv/bin/pip install -r tests/python/requirements.txt makes it",
            python.display()
        )
    });
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}
