//! Why a place takes no file, and what to do about it.

use std::path::PathBuf;

/// Why a place takes no file.
#[derive(Debug, thiserror::Error)]
pub enum TargetProblem {
    /// Its folder is missing.
    #[error("there is no folder {}", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// What should be its folder is a file.
    #[error("{} is not a folder", folder.display())]
    NotFolder {
        /// The file.
        folder: PathBuf,
    },
    /// It is a folder itself.
    #[error("it is a folder")]
    IsFolder,
    /// Its permissions let nobody write.
    #[error("it is read-only")]
    ReadOnly,
    /// This user may not write it.
    #[error("{source}")]
    File {
        /// Why not.
        source: std::io::Error,
    },
    /// Its folder takes no new file, and a file is written beside its place before it is moved there.
    #[error("no file can be made in {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl TargetProblem {
    /// What to do next.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::NoFolder { folder } => format!("make it first: mkdir -p {}", folder.display()),
            Self::NotFolder { .. } | Self::IsFolder => "name a file in a folder that exists".to_owned(),
            Self::ReadOnly | Self::File { .. } => {
                "make it writable (chmod u+w), or name another file with --output".to_owned()
            }
            Self::Folder { .. } => "make the folder writable, or name another one with --output".to_owned(),
        }
    }
}
