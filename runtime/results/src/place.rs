//! Where the results are: names of files and folders. It opens none of them.

use std::path::{Path, PathBuf};

/// Where the results are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of their own, with `results.duckdb` in it.
    Folder(PathBuf),
    /// A database of any name; what else is needed goes to a folder beside it, which has
    /// its name with `.pelago` behind.
    File(PathBuf),
    /// A database that is only read, as it stands: nothing is written, neither to it nor beside it.
    ReadOnly(PathBuf),
}

impl Place {
    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join("results.duckdb"),
            Self::File(file) | Self::ReadOnly(file) => file.clone(),
        }
    }

    /// The folder of the lock, the journals and copies: whatever is in it is Pelago's.
    pub(super) fn folder(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.clone(),
            Self::File(file) | Self::ReadOnly(file) => with_suffix(file, ".pelago"),
        }
    }

    pub(super) fn journals(&self) -> PathBuf {
        self.folder().join("journal")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.folder().join("results.lock")
    }
}

impl From<PathBuf> for Place {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

/// DuckDB's write-ahead log of a database.
pub(super) fn log_of(database: &Path) -> PathBuf {
    with_suffix(database, ".wal")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
