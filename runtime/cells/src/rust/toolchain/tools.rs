//! Rust's own tools, and the environment that the user's shell gives them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::rust::error::CellsError;

/// What the stand-in changes in this process, as it was before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::rust) struct Environment {
    /// `PATH`.
    pub(super) path: OsString,
    /// `CARGO_HOME`.
    pub(super) cargo_home: Option<OsString>,
}

impl Environment {
    /// A program as the user's shell would start it.
    pub(in crate::rust) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.restore(&mut command);
        command
    }

    /// Has a command see no stand-in.
    pub(in crate::rust) fn restore(&self, command: &mut Command) {
        command.env("PATH", &self.path);
        match &self.cargo_home {
            Some(home) => command.env("CARGO_HOME", home),
            None => command.env_remove("CARGO_HOME"),
        };
    }
}

/// Rust's own tools.
#[derive(Clone, Debug)]
pub(in crate::rust) struct Tools {
    pub(in crate::rust) cargo: PathBuf,
    pub(in crate::rust) rustc: PathBuf,
    pub(in crate::rust) environment: Environment,
    /// The target triple.
    pub(in crate::rust) target: String,
}

impl Tools {
    /// The tools as the user's shell finds them, past rustup's proxies.
    pub(in crate::rust) fn find(environment: &Environment) -> Result<Self, CellsError> {
        let which = |tool: &'static str| {
            let rustup = environment.command(Path::new("rustup")).args(["which", tool]).output();
            let found = rustup.ok().filter(|output| output.status.success());
            let found = found.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
            let on_path = || which::which_in_global(tool, Some(&environment.path)).ok()?.next();
            found.or_else(on_path).ok_or(CellsError::NoTool { tool })
        };
        let (cargo, rustc) = (which("cargo")?, which("rustc")?);
        let mut tools = Self { cargo, rustc, environment: environment.clone(), target: String::new() };
        let version = tools.ask(&["-vV"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        host.unwrap_or_default().clone_into(&mut tools.target);
        Ok(tools)
    }

    /// What rustc answers.
    pub(in crate::rust) fn ask(&self, arguments: &[&str]) -> Result<String, CellsError> {
        let output = self.environment.command(&self.rustc).args(arguments).output();
        let output = output.map_err(|source| CellsError::Folder { path: self.rustc.clone(), source })?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
