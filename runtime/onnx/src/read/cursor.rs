//! A place in a file that is read a piece at a time.

use crate::{Error, files::Files};

/// How much is read at once.
const PIECE: usize = 256 << 10;

pub(super) struct Cursor<'a> {
    files: &'a dyn Files,
    pub(super) file: &'a str,
    pub(super) size: u64,
    pub(super) at: u64,
    piece: Vec<u8>,
    piece_at: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn open(files: &'a dyn Files, file: &'a str) -> Result<Self, Error> {
        let size = files.size(file).map_err(|source| Error::Read { file: file.to_owned(), source })?;
        Ok(Self { files, file, size, at: 0, piece: Vec::new(), piece_at: 0 })
    }

    pub(super) fn bad<T>(&self, expected: &'static str, actual: impl Into<String>) -> Result<T, Error> {
        Err(Error::Protobuf { file: self.file.to_owned(), offset: self.at, expected, actual: actual.into() })
    }

    /// Appends bytes up to a position, which lies within the file.
    pub(super) fn copy(&mut self, end: u64, out: &mut Vec<u8>) -> Result<(), Error> {
        while self.at < end {
            let wanted = (end - self.at).min(PIECE as u64) as usize;
            let rest = self.rest()?;
            let length = rest.len().min(wanted);
            out.extend_from_slice(&rest[..length]);
            self.at += length as u64;
        }
        Ok(())
    }

    /// A whole number of at most 64 bits, which ends before `end`.
    pub(super) fn varint(&mut self, end: u64) -> Result<u64, Error> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            if self.at >= end {
                return self.bad("a whole number", "the end of its message");
            }
            let byte = self.rest()?[0];
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.bad("a number of 64 bits", "a longer one")
    }

    /// What was read from here on: at least a byte.
    fn rest(&mut self) -> Result<&[u8], Error> {
        let inside = self.at >= self.piece_at && self.at - self.piece_at < self.piece.len() as u64;
        if !inside {
            let length = (self.size - self.at.min(self.size)).min(PIECE as u64) as usize;
            if length == 0 {
                return self.bad("more bytes", "the end of the file");
            }
            let read = self.files.read(self.file, self.at, length);
            self.piece = read.map_err(|source| Error::Read { file: self.file.to_owned(), source })?;
            self.piece_at = self.at;
            if self.piece.is_empty() {
                return self.bad("more bytes", "the end of the file");
            }
        }
        Ok(&self.piece[(self.at - self.piece_at) as usize..])
    }
}
