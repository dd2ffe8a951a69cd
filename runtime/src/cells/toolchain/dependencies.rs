//! The crates that users add with `:dep`: compiled by cargo, once a machine.

use std::collections::HashMap;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Toolchain, pair};

/// The dependency of every cell that rustc gets as a dylib.
const PRELUDE: &str = "pelago";

/// What rustc is told of compiled crates.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Externs {
    /// Names in the cell's code, and files.
    crates: Vec<(String, PathBuf)>,
    /// The folder of all that these need in turn.
    folder: PathBuf,
}

impl Externs {
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        for (name, file) in &self.crates {
            arguments.extend(["--extern".into(), pair(&format!("{name}="), file)]);
        }
        arguments.extend(["-L".into(), pair("dependency=", &self.folder)]);
        arguments
    }
}

/// The user's own lines of a manifest that evcxr wrote, sorted. evcxr keeps them
/// in a map: their order says nothing.
pub(super) fn listed(manifest: &str) -> Vec<String> {
    let (_, lines) = manifest.split_once("[dependencies]").unwrap_or_default();
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines: Vec<_> =
        lines.filter(|line| line.split('=').next().map(str::trim) != Some(PRELUDE)).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The `opt-level` of a manifest that evcxr wrote, as the user set it with `:opt`.
pub(super) fn opt_level(manifest: &str) -> &str {
    let line = manifest.lines().find_map(|line| line.trim().strip_prefix("opt-level"));
    line.map(|rest| rest.trim_start_matches([' ', '=']).trim_matches('"')).unwrap_or("0")
}

/// Compiles the crates of these lines, or finds them compiled. The inner error is
/// cargo's exit code: it said why on stderr.
pub(super) fn build(toolchain: &Toolchain, lines: &[String]) -> io::Result<Result<Externs, i32>> {
    let mut hasher = DefaultHasher::new();
    (lines, &toolchain.rustc).hash(&mut hasher);
    let folder = toolchain.dependencies.join(format!("{:016x}", hasher.finish()));
    let known = folder.join("externs.json");
    if let Some(externs) = std::fs::read(&known).ok().and_then(|bytes| serde_json::from_slice::<Externs>(&bytes).ok())
        && externs.crates.iter().all(|(_, file)| file.exists())
    {
        return Ok(Ok(externs));
    }
    std::fs::create_dir_all(folder.join("src"))?;
    std::fs::write(folder.join("src/lib.rs"), "")?;
    std::fs::write(folder.join("Cargo.toml"), manifest(lines))?;
    let cargo = |command: &str| {
        let mut cargo = toolchain.environment.command(&toolchain.cargo);
        cargo
            .arg(command)
            .current_dir(&folder)
            .env("RUSTC", &toolchain.rustc)
            .env("RUSTFLAGS", "-Cprefer-dynamic")
            .env("CARGO_TARGET_DIR", toolchain.dependencies.join("target"))
            .env_remove("RUSTC_WRAPPER")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        cargo
    };
    let built = cargo("build").arg("--message-format=json").stdout(Stdio::piped()).output()?;
    if !built.status.success() {
        return Ok(Err(built.status.code().unwrap_or(101)));
    }
    let graph = cargo("metadata").args(["--format-version=1", "--filter-platform"]).arg(&toolchain.target).output()?;
    if !graph.status.success() {
        return Ok(Err(graph.status.code().unwrap_or(101)));
    }
    let libraries = libraries(&built.stdout);
    let crates = direct(&serde_json::from_slice(&graph.stdout)?)
        .into_iter()
        .filter_map(|(name, package)| Some((name, libraries.get(&package)?.clone())))
        .collect();
    let externs = Externs { crates, folder: toolchain.dependencies.join("target/debug/deps") };
    std::fs::write(known, serde_json::to_vec(&externs)?)?;
    Ok(Ok(externs))
}

fn manifest(lines: &[String]) -> String {
    format!(
        "[package]\nname = \"cells\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.dev]\nopt-level = 2\ndebug = false\n\n[dependencies]\n{}\n",
        lines.join("\n")
    )
}

/// Library files by package id, from the messages of `cargo build`.
fn libraries(messages: &[u8]) -> HashMap<String, PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let artifacts = messages.filter(|message| message["reason"] == "compiler-artifact");
    let library = |message: Value| {
        let kinds = message["target"]["kind"].as_array()?.clone();
        let is_library =
            kinds.iter().any(|kind| ["lib", "rlib", "dylib", "proc-macro"].iter().any(|word| kind == word));
        let files = message["filenames"].as_array().filter(|_| is_library)?;
        let mut files = files.iter().filter_map(Value::as_str).filter(|file| !file.ends_with(".rmeta"));
        Some((message["package_id"].as_str()?.to_owned(), PathBuf::from(files.next()?)))
    };
    artifacts.filter_map(library).collect()
}

/// Names in code and package ids of the root's own dependencies.
fn direct(metadata: &Value) -> Vec<(String, String)> {
    let root = &metadata["resolve"]["root"];
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let deps = nodes.filter(|node| node["id"] == *root).filter_map(|node| node["deps"].as_array()).flatten();
    deps.filter_map(|dep| Some((dep["name"].as_str()?.to_owned(), dep["pkg"].as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[profile.dev]\nopt-level = 0\n\n[dependencies]\nserde = \"1\"\n\
                            pelago = { path = \"/p\" }\nanyhow = { version = \"1\" }\n";

    #[test]
    fn the_users_own_lines_are_sorted_and_without_the_prelude() {
        assert_eq!(listed(MANIFEST), ["anyhow = { version = \"1\" }", "serde = \"1\""]);
        assert!(listed("[package]").is_empty());
    }

    #[test]
    fn the_level_of_optimisation_is_the_manifests() {
        assert_eq!(opt_level(MANIFEST), "0");
        assert_eq!(opt_level("opt-level = \"s\""), "s");
    }
}
