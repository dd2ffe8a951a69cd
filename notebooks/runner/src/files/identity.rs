//! Which file a path leads to, however it is spelled.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Symbolic links that are followed one after another, as Linux does.
const LINKS: usize = 40;

/// One file. Two paths have the same where they lead to the same file: through
/// `..`, a symbolic link or a hard link. A file that is not there yet is its path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Identity {
    /// Device and inode.
    File(u64, u64),
    /// Without links, as far as folders exist.
    Path(PathBuf),
}

impl Identity {
    /// Of the file that a path leads to.
    pub(crate) fn of(path: &Path) -> Self {
        match std::fs::metadata(path) {
            Ok(found) => Self::File(found.dev(), found.ino()),
            Err(_) => Self::Path(resolve(path)),
        }
    }
}

/// The path without links, also of a file that is not there yet: its folder is
/// resolved, and a symbolic link that leads nowhere is followed.
pub(crate) fn resolve(path: &Path) -> PathBuf {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        if let Ok(found) = std::fs::canonicalize(&path) {
            return found;
        }
        match std::fs::read_link(&path) {
            Ok(next) => path = folder(&path).join(next),
            Err(_) => break,
        }
    }
    match (std::fs::canonicalize(folder(&path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The folder that a path stands in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("x")).unwrap();
        std::fs::write(path("a"), "").unwrap();
        std::fs::write(path("other"), "").unwrap();
        std::fs::hard_link(path("a"), path("hard")).unwrap();
        std::os::unix::fs::symlink("a", path("soft")).unwrap();
        std::os::unix::fs::symlink("soft", path("softer")).unwrap();
        for spelling in ["./a", "x/../a", "x/.././a", "hard", "soft", "softer"] {
            assert_eq!(Identity::of(&path(spelling)), Identity::of(&path("a")), "{spelling}");
        }
        assert_ne!(Identity::of(&path("other")), Identity::of(&path("a")));
        // What is not there yet.
        std::os::unix::fs::symlink("x/new", path("dangling")).unwrap();
        for spelling in ["./x/new", "x/../x/new", "dangling"] {
            assert_eq!(Identity::of(&path(spelling)), Identity::of(&path("x/new")), "{spelling}");
        }
        assert_ne!(Identity::of(&path("x/new")), Identity::of(&path("new")));
        // A link to itself ends.
        std::os::unix::fs::symlink("round", path("round")).unwrap();
        assert_eq!(resolve(&path("round")), std::fs::canonicalize(folder.path()).unwrap().join("round"));
    }
}
