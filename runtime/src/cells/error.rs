//! What keeps Rust cells from starting.

use std::path::PathBuf;

/// Why there are no Rust cells.
#[derive(Debug, thiserror::Error)]
pub enum CellsError {
    /// A folder cannot be used.
    #[error("the folder {} of the Rust cells cannot be used: {source}; see whether it may be written to, or name another with --home", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
