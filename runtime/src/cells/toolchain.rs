//! The compiler that evcxr finds in cargo's place.
//!
//! evcxr compiles a cell by running `cargo build` in a crate of its own. Cargo
//! would look at some 250 crates before each cell and link Polars into it. This
//! stands in front of it on the search path, under cargo's name: a cell is
//! compiled by rustc directly against the prelude's dylib, the user's own `:dep`
//! crates by cargo once, and everything else is passed on.

mod dependencies;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::error::CellsError;

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
    /// `PATH` without the stand-in.
    pub(super) path: OsString,
    /// The prelude's dylib.
    pub(super) prelude: PathBuf,
    /// Metadata of all that the dylib was made of.
    pub(super) metadata: PathBuf,
    /// Folder of the users' `:dep` crates and what is compiled of them.
    pub(super) dependencies: PathBuf,
    /// The target triple.
    pub(super) target: String,
}

/// Rust's own tools.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) cargo: PathBuf,
    pub(super) rustc: PathBuf,
    /// `PATH` without the stand-in.
    pub(super) path: OsString,
    /// The target triple.
    pub(super) target: String,
}

/// A search path with the stand-in in front, and the file that tells it what to do.
#[derive(Clone, Debug)]
pub struct StandIn {
    folder: PathBuf,
    path: OsString,
}

impl StandIn {
    /// Makes the folder of the stand-in below `home` and has this process, and
    /// so evcxr, find cargo in it.
    ///
    /// # Errors
    /// [`CellsError::Folder`] where it cannot be made.
    ///
    /// # Safety
    /// It sets environment variables: call it while the process has one thread.
    pub unsafe fn install(home: &Path, program: &Path) -> Result<Self, CellsError> {
        let folder = home.join("bin");
        let made = std::fs::create_dir_all(&folder)
            .and_then(|()| ["cargo", "rustup"].into_iter().try_for_each(|name| link(program, &folder.join(name))));
        made.map_err(|source| CellsError::Folder { path: folder.clone(), source })?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let parts = std::iter::once(folder.clone()).chain(std::env::split_paths(&path));
        let joined = std::env::join_paths(parts)
            .map_err(|source| CellsError::Folder { path: folder.clone(), source: io::Error::other(source) })?;
        let file = home.join(format!("toolchain-{}.json", std::process::id()));
        // SAFETY: the caller says that no other thread reads the environment.
        unsafe {
            std::env::set_var("PATH", joined);
            std::env::set_var(VARIABLE, &file);
            if let Some(sources) = sources() {
                std::env::set_var("RUST_SRC_PATH", sources);
            }
        }
        Ok(Self { folder: file, path })
    }

    /// One that no cargo is found by: for tests that run no Rust.
    #[cfg(test)]
    pub(crate) fn nowhere(home: &Path) -> Self {
        Self { folder: home.join("toolchain.json"), path: OsString::new() }
    }

    /// `PATH` without the stand-in: what the cells' process gets.
    pub(super) fn path(&self) -> &OsString {
        &self.path
    }

    /// Tells the stand-in what to do.
    pub(super) fn configure(&self, toolchain: &Toolchain) -> io::Result<()> {
        let text = serde_json::to_vec(toolchain)?;
        let temporary = self.folder.with_extension("new");
        std::fs::write(&temporary, text)?;
        std::fs::rename(temporary, &self.folder)
    }

    /// Takes back what only this process used.
    pub(super) fn remove(&self) {
        let _ = std::fs::remove_file(&self.folder);
    }
}

/// A link under a name of its own first, so that two processes at once both see one.
fn link(program: &Path, at: &Path) -> io::Result<()> {
    if std::fs::read_link(at).is_ok_and(|found| found == program) {
        return Ok(());
    }
    let temporary = at.with_extension(std::process::id().to_string());
    std::os::unix::fs::symlink(program, &temporary)?;
    std::fs::rename(temporary, at)
}

/// The standard library's sources, which tell the types of variables, where the
/// toolchain itself has none: Debian's packages put them here.
fn sources() -> Option<PathBuf> {
    if std::env::var_os("RUST_SRC_PATH").is_some() {
        return None;
    }
    let own = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let own = own.or_else(|| std::env::home_dir().map(|home| home.join(".rustup")));
    let toolchains = own.map(|home| home.join("toolchains")).and_then(|folder| std::fs::read_dir(folder).ok());
    let has_own = toolchains
        .into_iter()
        .flatten()
        .flatten()
        .any(|found| found.path().join("lib/rustlib/src/rust/library/core").is_dir());
    if has_own {
        return None;
    }
    let packaged = std::fs::read_dir("/usr/src").ok()?.flatten().map(|found| found.path().join("library"));
    packaged.filter(|library| library.join("core/src/lib.rs").is_file()).max()
}

