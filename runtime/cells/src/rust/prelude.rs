//! The prelude as the dylib that cells link, made from what cargo compiled.
//!
//! Cargo builds the prelude as a library together with everything else, so
//! Polars is compiled once for host and cells. Here it is linked into a dylib that
//! shares the standard library with the cells (which cargo does not offer for
//! one crate alone), beside links to the metadata of all that is in it: a later
//! build of Pelago does not pull the ground from under cells that run.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::SystemTime;

use object::{Object, ObjectSection};

use super::analysis;
use super::error::CellsError;
use super::options::CellOptions;
use super::toolchain::{Tools, words};

/// Names that every cell has without the prelude, from the standard library for the most part.
const STANDARD: &[&str] = &[
    "Box",
    "Clone",
    "Copy",
    "Default",
    "Err",
    "From",
    "Into",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Result",
    "Some",
    "String",
    "Vec",
    "format",
    "interrupted",
    "print",
];

/// Counts how the folder is laid out: one that was made otherwise is not used.
const LAYOUT: u32 = 10;
/// The dylib, named as its crate is in cells.
const DYLIB: &str = if cfg!(target_os = "macos") { "libpelago.dylib" } else { "libpelago.so" };

/// The same of the crate that needs nothing.
const LIBRARY: &str = if cfg!(target_os = "macos") { "libpelago_cell.dylib" } else { "libpelago_cell.so" };

/// The section of a dylib that rustc reads.
const METADATA: &str = ".rustc";

/// The prelude that cells link.
#[derive(Clone, Debug)]
pub(super) struct Prelude {
    /// What cells link: on Linux what the compiler must know of the dylib, without
    /// its 60,000 symbols, which the linker would read before each cell.
    pub(super) interface: PathBuf,
    /// Folder of the dylib that they load.
    pub(super) folder: PathBuf,
    /// Metadata of all that is in it.
    pub(super) metadata: PathBuf,
    /// The crate `pelago` as the analyser reads it.
    pub(super) analysis: PathBuf,
    /// What every process of cells loads, and a cell is linked with that needs no more.
    pub(super) library: PathBuf,
    /// The names that the prelude offers.
    pub(super) words: PathBuf,
}

