//! Native onnxruntime on a decoder's graph: a Python process that makes text when it is told to, so that turns with a page
//! can be taken.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use pelago_tests::fixture;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::Failure;

/// It lies beside the tests' other Python.
const SCRIPT: &str = "../python/generation_bench.py";

pub(super) struct Native {
    // Ends with this.
    _process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

/// One answer, in milliseconds.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) prefill_ms: f64,
    /// Of all tokens after the first.
    pub(super) decode_ms: f64,
    pub(super) ids: Vec<u32>,
}

impl Native {
    /// Starts it on `model.onnx` of a folder.
    pub(super) fn start(folder: &Path) -> Result<Self, Failure> {
        let python = std::env::var_os("PELAGO_TEST_PYTHON").ok_or("PELAGO_TEST_PYTHON names no interpreter")?;
        let mut process = Command::new(PathBuf::from(python))
            .arg(fixture(SCRIPT))
            .arg(folder)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (stdin, stdout) = pipes.ok_or("the process has no pipes")?;
        Ok(Self { _process: process, stdin, stdout: BufReader::new(stdout).lines() })
    }

    /// The most likely tokens after a prompt.
    pub(super) async fn generate(&mut self, prompt: &[u32], tokens: u32) -> Result<Answer, Failure> {
        let line = format!("{}\n", json!({"prompt": prompt, "tokens": tokens}));
        self.stdin.write_all(line.as_bytes()).await?;
        let line = self.stdout.next_line().await?.ok_or("native onnxruntime ended; it says above why")?;
        Ok(serde_json::from_str(&line)?)
    }
}