/// Call it first in `main`: where this process was started as the stand-in, it
/// does that work and does not return.
pub(super) fn hook() {
    let name = std::env::args_os().next().map(PathBuf::from);
    let name = name.as_deref().and_then(Path::file_name).unwrap_or_default();
    let (is_cargo, is_rustup) = (name == "cargo", name == "rustup");
    if !is_cargo && !is_rustup {
        return;
    }
    let done = Toolchain::read().and_then(|toolchain| if is_cargo { toolchain.cargo() } else { toolchain.rustup() });
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

impl Tools {
    /// The tools as they are found on `path`, past rustup's proxies.
    pub(super) fn find(path: &OsString) -> Result<Self, CellsError> {
        let which = |tool: &'static str| {
            let rustup = Command::new("rustup").args(["which", tool]).env("PATH", path).output();
            let found = rustup.ok().filter(|output| output.status.success());
            let found = found.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
            let mut folders = std::env::split_paths(path).map(|folder| folder.join(tool));
            found.or_else(|| folders.find(|file| file.is_file())).ok_or(CellsError::NoTool { tool })
        };
        let mut tools =
            Self { cargo: which("cargo")?, rustc: which("rustc")?, path: path.clone(), target: String::new() };
        let version = tools.ask(&["-vV"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        host.unwrap_or_default().clone_into(&mut tools.target);
        Ok(tools)
    }

    /// What rustc answers.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<String, CellsError> {
        let output = Command::new(&self.rustc).args(arguments).env("PATH", &self.path).output();
        let output = output.map_err(|source| CellsError::Folder { path: self.rustc.clone(), source })?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Toolchain {
    fn read() -> io::Result<Self> {
        let file = std::env::var_os(VARIABLE)
            .ok_or_else(|| io::Error::other("this link belongs to Pelago's cells and is not to be run by hand"))?;
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    /// evcxr asks rustup where the tools are.
    #[expect(clippy::print_stdout, reason = "the answer of `rustup which`")]
    fn rustup(&self) -> io::Result<i32> {
        let words: Vec<_> = std::env::args_os().skip(1).collect();
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
            _ => Err(Command::new("rustup").args(words).env("PATH", &self.path).exec()),
        }
    }

    fn cargo(&self) -> io::Result<i32> {
        let mut words: Vec<_> = std::env::args_os().skip(1).collect();
        let command = words.iter().find(|word| !word.to_string_lossy().starts_with('-')).cloned().unwrap_or_default();
        if command == "build" || command == "check" {
            return self.compile(command == "check");
        }
        if command == "metadata" {
            // The crates of other platforms need not be there.
            if !words.iter().any(|word| word.to_string_lossy().starts_with("--filter-platform")) {
                words.extend(["--filter-platform".into(), self.target.clone().into()]);
            }
        }
        Err(Command::new(&self.cargo).args(words).env("PATH", &self.path).env("RUSTC", &self.rustc).exec())
    }

    /// Compiles the crate in this folder; returns only where that cannot begin.
    fn compile(&self, only_check: bool) -> io::Result<i32> {
        lead_a_group()?;
        let manifest = std::fs::read_to_string("Cargo.toml")?;
        let externs = match dependencies::listed(&manifest) {
            lines if lines.is_empty() => None,
            lines => match dependencies::build(self, &lines)? {
                Ok(externs) => Some(externs),
                Err(code) => return Ok(code),
            },
        };
        let output = std::env::current_dir()?.join("target").join(if only_check { "check" } else { "cell" });
        std::fs::create_dir_all(&output)?;
        let mut rustc = Command::new(&self.rustc);
        rustc
            .args(["--crate-name", "ctx", "--edition", "2024", "--crate-type", "cdylib", "src/lib.rs"])
            .args(["--error-format=json", "--json=diagnostic-rendered-ansi", "--cap-lints=allow"])
            .arg(format!("-Copt-level={}", dependencies::opt_level(&manifest)))
            .args(["-Cprefer-dynamic", "-Cdebug-assertions=on", "-Coverflow-checks=on", "-Cstrip=debuginfo"])
            .args(["-Cembed-bitcode=no", if only_check { "--emit=metadata" } else { "--emit=link" }])
            .arg("--out-dir")
            .arg(&output)
            .arg("--extern")
            .arg(pair("pelago=", &self.prelude))
            .arg("-L")
            .arg(pair("dependency=", &self.metadata));
        for folder in [self.prelude.parent().unwrap_or(Path::new("/")), &self.libraries] {
            rustc.arg(pair("-Clink-arg=-Wl,-rpath,", folder));
        }
        if cfg!(target_os = "linux") {
            // Before LD_LIBRARY_PATH, which may lead to another build's.
            rustc.arg("-Clink-arg=-Wl,--disable-new-dtags");
        }
        if let Some(externs) = externs {
            rustc.args(externs.arguments());
        }
        if let Some(file) = std::env::var_os(SHARED_OBJECT_VARIABLE).filter(|_| !only_check) {
            // evcxr takes the compiled cell from here once rustc has ended well.
            std::fs::write(file, output.join("libctx.so").as_os_str().as_encoded_bytes())?;
        }
        Err(rustc.env("PATH", &self.path).exec())
    }
}

/// Text and a path as one argument.
fn pair(text: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(text);
    argument.push(path);
    argument
}

/// Lets an interrupt end a compile with all that it started, and so the end of
/// the process that wants it.
fn lead_a_group() -> io::Result<()> {
    // Where either fails, an interrupt ends the first process alone.
    let _ = rustix::process::setpgid(None, None);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    match std::env::var_os(COMPILE_VARIABLE) {
        Some(file) => std::fs::write(file, std::process::id().to_string()),
        None => Ok(()),
    }
}
