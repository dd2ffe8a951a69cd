//! Reads a file from its start on, a piece at a time.

use super::Error;
use crate::files::Files;

/// How much is read at once, in bytes.
const PIECE: u64 = 1 << 16;
/// Bytes that a text may have: a chat template has some thousand.
const TEXT_MAX: u64 = 1 << 20;

pub(super) struct Cursor<'a> {
    files: &'a dyn Files,
    file: &'a str,
    size: u64,
    /// Where `buffer` begins.
    start: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(files: &'a dyn Files, file: &'a str) -> Result<Self, Error> {
        let size = files.size(file).map_err(|source| Error::Read { file: file.to_owned(), source })?;
        Ok(Self { files, file, size, start: 0, buffer: Vec::new(), at: 0 })
    }

    pub(super) fn file(&self) -> &str {
        self.file
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    pub(super) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, Error> {
        let offset = self.position();
        if count > self.size - offset {
            return Err(Error::Truncated { file: self.file.to_owned(), offset, needed: count, size: self.size });
        }
        let count = count as usize;
        if self.buffer.len() - self.at < count {
            let length = PIECE.max(count as u64).min(self.size - offset);
            let read = self.files.read(self.file, offset, length as usize);
            self.buffer = read.map_err(|source| Error::Read { file: self.file.to_owned(), source })?;
            (self.start, self.at) = (offset, 0);
        }
        let Some(found) = self.buffer.get(self.at..self.at + count) else {
            return Err(Error::Truncated { file: self.file.to_owned(), offset, needed: count as u64, size: self.size });
        };
        self.at += count;
        Ok(found.to_vec())
    }

    /// The bytes of a number.
    pub(super) fn number<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut number = [0; N];
        number.copy_from_slice(&self.bytes(N as u64)?);
        Ok(number)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.number()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.number()?))
    }

    /// A text; `what` it is for an error.
    pub(super) fn text(&mut self, what: &str) -> Result<String, Error> {
        let length = self.u64()?;
        if length > TEXT_MAX {
            let file = self.file.to_owned();
            return Err(Error::TooMany { file, what: "bytes of a text", found: length, limit: TEXT_MAX });
        }
        let bytes = self.bytes(length)?;
        String::from_utf8(bytes).map_err(|error| {
            let found = format!("{:02x?}", &error.as_bytes()[..error.as_bytes().len().min(16)]);
            self.wrong(what, found, "text in UTF-8")
        })
    }

    pub(super) fn wrong(&self, what: &str, found: String, expected: &'static str) -> Error {
        let what: String = what.chars().take(100).collect();
        Error::Header { file: self.file.to_owned(), what, found, expected }
    }
}
