//! What end-to-end tests and the benchmark share: a session in a folder of its
//! own, the fixtures, and the processes that belong to a browser.
//!
//! Nothing here stands in for a browser: tests open real ones, and fail where
//! one is missing (`make deps` installs them).

pub mod lab;
pub mod notebook;
pub mod processes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// The text whose embedding is known.
pub const SENTENCE: &str = "The quick brown fox jumps over the lazy dog";

/// The first values of all-MiniLM-L6-v2's embedding of [`SENTENCE`], mean pooled
/// and normalised, as onnxruntime computes it natively.
pub const REFERENCE: [f32; 5] = [0.035_497, 0.061_286, 0.052_692, 0.070_705, 0.033_101];

/// A checked-in file or folder.
#[must_use]
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// A family's fixture as a whole model, in `folder`: fixtures hold no file twice, and some have no tokenizer.
///
/// # Errors
/// Where a file cannot be copied.
pub fn family(name: &str, folder: &Path) -> io::Result<PathBuf> {
    let (from, to) = (fixture("models").join(name), folder.join(name));
    fs::create_dir_all(to.join("onnx"))?;
    for part in ["", "onnx"] {
        for entry in fs::read_dir(from.join(part))?.filter_map(Result::ok).filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), to.join(part).join(entry.file_name()))?;
        }
    }
    if !to.join("tokenizer.json").exists() {
        fs::copy(fixture("models/bert/tokenizer.json"), to.join("tokenizer.json"))?;
    }
    Ok(to)
}

/// Runs a script of `tests/python` in the environment that the tests' scripts make, and gives what it prints.
///
/// # Panics
/// Where Python cannot be started, or the script fails.
pub fn python(script: &str, arguments: impl FnOnce(&mut Command)) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let usual = || folder.join("../.venv/bin/python");
    let python = std::env::var_os("PELAGO_TEST_PYTHON").map_or_else(usual, PathBuf::from);
    let mut command = Command::new(&python);
    command.arg(folder.join("python").join(script));
    arguments(&mut command);
    let output = command.output().unwrap_or_else(|error| {
        panic!("{}: {error}; PELAGO_TEST_PYTHON=$(scripts/python.sh) makes it", python.display())
    });
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}
