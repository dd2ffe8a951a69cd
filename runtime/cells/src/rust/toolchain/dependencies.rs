//! The crates that users add with `:dep`: compiled by cargo, once a machine.

use std::collections::HashMap;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

use pelago_protocol::cells::{self, Call, Opening, SOCKET_VARIABLE, TOKEN_VARIABLE};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Toolchain, pair};

/// The dependency of every cell that rustc gets as a dylib.
const PRELUDE: &str = "pelago";

/// Begins what cargo said where it did not build a crate.
pub(in crate::rust) const REFUSED: &str = "cargo could not build the crates of this session:\n";

/// What rustc is told of compiled crates.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Externs {
    /// Names in the cell's code, and files.
    crates: Vec<(String, PathBuf)>,
    /// The folder of all that these need in turn.
    folder: PathBuf,
    /// Folders of libraries that are not Rust's, as rustc's `-L` takes them.
    native: Vec<String>,
}

impl Externs {
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        for (name, file) in &self.crates {
            arguments.extend(["--extern".into(), pair(&format!("{name}="), file)]);
        }
        arguments.extend(["-L".into(), pair("dependency=", &self.folder)]);
        for folder in &self.native {
            arguments.extend(["-L".into(), folder.into()]);
        }
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
/// cargo's exit code: why is on stderr by then.
pub(super) fn build(toolchain: &Toolchain, lines: &[String]) -> io::Result<Result<Externs, i32>> {
    let mut hasher = DefaultHasher::new();
    (lines, &toolchain.rustc).hash(&mut hasher);
    let folder = toolchain.dependencies.join(format!("{:016x}", hasher.finish()));
    let known = folder.join("externs.json");
    // A crate in a folder may have been edited: cargo looks, once a process.
    let looked = toolchain.sources.with_file_name(format!("built-{:016x}", hasher.finish()));
    let may_be_edited = lines.iter().any(|line| is_in_a_folder(line)) && !looked.exists();
    if let Some(externs) = std::fs::read(&known).ok().and_then(|bytes| serde_json::from_slice::<Externs>(&bytes).ok())
        && externs.crates.iter().all(|(_, file)| file.exists())
        && !may_be_edited
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
            // Not a crate of Pelago's own build, even where all else is the same.
            .env("RUSTFLAGS", "-Cmetadata=cells")
            .env("CARGO_TARGET_DIR", toolchain.dependencies.join("target"))
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("RUSTC_WRAPPER")
            .stdin(Stdio::null());
        // evcxr sets it for cargo as it starts it: libraries would lie elsewhere than cells look for them.
        for variable in ["CARGO_BUILD_BUILD_DIR", SOCKET_VARIABLE, TOKEN_VARIABLE] {
            cargo.env_remove(variable);
        }
        cargo
    };
    let built = cargo("build").arg("--message-format=json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let built = watched(built)?;
    if !built.status.success() {
        return Ok(Err(built.status.code().unwrap_or(101)));
    }
    let mut graph = cargo("metadata");
    graph.args(["--format-version=1", "--filter-platform"]).arg(&toolchain.target).stderr(Stdio::inherit());
    let graph = graph.output()?;
    if !graph.status.success() {
        return Ok(Err(graph.status.code().unwrap_or(101)));
    }
    let messages = messages(&built.stdout);
    let libraries = libraries(&messages);
    let crates = direct(&serde_json::from_slice(&graph.stdout)?)
        .into_iter()
        .filter_map(|(name, package)| Some((name, libraries.get(&package)?.clone())))
        .collect();
    let externs =
        Externs { crates, folder: toolchain.dependencies.join("target/debug/deps"), native: native(&messages) };
    let temporary = folder.join(format!("externs.{}", std::process::id()));
    std::fs::write(&temporary, serde_json::to_vec(&externs)?)?;
    std::fs::rename(temporary, known)?;
    std::fs::write(looked, "")?;
    Ok(Ok(externs))
}

/// Whether a line of a manifest names a crate by its folder.
fn is_in_a_folder(line: &str) -> bool {
    line.split(['{', ',']).any(|part| part.trim_start().starts_with("path"))
}

/// Waits for cargo. What it does is told to the session line by line, and where it
/// fails, its words go on to evcxr as one message.
fn watched(mut cargo: Child) -> io::Result<Output> {
    let stderr = cargo.stderr.take();
    let telling = std::thread::spawn(move || {
        let mut session = progress();
        let mut said = Vec::new();
        for line in stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines()).map_while(Result::ok) {
            if let Some(told) = session.as_mut().filter(|_| is_progress(&line)) {
                // A session that is gone needs no progress.
                let _ = told.write_all(format!("{line}\n").as_bytes());
            } else if !is_progress(&line) {
                said.push(line);
            }
        }
        said
    });
    let output = cargo.wait_with_output()?;
    let said = telling.join().unwrap_or_default();
    if !output.status.success() {
        let errors = messages(&output.stdout).into_iter().filter(|message| message["message"]["level"] == "error");
        let errors: Vec<_> =
            errors.filter_map(|message| message["message"]["rendered"].as_str().map(str::to_owned)).collect();
        io::stderr().write_all(format!("{REFUSED}{}", [errors, said].concat().join("\n")).as_bytes())?;
    }
    Ok(output)
}

/// Cargo's lines that say how far it is, which begin with a word flush right.
fn is_progress(line: &str) -> bool {
    line.starts_with(' ') && line.trim_start().chars().next().is_some_and(char::is_uppercase)
}

/// A connection on which the session hears how far cargo is.
fn progress() -> Option<UnixStream> {
    let variable = |name| std::env::var(name).ok();
    let mut stream = UnixStream::connect(variable(SOCKET_VARIABLE)?).ok()?;
    let opening = Opening { token: variable(TOKEN_VARIABLE)?, call: Call::Building };
    cells::write_frame(&mut stream, &opening).ok()?;
    Some(stream)
}

fn manifest(lines: &[String]) -> String {
    format!(
        "[package]\nname = \"cells\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.dev]\nopt-level = 2\ndebug = false\n\n[dependencies]\n{}\n",
        lines.join("\n")
    )
}

/// The messages of `cargo build`.
fn messages(stdout: &[u8]) -> Vec<Value> {
    stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Folders that build scripts have the linker look into.
fn native(messages: &[Value]) -> Vec<String> {
    let scripts = messages.iter().filter(|message| message["reason"] == "build-script-executed");
    let paths = scripts.filter_map(|message| message["linked_paths"].as_array()).flatten();
    paths.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Library files by package id.
fn libraries(messages: &[Value]) -> HashMap<String, PathBuf> {
    let artifacts = messages.iter().filter(|message| message["reason"] == "compiler-artifact");
    let library = |message: &Value| {
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
