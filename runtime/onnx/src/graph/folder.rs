//! A checkpoint's folder within a model's.

use std::io;

use super::{Error, Files};

/// The files of one folder of a model: empty for the model's own, else a path
/// such as `0_Transformer`.
#[derive(Clone, Copy)]
pub(super) struct Folded<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) folder: &'a str,
}

impl<'a> Folded<'a> {
    /// # Errors
    /// [`Error::FolderName`] for a folder that is not within the model's.
    pub(super) fn new(files: &'a dyn Files, folder: &'a str) -> Result<Self, Error> {
        let folder = folder.trim_end_matches('/');
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0', ':']);
        if !folder.is_empty() && !folder.split('/').all(plain) {
            return Err(Error::FolderName { folder: folder.to_owned() });
        }
        Ok(Self { files, folder })
    }

    /// A file's path from the model's folder on.
    pub(super) fn path(&self, file: &str) -> String {
        if self.folder.is_empty() { file.to_owned() } else { format!("{}/{file}", self.folder) }
    }

    pub(super) fn is_absent(&self, file: &str) -> bool {
        self.size(file).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    pub(super) fn size(&self, file: &str) -> io::Result<u64> {
        self.files.size(&self.path(file))
    }

    pub(super) fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.files.read(&self.path(file), offset, length)
    }
}
