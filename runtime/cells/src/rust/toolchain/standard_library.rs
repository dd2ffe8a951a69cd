//! The standard library's sources as the analyser finds them, which tells the
//! types of variables.
//!
//! evcxr evaluates a cell of its own before it learns of the prelude, and the
//! analyser reads everything again after that. So the sources are hidden until
//! the prelude is known. Of them it sees the crates that a cell names: the
//! architectures' intrinsics are more than the rest together, and `Cargo.toml`
//! would have it read every crate below them.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::Tools;
use crate::rust::error::CellsError;

/// Tells the analyser where the sources are.
pub(super) const VARIABLE: &str = "RUST_SRC_PATH";
/// The crates that cells name.
const CRATES: [&str; 4] = ["core", "alloc", "std", "proc_macro"];

/// The path that the analyser knows.
pub(super) fn place(process: &Path) -> PathBuf {
    process.join("sources")
}

/// Has the analyser find a standard library without any crate.
pub(super) fn hide(process: &Path) -> io::Result<()> {
    std::fs::create_dir_all(process.join("hidden/core"))?;
    point(process, "hidden")
}

/// Has the analyser find the crates from its next reading on. Cells of one
/// process share this; nothing hides them again.
pub(super) fn show(process: &Path, tools: &Tools) -> Result<(), CellsError> {
    let Some(library) = sources(tools)? else { return Ok(()) };
    let shown = process.join("shown");
    let done = std::fs::create_dir_all(&shown).and_then(|()| {
        for name in CRATES {
            match symlink(library.join(name), shown.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        point(process, "shown")
    });
    done.map_err(|source| CellsError::Folder { path: shown, source })
}

/// Lets the place lead to a folder of the process, at once and whole.
fn point(process: &Path, folder: &str) -> io::Result<()> {
    let temporary = process.join(format!("{folder}.{:?}", std::thread::current().id()));
    symlink(folder, &temporary)?;
    std::fs::rename(temporary, place(process))
}

/// The toolchain's own sources, else those of Debian's packages.
fn sources(tools: &Tools) -> Result<Option<PathBuf>, CellsError> {
    let is_whole = |library: &PathBuf| library.join("core/src/lib.rs").is_file();
    let own = Path::new(&tools.ask(&["--print", "sysroot"])?).join("lib/rustlib/src/rust/library");
    let packaged = std::fs::read_dir("/usr/src").into_iter().flatten().flatten();
    let packaged = packaged.map(|found| found.path().join("library")).filter(is_whole).max();
    Ok(Some(own).filter(is_whole).or(packaged))
}
