//! A file is whole at every moment: written beside its place, then moved there.

use std::io::Write;
use std::path::Path;

use super::super::error::RunError;

/// Writes a text in place of a file, or as a new one. A link stays a link, and
/// a file keeps its permissions. Where it ends in the middle, the old file is there.
///
/// # Errors
/// [`RunError::Write`] where the folder or the disk does not take it.
pub(crate) fn save(path: &Path, text: &str) -> Result<(), RunError> {
    write(path, text).map_err(|source| RunError::Write { path: path.to_path_buf(), source })
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = target.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pelago-run-");
    let existing = std::fs::metadata(&target).ok();
    #[cfg(unix)]
    if existing.is_none() {
        use std::os::unix::fs::PermissionsExt;
        // As `open` makes a file: the process's mask takes its part away.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Some(existing) = existing {
        file.as_file().set_permissions(existing.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_takes_nothing_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ipynb");
        save(&path, "old").unwrap();
        assert!(save(&path.join("below"), "new").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        save(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.ipynb"), folder.path().join("link.ipynb"));
        save(&path, "old").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o400, 0o400);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        save(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
