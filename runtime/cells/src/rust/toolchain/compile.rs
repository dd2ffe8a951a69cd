//! A cell's way through rustc: without the prelude where it needs none, with it
//! where it does, and once more where a definition took the place of an older one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::dependencies::{self, Externs};
use super::messages::Messages;
use super::rewrite::{Before, Replaced, Rewritten};
use super::{COMPILE_VARIABLE, SHARED_OBJECT_VARIABLE, Toolchain, Tools, needs, pair};
use crate::rust::compile;

/// How often definitions may take the place of older ones in one compile.
const ATTEMPTS: usize = 50;
/// Where warnings are written, beside the file of the compile's process id.
pub(in crate::rust) const WARNINGS: &str = "warnings";
/// What cells before left, in the folder of the compiled ones.
const BEFORE: &str = "before.json";

/// What cells before left.
#[derive(Default, Serialize, Deserialize)]
struct Left {
    replaced: BTreeSet<Replaced>,
    statics: HashMap<String, PathBuf>,
    #[serde(default)]
    traits: BTreeMap<String, String>,
}

/// Compiles the crate in this folder; the exit code.
pub(super) fn run(toolchain: &Toolchain, only_check: bool) -> io::Result<i32> {
    let id = std::env::var_os(COMPILE_VARIABLE).map(PathBuf::from);
    compile::begin(id.as_deref())?;
    let manifest = std::fs::read_to_string("Cargo.toml")?;
    let externs = match dependencies::listed(&manifest) {
        lines if lines.is_empty() => None,
        lines => match dependencies::build(toolchain, &lines)? {
            Ok(externs) => Some(externs),
            Err(code) => return Ok(code),
        },
    };
    let output = std::env::current_dir()?.join("target").join(if only_check { "check" } else { "cell" });
    std::fs::create_dir_all(&output)?;
    let source = std::fs::read_to_string("src/lib.rs")?;
    let folder = toolchain.sources.join(format!("{}", uuid::Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder)?;
    let job = Job {
        toolchain,
        only_check,
        file: folder.join("lib.rs"),
        output: &output,
        optimised: dependencies::opt_level(&manifest),
        externs: externs.as_ref(),
    };
    let kept = output.with_file_name(BEFORE);
    let left: Left = std::fs::read(&kept).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let mut before = Before { replaced: left.replaced, statics: left.statics, traits: left.traits };
    let words = std::fs::read_to_string(&toolchain.words).unwrap_or_default();
    let mut with_prelude = only_check || needs::prelude(&source, &words);
    for _ in 0..ATTEMPTS {
        let file = Rewritten::of(&source, &before, only_check);
        let messages = job.compile(&file, with_prelude)?;
        if messages.is_success {
            if let Some(id) = &id {
                std::fs::write(id.with_extension(WARNINGS), messages.warnings.join("\n"))?;
            }
            if !only_check {
                define(&file, &output, &mut before)?;
                let left = Left { replaced: before.replaced, statics: before.statics, traits: before.traits };
                std::fs::write(&kept, serde_json::to_vec(&left)?)?;
                tell_shared_object(&output)?;
            }
            return Ok(0);
        }
        let older: Vec<_> = messages.conflicts.iter().filter_map(|conflict| file.older_of(conflict)).collect();
        let known = before.replaced.len() + before.traits.len();
        before.replaced.extend(older);
        before.traits.extend(messages.missing.iter().filter_map(|missing| file.trait_of(missing)));
        if before.replaced.len() + before.traits.len() > known {
            continue;
        }
        if with_prelude {
            io::stderr().write_all(messages.errors.join("\n").as_bytes())?;
            return Ok(messages.code);
        }
        with_prelude = true;
    }
    Err(io::Error::other("definitions of this cell and of earlier ones exclude each other without end"))
}

/// evcxr takes the compiled cell from where this says, and renames it.
fn tell_shared_object(output: &Path) -> io::Result<()> {
    let Some(file) = std::env::var_os(SHARED_OBJECT_VARIABLE) else { return Ok(()) };
    std::fs::write(file, output.join("libctx.so").as_os_str().as_encoded_bytes())
}

/// Keeps the compiled cell under another name where later ones name its statics:
/// evcxr gives it a name that is not known yet.
fn define(file: &Rewritten, output: &Path, before: &mut Before) -> io::Result<()> {
    if file.defines.is_empty() {
        return Ok(());
    }
    let object = output.join(format!("statics-{}.so", uuid::Uuid::now_v7().simple()));
    // The same file, so that the loader takes both for one.
    std::fs::hard_link(output.join("libctx.so"), &object)?;
    before.statics.extend(file.defines.iter().map(|symbol| (symbol.clone(), object.clone())));
    Ok(())
}

/// One compile.
struct Job<'a> {
    toolchain: &'a Toolchain,
    only_check: bool,
    file: PathBuf,
    output: &'a Path,
    optimised: &'a str,
    externs: Option<&'a Externs>,
}

