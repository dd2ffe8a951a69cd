//! What keeps Rust cells from starting.

use std::path::PathBuf;

use pelago_protocol::{Advice, Setting};

/// Why there are no Rust cells.
#[derive(Debug, thiserror::Error)]
pub enum CellsError {
    /// A folder cannot be used.
    #[error("the folder {} of the Rust cells cannot be used: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Rust's own tools are missing.
    #[error("Rust cells need {tool}, which is not on PATH")]
    NoTool {
        /// `cargo` or `rustc`.
        tool: &'static str,
    },
    /// What compiles cells is missing.
    #[error("Rust cells need {}, which is not there", path.display())]
    NoStandIn {
        /// Where it belongs.
        path: PathBuf,
    },
    /// The prelude was not built.
    #[error("Rust cells need the compiled prelude, which is not in {}", folder.display())]
    NoPrelude {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The prelude could not be linked.
    #[error("the prelude of Rust cells could not be linked: {detail}")]
    Link {
        /// The compiler's words.
        detail: String,
    },
    /// A file of the user's own prelude.
    #[error("your prelude's file {} failed: {detail}", file.display())]
    UserPrelude {
        /// The file.
        file: PathBuf,
        /// The compiler's words.
        detail: String,
    },
    /// evcxr did not start.
    #[error("the Rust evaluator did not start: {detail}")]
    Evaluator {
        /// Its words.
        detail: String,
    },
}

impl CellsError {
    /// What to do next.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self {
            Self::Folder { .. } => {
                Advice::from("see whether it may be written to and the disk has room, or name another with ")
                    .setting(Setting::Home)
            }
            Self::NoTool { .. } => "install Rust 1.95 or later (https://rustup.rs); :commands work without it".into(),
            Self::NoStandIn { .. } | Self::NoPrelude { .. } => "run `make build` in Pelago's folder".into(),
            Self::Link { .. } => {
                "the compiler has to be the one that built Pelago: run `make build` in Pelago's folder again".into()
            }
            Self::UserPrelude { .. } => {
                Advice::from("correct the file, or move it out of the folder, and ").restart_cells()
            }
            Self::Evaluator { .. } => Advice::from("see whether `rustc` compiles a program at all; ")
                .command("doctor")
                .text(" tells what is missing"),
        }
    }
}
