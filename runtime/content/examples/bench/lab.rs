//! Where it is measured: a folder, files of noise, and the processes that work on them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// A folder that goes with it, and the sizes that were asked for.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
    /// MiB of the file that is timed.
    pub(crate) mib: u64,
    /// MiB of the file whose memory is looked at.
    pub(crate) memory_mib: u64,
}

/// What a role says at its end.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    /// Of the work alone.
    pub(crate) seconds: f64,
    /// Resident when it was about to begin, KiB.
    pub(crate) idle_kib: f64,
    /// The most that was ever resident, KiB.
    pub(crate) peak_kib: f64,
    /// The root, where there is one.
    #[serde(default)]
    pub(crate) root: String,
    /// Bytes of blocks that it gave to others.
    #[serde(default)]
    pub(crate) served: u64,
}

impl Said {
    /// MB/s for so many bytes.
    pub(crate) fn rate(&self, bytes: u64) -> f64 {
        bytes as f64 / 1e6 / self.seconds
    }

    /// MiB over the idle process.
    pub(crate) fn over_idle(&self) -> f64 {
        (self.peak_kib - self.idle_kib) / 1024.0
    }
}

/// A role at work, which ends when it is asked to, or by itself.
pub(crate) struct Role {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Lab {
    pub(crate) fn open() -> Result<Self, Failure> {
        let size = |name: &str, default| std::env::var(name).map_or(Ok(default), |text| text.parse::<u64>());
        let dir = tempfile::Builder::new().prefix("pelago-bench-").tempdir()?;
        Ok(Self { dir, mib: size("PELAGO_BENCH_MIB", 1024)?, memory_mib: size("PELAGO_BENCH_MEMORY_MIB", 4096)? })
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A folder with one file of noise, brought to the disk.
    pub(crate) fn source(&self, mib: u64) -> Result<PathBuf, Failure> {
        let folder = self.dir().join(format!("source-{mib}"));
        let path = folder.join("weights");
        if path.exists() {
            return Ok(folder);
        }
        std::fs::create_dir(&folder)?;
        let mut file = std::fs::File::create(&path)?;
        let mut state = 88_172_645_463_325_252_u64;
        let mut chunk = vec![0; 1 << 20];
        for _ in 0..mib {
            for word in chunk.chunks_exact_mut(8) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word.copy_from_slice(&state.to_le_bytes());
            }
            file.write_all(&chunk)?;
        }
        file.sync_all()?;
        Ok(folder)
    }

    /// A store with that file in it, and its root.
    pub(crate) fn store(&self, mib: u64) -> Result<(PathBuf, String), Failure> {
        let (source, store) = (self.source(mib)?, self.dir().join(format!("store-{mib}")));
        let said: Said = role(&["import", &text(&source), &text(&store)])?.end()?;
        Ok((store, said.root))
    }

    /// A folder that is not there yet, or is not any more.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.dir().join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        Ok(path)
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Starts a role on all cores.
pub(crate) fn role(arguments: &[&str]) -> Result<Role, Failure> {
    Role::start(Command::new(std::env::current_exe()?), arguments)
}

/// Starts a role on one core.
pub(crate) fn role_on_one_core(arguments: &[&str]) -> Result<Role, Failure> {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(std::env::current_exe()?);
    Role::start(command, arguments)
}

impl Role {
    fn start(mut command: Command, arguments: &[&str]) -> Result<Self, Failure> {
        command.arg("role").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().ok_or("its output is not piped")?);
        Ok(Self { child, stdin, lines })
    }

    /// The next thing that it says.
    pub(crate) fn says<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        let value: serde_json::Value = serde_json::from_str(&line).map_err(|_| "a role ended without a word")?;
        match value.get("error") {
            Some(error) => Err(error.to_string().into()),
            None => Ok(serde_json::from_value(value)?),
        }
    }

    /// Tells it something.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), Failure> {
        let stdin = self.stdin.as_mut().ok_or("it was told to end")?;
        writeln!(stdin, "{line}")?;
        Ok(stdin.flush()?)
    }

    /// Asks it to end, and gives what it says last.
    pub(crate) fn end(mut self) -> Result<Said, Failure> {
        self.stdin.take();
        self.says()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.stdin.take();
        // One that has said its last word ends by itself; others are cut off.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
