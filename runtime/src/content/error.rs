//! What goes wrong with content: on the way into the store, and on the way out.

use std::io;
use std::path::{Path, PathBuf};

use cid::Cid;

/// An error of the content store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The disk is full.
    #[error("the disk of {} is full: free some space (`pelago model remove` frees models) and try again", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The store cannot be written to.
    #[error("{} cannot be written: make it writable, or name another folder with --home", path.display())]
    ReadOnly {
        /// What was being written.
        path: PathBuf,
    },
    /// Any other trouble with a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, e.g. `read`.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index.
    #[error("the index {} cannot be used: {source}; move it away, and the next start makes it anew from the store's files", path.display())]
    Index {
        /// The SQLite file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Something in a folder that cannot be part of a model.
    #[error("{} cannot be added: {reason}", path.display())]
    Refused {
        /// What it is.
        path: PathBuf,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// A file that changed while it was read.
    #[error("{} changed while it was added: add it again when nothing writes to it", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
    /// Nothing of that path is in the store.
    #[error("{path:?} is not in the store: add the model first (`pelago model add FOLDER`)")]
    NotFound {
        /// `<cid>/<name>/…`
        path: String,
    },
    /// A path that is none.
    #[error("{path:?} is not a CID with a path below it: {reason}")]
    InvalidPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder where a file is needed, or the other way round.
    #[error("{path:?} is a {found}, not a {expected}")]
    Kind {
        /// `<cid>/<name>/…`
        path: String,
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Bytes that are not what their CID says.
    #[error("block {cid} in {} is damaged: its bytes do not match its CID; remove the model and add it again", path.display())]
    Corrupt {
        /// The block.
        cid: Cid,
        /// The file that it is in.
        path: PathBuf,
    },
    /// A node of a DAG that has another form than its CID's codec promises.
    #[error("block {cid} is not a UnixFS node that Pelago can read: {reason}")]
    Node {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        reason: String,
    },
    /// A range that is not inside the file.
    #[error("bytes {start}..{end} are not inside {path:?}, which has {size}")]
    Range {
        /// `<cid>/<name>/…`
        path: String,
        /// The first byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Bytes that the file has.
        size: u64,
    },
    /// A task that panicked or was cancelled.
    #[error("work on the store ended before its result: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl ContentError {
    /// The error of a write: a full disk and a read-only one say so by name.
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { path }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { path },
            _ => Self::Io { action: "write", path, source },
        }
    }

    /// The error of a read.
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Io { action: "read", path: path.to_owned(), source }
    }
}
