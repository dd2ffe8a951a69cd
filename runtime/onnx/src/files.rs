//! Where the builder reads a model's files: a folder on disk, or anything else
//! that can give a range of a file (such as a store of blocks).
//!
//! What the files mean is not known here.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
};

/// The files of one model, by their path relative to its folder.
pub trait Files {
    /// Length of a file in bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] where there is no such file.
    fn size(&self, file: &str) -> io::Result<u64>;

    /// The `length` bytes of a file from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where the file ends before.
    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
}

/// A folder on disk.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Files for Folder {
    fn size(&self, file: &str) -> io::Result<u64> {
        Ok(std::fs::metadata(self.0.join(file))?.len())
    }

    fn read(&self, file: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut handle = File::open(self.0.join(file))?;
        handle.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; length];
        handle.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
