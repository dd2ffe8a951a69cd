//! What a front end decides for Rust cells.

use std::path::PathBuf;
use std::time::Duration;

use super::toolchain::StandIn;

/// Where cells are compiled and run.
#[derive(Clone, Debug)]
pub struct CellOptions {
    /// Folder of the kernel's own files; made where it is missing.
    pub home: PathBuf,
    /// The `pelago` executable, which is also the child process of cells.
    pub program: PathBuf,
    /// What stands in cargo's place.
    pub stand_in: StandIn,
    /// Folder of the compiled prelude that cells link.
    pub prelude: PathBuf,
    /// Folder of the prelude's sources, with Pelago's lock file: what tells the types of variables.
    pub source: PathBuf,
    /// Folder of `.rs` files of the user, which run before the first cell; it may be missing.
    pub user_prelude: Option<PathBuf>,
    /// The working directory that cells see: the notebook's folder.
    pub folder: PathBuf,
    /// From an interrupt to the end of the child process, where the cell goes on.
    pub interrupt_deadline: Duration,
}

impl CellOptions {
    /// The file of [`CellOptions::prelude`] that cargo makes.
    pub const PRELUDE: &str = "libpelago_prelude.rlib";
}