/// The prelude of `folder`, linked first where that is still to be done.
///
/// # Errors
/// [`CellsError`] where there is none, or it cannot be linked.
pub(super) fn ready(folder: &Path, source: &Path, tools: &Tools) -> Result<Prelude, CellsError> {
    let rustc = &tools.rustc;
    let library = folder.join(CellOptions::PRELUDE);
    let made = std::fs::metadata(&library).and_then(|found| Ok((found.len(), found.modified()?)));
    let Ok(made) = made else { return Err(CellsError::NoPrelude { folder: folder.to_owned() }) };
    let place = folder.join("cells").join(key(made, rustc));
    let prelude = Prelude {
        interface: if cfg!(target_os = "linux") { place.join("interface").join(DYLIB) } else { place.join(DYLIB) },
        folder: place.clone(),
        metadata: place.join("metadata"),
        analysis: place.join("analysis"),
        library: place.join(LIBRARY),
        words: place.join("words"),
    };
    if place.exists() {
        return Ok(prelude);
    }
    let failed = |source| CellsError::Folder { path: place.clone(), source };
    std::fs::create_dir_all(folder.join("cells")).map_err(failed)?;
    let lock = std::fs::File::create(folder.join("cells/lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if !place.exists() {
        forget_older(&folder.join("cells"));
        link(&library, &folder.join("deps"), source, &place, tools)?;
    }
    Ok(prelude)
}

fn key(made: (u64, SystemTime), rustc: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    (LAYOUT, made, rustc, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Removes all but the newest: a kernel that still runs may use that one.
fn forget_older(folder: &Path) {
    let folders = std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|found| found.path().is_dir());
    let mut folders: Vec<_> =
        folders.filter_map(|found| Some((found.metadata().ok()?.modified().ok()?, found.path()))).collect();
    folders.sort();
    folders.pop();
    for (_, old) in folders {
        // What cannot be removed is tried again the next time.
        let _ = std::fs::remove_dir_all(old);
    }
}

fn link(library: &Path, deps: &Path, source: &Path, place: &Path, tools: &Tools) -> Result<(), CellsError> {
    let failed = |source| CellsError::Folder { path: place.to_owned(), source };
    let temporary = place.with_extension("new");
    let _ = std::fs::remove_dir_all(&temporary);
    let metadata = temporary.join("metadata");
    std::fs::create_dir_all(&metadata).map_err(failed)?;
    analysis::write(&source.join("runtime/prelude"), &temporary.join("analysis"), tools)?;
    let names = needs_names(&temporary.join("analysis")).map_err(failed)?;
    std::fs::write(temporary.join("words"), names).map_err(failed)?;
    library_of_cells(source, &temporary.join(LIBRARY), tools)?;
    let root = temporary.join("pelago.rs");
    std::fs::write(&root, "pub use pelago_prelude::*;\n").map_err(failed)?;
    let output = tools
        .environment
        .command(&tools.rustc)
        .args(["--crate-name", "pelago", "--edition", "2024", "--crate-type", "dylib"])
        .args(["-Cprefer-dynamic", "-Cstrip=debuginfo", "-Crpath", "--print", "link-args"])
        .arg("--extern")
        .arg(format!("pelago_prelude={}", library.display()))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("-o")
        .arg(temporary.join(DYLIB))
        .arg(&root)
        .output()
        .map_err(failed)?;
    linked(&output)?;
    if cfg!(target_os = "linux") {
        interface(&temporary.join(DYLIB), &temporary.join("interface"), tools)?;
    }
    // The linker's own arguments name every library that went in; of these,
    // and of the macros, cells need what the compiler knows of them.
    let arguments = String::from_utf8_lossy(&output.stdout).into_owned();
    let libraries = arguments.split_whitespace().map(|word| PathBuf::from(word.trim_matches('"')));
    let libraries =
        libraries.filter(|path| path.extension().is_some_and(|end| end == "rlib") && path.starts_with(deps));
    for library in libraries {
        share(&library.with_extension("rmeta"), &metadata).map_err(failed)?;
    }
    share(library, &metadata).map_err(failed)?;
    for found in std::fs::read_dir(deps).map_err(failed)?.flatten() {
        let path = found.path();
        let is_macro = path.extension().is_some_and(|end| end == "so" || end == "dylib");
        if is_macro && found.file_name().to_string_lossy().contains('-') {
            share(&path, &metadata).map_err(failed)?;
        }
    }
    std::fs::rename(&temporary, place).map_err(failed)
}

/// The names that the sources of the prelude and of what it offers have. The standard library's own are not among them.
fn needs_names(analysis: &Path) -> io::Result<String> {
    let words = words(analysis)?;
    let is_kept = |word: &&str| !STANDARD.contains(word);
    Ok(words.lines().filter(is_kept).collect::<Vec<_>>().join("\n"))
}

/// Links `pelago-cell` as a dylib.
fn library_of_cells(source: &Path, place: &Path, tools: &Tools) -> Result<(), CellsError> {
    let failed = |source| CellsError::Folder { path: place.to_owned(), source };
    let output = tools
        .environment
        .command(&tools.rustc)
        .args(["--crate-name", "pelago_cell", "--edition", "2024", "--crate-type", "dylib", "-Copt-level=1"])
        .args(["-Cprefer-dynamic", "-Cstrip=debuginfo", "-Crpath", "-o"])
        .arg(place)
        .arg(source.join("runtime/prelude/cell/src/lib.rs"))
        .output()
        .map_err(failed)?;
    linked(&output)
}

/// A shared object that has the dylib's name and the compiler's section of it, and nothing else.
fn interface(dylib: &Path, folder: &Path, tools: &Tools) -> Result<(), CellsError> {
    let failed = |source| CellsError::Folder { path: folder.to_owned(), source };
    let bytes = std::fs::read(dylib).map_err(failed)?;
    let file = object::File::parse(&*bytes).map_err(|error| failed(io::Error::other(error)))?;
    let section = file.section_by_name(METADATA).and_then(|section| section.data().ok());
    let section = section.ok_or_else(|| failed(io::Error::other(format!("{DYLIB} has no section {METADATA}"))))?;
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::write(folder.join("section"), section).map_err(failed)?;
    let source = format!(".section {METADATA},\"\",@progbits\n.incbin \"section\"\n");
    std::fs::write(folder.join("section.s"), source).map_err(failed)?;
    let output = tools
        .environment
        .command(Path::new("cc"))
        .args(["-shared", "-nostdlib", &format!("-Wl,-soname,{DYLIB}"), "-o", DYLIB, "section.s"])
        .current_dir(folder)
        .output()
        .map_err(failed)?;
    linked(&output)
}

/// Whether a compiler or linker ended well; its words where it did not.
fn linked(output: &Output) -> Result<(), CellsError> {
    if output.status.success() {
        Ok(())
    } else {
        Err(CellsError::Link { detail: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
    }
}

/// A hard link where the file system has them, else a copy.
fn share(file: &Path, folder: &Path) -> io::Result<()> {
    let Some(name) = file.file_name() else { return Ok(()) };
    let at = folder.join(name);
    std::fs::hard_link(file, &at).or_else(|_| std::fs::copy(file, at).map(|_| ()))
}
