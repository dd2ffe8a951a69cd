//! Puts the stand-in where this process, and so evcxr and the analyser, find
//! Rust's tools.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::{Environment, Toolchain, Tools, VARIABLE, standard_library};
use crate::rust::error::CellsError;

/// The stand-in, which lies beside `pelago`.
const PROGRAM: &str = "pelago-cargo";
/// The names that it is found by.
const NAMES: [&str; 3] = ["cargo", "rustc", "rustup"];
/// The file of [`Toolchain`].
const FILE: &str = "toolchain.json";
/// How the folder of a process is named, before what is its own.
const PROCESS: &str = "process-";
/// Locked while the process lives.
const LOCK: &str = "lock";

/// The stand-in of this process, and the folder that is this process's alone.
#[derive(Clone, Debug)]
pub struct StandIn {
    folder: PathBuf,
    program: PathBuf,
    environment: Environment,
    _lock: Option<Arc<File>>,
}

impl StandIn {
    /// Makes a folder below `home`, and has this process find the stand-in in
    /// it before cargo. `program` is `pelago` itself.
    ///
    /// # Errors
    /// [`CellsError::Folder`] where it cannot be made.
    ///
    /// # Safety
    /// It sets environment variables: call it while the process has one thread.
    pub unsafe fn install(home: &Path, program: &Path) -> Result<Self, CellsError> {
        let failed = |source| CellsError::Folder { path: home.to_owned(), source };
        let program = program.with_file_name(PROGRAM);
        let folder = home.join(format!("{PROCESS}{}", Uuid::now_v7().simple()));
        let bin = folder.join("bin");
        std::fs::create_dir_all(home).map_err(failed)?;
        // A folder is not locked yet when it is made: one process at a time makes and removes them.
        let turn = File::create(home.join(LOCK)).map_err(failed)?;
        turn.lock().map_err(failed)?;
        forget_ended(home);
        std::fs::create_dir_all(&bin).map_err(failed)?;
        let lock = File::create(folder.join(LOCK)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        drop(turn);
        for name in NAMES {
            std::os::unix::fs::symlink(&program, bin.join(name)).map_err(failed)?;
        }
        standard_library::hide(&folder).map_err(failed)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let parts = std::iter::once(bin).chain(std::env::split_paths(&path));
        let joined = std::env::join_paths(parts).map_err(|source| failed(io::Error::other(source)))?;
        let environment = Environment { path, cargo_home: std::env::var_os("CARGO_HOME") };
        // SAFETY: the caller says that no other thread reads the environment.
        unsafe {
            std::env::set_var("PATH", joined);
            // The analyser takes the tools in its `bin` before those on PATH.
            std::env::set_var("CARGO_HOME", &folder);
            std::env::set_var(VARIABLE, folder.join(FILE));
            std::env::set_var(standard_library::VARIABLE, standard_library::place(&folder));
        }
        Ok(Self { folder, program, environment, _lock: Some(Arc::new(lock)) })
    }

    /// One that no tool is found by: for tests that run no Rust.
    #[cfg(test)]
    pub(crate) fn nowhere(home: &Path) -> Self {
        let (folder, program) = (home.join("process"), home.join("nothing"));
        Self { folder, program, environment: Environment::default(), _lock: None }
    }

    /// Where the files are that are compiled, one a folder below it.
    pub(in crate::rust) fn sources(&self) -> PathBuf {
        self.folder.join("sources")
    }

    /// What the cells' process gets.
    pub(in crate::rust) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Tells the stand-in what to do.
    pub(in crate::rust) fn configure(&self, toolchain: &Toolchain) -> Result<(), CellsError> {
        if !self.program.is_file() {
            return Err(CellsError::NoStandIn { path: self.program.clone() });
        }
        let temporary = self.folder.join("toolchain.new");
        let written = serde_json::to_vec(toolchain)
            .map_err(io::Error::from)
            .and_then(|text| std::fs::write(&temporary, text))
            .and_then(|()| std::fs::rename(&temporary, self.folder.join(FILE)));
        written.map_err(|source| CellsError::Folder { path: self.folder.clone(), source })
    }

    /// Lets the analyser read the standard library from now on.
    pub(in crate::rust) fn show_standard_library(&self, tools: &Tools) -> Result<(), CellsError> {
        standard_library::show(&self.folder, tools)
    }

    /// Where a compile of the cells of `folder` writes its process id.
    pub(in crate::rust) fn compile_file(&self, folder: &Path) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        self.folder.join(format!("compile-{:x}", hasher.finish()))
    }
}

/// Removes the folders of processes that ended, which hold their lock no more.
fn forget_ended(home: &Path) {
    for found in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let ended = found.file_name().to_string_lossy().starts_with(PROCESS)
            && File::open(found.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if ended {
            // Another process may be at it too.
            let _ = std::fs::remove_dir_all(found.path());
        }
    }
}
