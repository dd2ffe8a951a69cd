//! Blocks out of a CAR, one after another, each hashed before it is given out.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use unsigned_varint::decode;

use super::CarError;
use super::header::{Header, V2, V2_LENGTH};
use crate::{BLOCK_MAX, Cid, cid};

/// Bytes that are asked of the source at once.
const READ: usize = 64 << 10;
/// Bytes of the longest CID: four varints of at most nine bytes, and the longest digest that is accepted.
const CID_MAX: u64 = 4 * 9 + 128;

/// What is accepted of a CAR that others made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarLimits {
    /// The longest header, bytes.
    pub header: u64,
    /// The longest block, bytes; more than [`BLOCK_MAX`] is never accepted.
    pub block: u64,
    /// The longest CAR, bytes, headers and lengths with it.
    pub total: u64,
}

impl Default for CarLimits {
    /// A header of 64 KiB (some 1600 roots), blocks of [`BLOCK_MAX`], any length in all.
    fn default() -> Self {
        Self { header: 64 << 10, block: BLOCK_MAX, total: u64::MAX }
    }
}

/// Reads a CAR of version 1, or the data of one of version 2 (its index is not
/// looked at). A CAR cut between two blocks cannot be told from a whole one by
/// its form: who reads it must know which blocks belong to it. Holds one block, and what is read ahead of it (64 KiB).
#[derive(Debug)]
pub struct CarReader<R> {
    source: R,
    limits: CarLimits,
    roots: Vec<Cid>,
    buffer: BytesMut,
    /// Bytes of the file before `buffer`.
    at: u64,
    /// Where the data ends: version 2 says so, else the source does.
    end: Option<u64>,
    failed: bool,
}

impl<R: AsyncRead + Unpin + Send> CarReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// `Read`, `Truncated`, `Length`, `TooLong`, `Header`, `Version`.
    pub async fn open(source: R, limits: CarLimits) -> Result<Self, CarError> {
        let limits = CarLimits { block: limits.block.min(BLOCK_MAX), ..limits };
        let (buffer, roots) = (BytesMut::new(), Vec::new());
        let mut reader = Self { source, limits, roots, buffer, at: 0, end: None, failed: false };
        let mut header = reader.header().await?;
        if header.version == 2 {
            reader.enter_v2().await?;
            header = reader.header().await?;
            if header.version != 1 {
                return Err(CarError::Version { found: header.version });
            }
        }
        reader.roots = header.roots.unwrap_or_default();
        Ok(reader)
    }

    /// The CIDs that the header names.
    #[must_use]
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// Bytes of the file that were given out so far, headers and lengths with them.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The next block, hashed against its CID; `None` at the end. May be dropped while it waits and called again.
    ///
    /// # Errors
    ///
    /// `Read`, `Truncated`, `Length`, `TooLong`, `Cid`, `Block`; then `GivenUp` at every further call.
    pub async fn next(&mut self) -> Result<Option<(Cid, Bytes)>, CarError> {
        if self.failed {
            return Err(CarError::GivenUp { at: self.at });
        }
        let found = self.block().await;
        self.failed = found.is_err();
        found
    }

    async fn block(&mut self) -> Result<Option<(Cid, Bytes)>, CarError> {
        let start = self.at;
        let limit = self.limits.block + CID_MAX;
        let Some(section) = self.section("a block", limit).await? else { return Ok(None) };
        let mut rest = &section[..];
        let first = self.at - section.len() as u64;
        let cid = Cid::read_bytes(&mut rest).map_err(|source| CarError::Cid { at: first, source })?;
        let block = section.slice(section.len() - rest.len()..);
        let length = block.len() as u64;
        if length > self.limits.block {
            return Err(CarError::TooLong { at: start, what: "a block", length, limit: self.limits.block });
        }
        cid::verify(&cid, &block).map_err(|source| CarError::Block { at: start, source })?;
        Ok(Some((cid, block)))
    }

    async fn header(&mut self) -> Result<Header, CarError> {
        let at = self.at;
        let bytes = self.section("the header", self.limits.header).await?;
        Header::decode(&bytes.ok_or(CarError::Truncated { at, what: "the header" })?)
    }

    /// Goes from version 2's opening to its data.
    async fn enter_v2(&mut self) -> Result<(), CarError> {
        self.fill(V2_LENGTH, "the header").await?;
        let mut fixed = [0; V2_LENGTH];
        fixed.copy_from_slice(&self.take(V2_LENGTH));
        let v2 = V2::decode(&fixed)?;
        let (length, limit) = (v2.offset + v2.size, self.limits.total);
        if length > limit {
            return Err(CarError::TooLong { at: 0, what: "the whole", length, limit });
        }
        while self.at < v2.offset {
            let step = (v2.offset - self.at).min(READ as u64) as usize;
            self.fill(step, "what lies before the data").await?;
            self.take(step);
        }
        self.end = Some(v2.offset + v2.size);
        Ok(())
    }

    /// A length and as many bytes; `None` at the end. Nothing is consumed before all of it is here.
    async fn section(&mut self, what: &'static str, limit: u64) -> Result<Option<Bytes>, CarError> {
        let Some((length, prefix)) = self.length(what).await? else { return Ok(None) };
        let at = self.at;
        if length == 0 {
            return Err(CarError::Length { at, reason: "it is 0".to_owned() });
        }
        if length > limit {
            return Err(CarError::TooLong { at, what, length, limit });
        }
        let all = prefix + length as usize;
        let after = at.saturating_add(all as u64);
        if after > self.limits.total {
            return Err(CarError::TooLong { at, what: "the whole", length: after, limit: self.limits.total });
        }
        if let Some(end) = self.end.filter(|end| after > *end) {
            return Err(CarError::Truncated { at: end, what });
        }
        self.fill(all, what).await?;
        Ok(Some(self.take(all).slice(prefix..)))
    }

    /// The length at hand, and the bytes that it takes itself; `None` at the end. It stays in the buffer.
    async fn length(&mut self, what: &'static str) -> Result<Option<(u64, usize)>, CarError> {
        loop {
            if self.end == Some(self.at) {
                return Ok(None);
            }
            let found = decode::u64(&self.buffer).map(|(length, rest)| (length, self.buffer.len() - rest.len()));
            match found {
                Ok(found) => return Ok(Some(found)),
                Err(decode::Error::Insufficient) if self.read(1).await? => {}
                Err(decode::Error::Insufficient) if self.buffer.is_empty() && self.end.is_none() => return Ok(None),
                Err(decode::Error::Insufficient) => {
                    return Err(CarError::Truncated { at: self.at + self.buffer.len() as u64, what });
                }
                Err(error) => return Err(CarError::Length { at: self.at, reason: error.to_string() }),
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Bytes {
        self.at += bytes as u64;
        self.buffer.split_to(bytes).freeze()
    }

    async fn fill(&mut self, bytes: usize, what: &'static str) -> Result<(), CarError> {
        while self.buffer.len() < bytes {
            if !self.read(bytes - self.buffer.len()).await? {
                return Err(CarError::Truncated { at: self.at + self.buffer.len() as u64, what });
            }
        }
        Ok(())
    }

    /// Reads on, with room for this many bytes at least; `false` at the source's end.
    async fn read(&mut self, room: usize) -> Result<bool, CarError> {
        self.buffer.reserve(room.max(READ));
        let read = self.source.read_buf(&mut self.buffer).await;
        let at = self.at + self.buffer.len() as u64;
        read.map(|n| n > 0).map_err(|source| CarError::Read { at, source })
    }
}
