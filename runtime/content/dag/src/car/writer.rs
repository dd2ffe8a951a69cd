//! Blocks into a CAR of version 1.

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use unsigned_varint::encode;

use super::CarError;
use super::header::Header;
use crate::Cid;

/// Writes a CAR. Blocks are written as they are given: who has them has verified them.
#[derive(Debug)]
pub struct CarWriter<W> {
    target: W,
    at: u64,
}

impl<W: AsyncWrite + Unpin + Send> CarWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// `Write`.
    pub async fn new(target: W, roots: &[Cid]) -> Result<Self, CarError> {
        let mut writer = Self { target, at: 0 };
        writer.write(&header(roots)?).await?;
        Ok(writer)
    }

    /// Writes a block.
    ///
    /// # Errors
    ///
    /// `Write`.
    pub async fn put(&mut self, cid: &Cid, block: &Bytes) -> Result<(), CarError> {
        self.write(&prefix(cid, block.len())).await?;
        self.write(block).await
    }

    /// Flushes, and gives the target back with the bytes written to it. Without this, what was written may be cut off.
    ///
    /// # Errors
    ///
    /// `Write`.
    pub async fn finish(mut self) -> Result<(W, u64), CarError> {
        let at = self.at;
        self.target.flush().await.map_err(|source| CarError::Write { at, source })?;
        Ok((self.target, at))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), CarError> {
        let at = self.at;
        self.target.write_all(bytes).await.map_err(|source| CarError::Write { at, source })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// The first bytes of a CAR with these roots.
pub fn header(roots: &[Cid]) -> Result<Bytes, CarError> {
    let header = Header::encode(roots)?;
    let mut bytes = varint(header.len());
    bytes.extend_from_slice(&header);
    Ok(bytes.into())
}

/// What stands before a block's bytes: their length with the CID's, and the CID.
pub fn prefix(cid: &Cid, length: usize) -> Bytes {
    let cid = cid.to_bytes();
    let mut bytes = varint(cid.len() + length);
    bytes.extend_from_slice(&cid);
    bytes.into()
}

fn varint(number: usize) -> Vec<u8> {
    encode::usize(number, &mut encode::usize_buffer()).to_vec()
}
