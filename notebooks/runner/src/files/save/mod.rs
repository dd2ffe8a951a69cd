//! How a file is replaced.
//!
//! The usual way: the new file is written beside its place, with the owner and
//! the mode of the old one, and moved there. At every moment the old or the new
//! file is whole.
//!
//! A file with several names (hard links), and one whose owner this user cannot
//! give to a new file, cannot be replaced like that: the other names would keep
//! the old content, or the owner would change. Such a file is written in place,
//! which a crash can interrupt. So all of it is kept in a copy beside it until
//! the file itself is on the disk; the next run names a copy that it finds.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::identity::{folder, resolve};
use crate::error::NotebookError;

/// What became of a file that may have been changed meanwhile.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It has the new content.
    Written,
    /// It was changed and stays so; the new content is in this file.
    Beside(PathBuf),
}

/// Writes a text in place of a file, or as a new one. A link stays a link, of
/// either kind, and a file keeps its owner and mode. Where it ends in the
/// middle, the old file is there, or a copy of the new one.
///
/// # Errors
/// [`NotebookError::Write`] where the folder or the disk does not take it,
/// [`NotebookError::Half`] where that was seen in the middle.
pub fn save(path: &Path, text: &str) -> Result<(), NotebookError> {
    write(path, text, None).map(|_| ())
}

/// As [`save`], but where the file no longer holds `original`, it is left alone
/// and the text is written beside it.
///
/// # Errors
/// As [`save`].
pub(crate) fn save_unless_changed(path: &Path, text: &str, original: &str) -> Result<Saved, NotebookError> {
    write(path, text, Some(original))
}

/// Copies beside a file that runs left which were killed while they wrote it in place.
pub(crate) fn copies(path: &Path) -> Vec<PathBuf> {
    let target = resolve(path);
    let prefix = copy_name(&target);
    let entries = std::fs::read_dir(folder(&target)).into_iter().flatten().filter_map(Result::ok);
    let is_copy = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&prefix);
    let mut found = entries.filter(is_copy).map(|entry| entry.path()).collect::<Vec<_>>();
    found.sort();
    found
}

fn write(path: &Path, text: &str, original: Option<&str>) -> Result<Saved, NotebookError> {
    let failed = |source| NotebookError::Write { path: path.to_path_buf(), source };
    let target = resolve(path);
    let existing = std::fs::metadata(&target).ok();
    if let Some(existing) = &existing
        && !existing.is_file()
    {
        // A pipe or a device takes the bytes, and is not replaced.
        let written = OpenOptions::new().write(true).open(&target).and_then(|mut file| file.write_all(text.as_bytes()));
        return written.map(|()| Saved::Written).map_err(failed);
    }
    let (file, can_replace) = beside(&target, text, existing.as_ref()).map_err(failed)?;
    // As late as can be: between this look and the move there is no wait.
    if let Some(original) = original
        && std::fs::read(&target).is_ok_and(|now| now != original.as_bytes())
    {
        return keep_aside(path, file).map(Saved::Beside).map_err(failed);
    }
    if can_replace {
        file.persist(&target).map_err(|error| failed(error.error))?;
        sync_folder(&target);
    } else {
        write_through(path, &target, file, text)?;
    }
    Ok(Saved::Written)
}

/// The new file beside its place, on the disk; and whether it can take the place of the old one.
fn beside(target: &Path, text: &str, existing: Option<&Metadata>) -> io::Result<(NamedTempFile, bool)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pelago-run-");
    if existing.is_none() {
        // As `open` makes a file: the process's mask takes its part away.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder(target))?;
    file.write_all(text.as_bytes())?;
    let mut can_replace = true;
    if let Some(existing) = existing {
        can_replace = existing.nlink() == 1 && give_owner(file.as_file(), existing)?;
        // After the owner: to change that takes bits away.
        file.as_file().set_permissions(existing.permissions())?;
    }
    file.as_file().sync_all()?;
    Ok((file, can_replace))
}

/// Gives a file the owner and group of another; false where this user may not.
fn give_owner(file: &File, other: &Metadata) -> io::Result<bool> {
    let own = file.metadata()?;
    let is_same = own.uid() == other.uid() && own.gid() == other.gid();
    Ok(is_same || fchown(file, Some(other.uid()), Some(other.gid())).is_ok())
}

/// Writes the file in place, while a copy beside it holds all of it.
fn write_through(path: &Path, target: &Path, file: NamedTempFile, text: &str) -> Result<(), NotebookError> {
    let name = copy_name(target);
    let copy = persist_numbered(file, |number| target.with_file_name(numbered(&name, number)))
        .map_err(|source| NotebookError::Write { path: path.to_path_buf(), source })?;
    sync_folder(target);
    let written = OpenOptions::new().write(true).open(target).and_then(|mut file| {
        // Not cut first: what is not overwritten yet is still there.
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)?;
        file.sync_all()
    });
    written.map_err(|source| NotebookError::Half { path: path.to_path_buf(), copy: copy.clone(), source })?;
    // A copy that stays is the same as the file, and the next run removes it.
    let _ = std::fs::remove_file(&copy);
    Ok(())
}

/// What ran, beside a notebook that is not to be overwritten: `a.pelago-run.ipynb`.
fn keep_aside(path: &Path, file: NamedTempFile) -> io::Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|own| format!(".{}", own.to_string_lossy())).unwrap_or_default();
    let name = format!("{stem}.pelago-run");
    // The folder of the name that the user gave: a link's own.
    persist_numbered(file, |number| path.with_file_name(numbered(&name, number) + &extension))
}

/// Moves a file to the first name that is free.
fn persist_numbered(mut file: NamedTempFile, path: impl Fn(u32) -> PathBuf) -> io::Result<PathBuf> {
    for number in 1..=u32::MAX {
        let path = path(number);
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn numbered(name: &str, number: u32) -> String {
    if number == 1 { name.to_owned() } else { format!("{name}-{number}") }
}

fn copy_name(target: &Path) -> String {
    format!(".{}.pelago-copy", target.file_name().unwrap_or_default().to_string_lossy())
}

/// Puts the new name on the disk. Some file systems do not offer that, and the file is written all the same.
fn sync_folder(target: &Path) {
    let _ = File::open(folder(target)).and_then(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests;
