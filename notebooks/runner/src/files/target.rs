//! Whether a result can be written to a place, seen before the hours that make it.

use std::fs::OpenOptions;
use std::path::Path;

use super::super::error::NotebookError;
use super::identity::{folder, resolve};
use super::target_problem::TargetProblem;

/// Sees whether a file can be written, and leaves nothing behind.
///
/// # Errors
/// [`NotebookError::Target`] where it cannot.
pub(crate) fn check(path: &Path) -> Result<(), NotebookError> {
    problem(path).map_or(Ok(()), |problem| Err(NotebookError::Target { path: path.to_path_buf(), problem }))
}

fn problem(path: &Path) -> Option<TargetProblem> {
    let target = resolve(path);
    if let Ok(found) = std::fs::metadata(&target) {
        if found.is_dir() {
            return Some(TargetProblem::IsFolder);
        }
        // A pipe or a device is opened when there is something to write: to open
        // it may wait for a reader.
        if !found.is_file() {
            return None;
        }
        // The mode counts for root too, whom the kernel would let write.
        if found.permissions().readonly() {
            return Some(TargetProblem::ReadOnly);
        }
        if let Err(source) = OpenOptions::new().write(true).open(&target) {
            return Some(TargetProblem::File { source });
        }
    }
    let folder = folder(&target).to_path_buf();
    match std::fs::metadata(&folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Some(TargetProblem::NotFolder { folder }),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Some(TargetProblem::NotFolder { folder });
        }
        Err(_) => return Some(TargetProblem::NoFolder { folder }),
    }
    // A file without a name where the system has such: nothing is left, however the process ends.
    tempfile::tempfile_in(&folder).err().map(|source| TargetProblem::Folder { folder, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "kept").unwrap();
        std::fs::write(path("read-only"), "kept").unwrap();
        let mut permissions = std::fs::metadata(path("read-only")).unwrap().permissions();
        permissions.set_readonly(true);
        std::fs::set_permissions(path("read-only"), permissions).unwrap();
        let problem = |name: &str| {
            check(&path(name)).err().map(|error| match error {
                NotebookError::Target { problem, .. } => {
                    problem.to_string().replace(&folder.path().display().to_string(), "F")
                }
                other => panic!("{other}"),
            })
        };
        assert_eq!(problem("a"), None);
        assert_eq!(problem("new"), None);
        assert_eq!(problem(""), Some("it is a folder".to_owned()));
        assert_eq!(problem("read-only"), Some("it is read-only".to_owned()));
        assert_eq!(problem("x/y/new"), Some("there is no folder F/x/y".to_owned()));
        assert_eq!(problem("a/new"), Some("F/a is not a folder".to_owned()));
        assert_eq!(problem("a/b/new"), Some("F/a/b is not a folder".to_owned()));
        assert_eq!(std::fs::read_to_string(path("a")).unwrap(), "kept");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
