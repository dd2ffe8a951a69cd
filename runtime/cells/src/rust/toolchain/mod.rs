//! The compiler that evcxr finds in cargo's place.
//!
//! evcxr compiles a cell by running `cargo build` in a crate of its own. Cargo
//! would look at some 250 crates before each cell and link Polars into it. This
//! stands in front of it on the search path, under cargo's name: a cell is
//! compiled by rustc directly, against the prelude's dylib where it needs that, the
//! user's own `:dep` crates by cargo once, and everything else is passed on.

mod compile;
mod dependencies;
mod install;
mod messages;
mod needs;
mod rewrite;
mod standard_library;
mod tools;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use self::compile::WARNINGS;
pub(super) use self::dependencies::REFUSED;
pub use self::install::StandIn;
pub(super) use self::needs::words;
pub(super) use self::tools::{Environment, Tools};

/// Names the file of [`Toolchain`] to the stand-in.
const VARIABLE: &str = "PELAGO_CELLS_TOOLCHAIN";
/// Names the file that a compile writes its process id into, so that it can be interrupted.
pub(super) const COMPILE_VARIABLE: &str = "PELAGO_CELLS_COMPILE";
/// Where evcxr reads the path of the compiled cell.
const SHARED_OBJECT_VARIABLE: &str = "EVCXR_EXECUTION_SO_PATH";

/// What the stand-in needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Toolchain {
    /// The real cargo.
    pub(super) cargo: PathBuf,
    /// The real rustc.
    pub(super) rustc: PathBuf,
    /// Folder of the standard library's shared object.
    pub(super) libraries: PathBuf,
    /// What they run in.
    pub(super) environment: Environment,
    /// What of the prelude's dylib a cell is linked with.
    pub(super) interface: PathBuf,
    /// Folder of the dylib.
    pub(super) prelude: PathBuf,
    /// Metadata of all that the dylib was made of.
    pub(super) metadata: PathBuf,
    /// What a cell is linked with that needs no prelude.
    pub(super) library: PathBuf,
    /// The names that the prelude offers, one a line.
    pub(super) words: PathBuf,
    /// Folder of the files that are compiled.
    pub(super) sources: PathBuf,
    /// Folder of the users' `:dep` crates and what is compiled of them.
    pub(super) dependencies: PathBuf,
    /// The target triple.
    pub(super) target: String,
}

/// What the stand-in does, by the name that it was started by.
pub(super) fn stand_in() -> ! {
    let name = std::env::args_os().next().map(PathBuf::from);
    let name = name.as_deref().and_then(Path::file_name).unwrap_or_default().to_owned();
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let done = Toolchain::read().and_then(|toolchain| match name.to_str() {
        Some("rustup") => toolchain.rustup(words),
        Some("rustc") => Err(toolchain.environment.command(&toolchain.rustc).args(words).exec()),
        _ => toolchain.cargo(words),
    });
    match done {
        Ok(code) => std::process::exit(code),
        Err(error) => fail(&error),
    }
}

#[expect(clippy::print_stderr, reason = "in cargo's place, stderr is where errors go")]
fn fail(error: &io::Error) -> ! {
    eprintln!("error: {error}");
    std::process::exit(101)
}

impl Toolchain {
    fn read() -> io::Result<Self> {
        let file = std::env::var_os(VARIABLE)
            .ok_or_else(|| io::Error::other("this link belongs to Pelago's cells and is not to be run by hand"))?;
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    /// evcxr asks rustup where the tools are.
    #[expect(clippy::print_stdout, reason = "the answer of `rustup which`")]
    fn rustup(&self, words: Vec<OsString>) -> io::Result<i32> {
        let own = std::env::var_os("PATH").and_then(|path| std::env::split_paths(&path).next());
        match (words.as_slice(), own) {
            ([which, tool], Some(folder)) if which == "which" && tool == "cargo" => {
                println!("{}", folder.join("cargo").display());
                Ok(0)
            }
            ([which, tool], _) if which == "which" && tool == "rustc" => {
                println!("{}", self.rustc.display());
                Ok(0)
            }
            _ => Err(self.environment.command(Path::new("rustup")).args(words).exec()),
        }
    }

    fn cargo(&self, mut words: Vec<OsString>) -> io::Result<i32> {
        let command = words.iter().find(|word| !word.to_string_lossy().starts_with('-')).cloned().unwrap_or_default();
        match command.to_str() {
            Some("build") => return compile::run(self, false),
            Some("check") => return compile::run(self, true),
            // The analyser asks cargo what to ask rustc, which takes ten times as long as to ask rustc.
            Some("rustc") if words.iter().any(|word| word == "--print") => {
                let words = words.into_iter().filter(|word| word != "rustc" && word != "--");
                return Err(self.environment.command(&self.rustc).args(words).exec());
            }
            // The crates of other platforms need not be there.
            Some("metadata") if !words.iter().any(|word| word.to_string_lossy().starts_with("--filter-platform")) => {
                words.extend(["--filter-platform".into(), self.target.clone().into()]);
            }
            _ => {}
        }
        Err(self.environment.command(&self.cargo).args(words).env("RUSTC", &self.rustc).exec())
    }
}

/// Text and a path as one argument.
fn pair(text: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(text);
    argument.push(path);
    argument
}