impl Job<'_> {
    fn compile(&self, file: &Rewritten, with_prelude: bool) -> io::Result<Messages> {
        std::fs::write(&self.file, &file.text)?;
        let ended = self.command(file, with_prelude).stdin(Stdio::null()).stdout(Stdio::null()).output()?;
        Ok(Messages::read(&ended.stderr, ended.status))
    }

    fn command(&self, file: &Rewritten, with_prelude: bool) -> Command {
        let Toolchain { interface, prelude, metadata, library, libraries, .. } = self.toolchain;
        let mut rustc = self.toolchain.environment.command(&self.toolchain.rustc);
        rustc
            .args(["--crate-name", "ctx", "--edition", "2024", "--crate-type", "cdylib"])
            .arg(&self.file)
            .args(["--error-format=json", "--json=diagnostic-rendered-ansi"])
            // What is put into a cell around the user's text.
            .args(["-Aunused_parens", "-Aunused_braces", "-Aunused_unsafe"])
            // A later cell may use it.
            .args(["-Aunused_macros", "-Aunused_macro_rules"])
            .arg(format!("-Copt-level={}", self.optimised))
            .args(["-Cprefer-dynamic", "-Cdebug-assertions=on", "-Coverflow-checks=on", "-Cstrip=debuginfo"])
            .args(["-Cembed-bitcode=no", if self.only_check { "--emit=metadata" } else { "--emit=link" }])
            .arg("--out-dir")
            .arg(self.output)
            .arg("--extern");
        if with_prelude {
            rustc.arg(pair("pelago=", interface)).arg("-L").arg(pair("dependency=", metadata));
        } else {
            rustc.arg(pair("pelago=", library));
        }
        for folder in [prelude, libraries] {
            rustc.arg(pair("-Clink-arg=-Wl,-rpath,", folder));
        }
        if cfg!(target_os = "linux") {
            // Before LD_LIBRARY_PATH, which may lead to another build's.
            rustc.arg("-Clink-arg=-Wl,--disable-new-dtags");
            // The interface has no symbol that would show that it is needed, nor has a cell whose statics a later one names.
            rustc.arg("-Clink-arg=-Wl,--no-as-needed");
            if with_prelude {
                rustc.arg(pair("-Clink-arg=", interface));
            }
        }
        for object in &file.links {
            rustc.arg(pair("-Clink-arg=", object));
        }
        if let Some(externs) = self.externs {
            rustc.args(externs.arguments());
        }
        rustc
    }
}

impl Tools {
    /// What the compiler says of a file that nothing but its syntax is asked of: errors as JSON, one a line.
    pub(in crate::rust) fn parse(&self, text: &str) -> io::Result<Vec<String>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("cell.rs");
        std::fs::write(&file, text)?;
        let mut rustc = self.environment.command(&self.rustc);
        rustc
            .args(["--crate-name", "cell", "--edition", "2024", "--crate-type", "lib", "--emit=metadata"])
            .arg("--error-format=json")
            .arg(&file)
            .arg("-o")
            .arg(folder.path().join("cell.rmeta"));
        let ended = rustc.stdin(Stdio::null()).stdout(Stdio::null()).output()?;
        Ok(Messages::read(&ended.stderr, ended.status).errors)
    }
}
