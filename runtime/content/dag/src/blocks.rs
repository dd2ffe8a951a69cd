//! Blocks by CID: what a fetch reads and writes, and a gateway serves. The
//! store on disk is one; here is the one in memory, which a newcomer reads first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::{BlockError, Cid, cid};

/// Verified blocks.
pub trait Blocks: Send + Sync + 'static {
    /// Which of these blocks are here.
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, BlockError>>;

    /// A block's length, bytes, if it is here.
    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, BlockError>>;

    /// A block's bytes. An identity CID carries its own.
    ///
    /// # Errors
    ///
    /// `MissingBlock`, `Corrupt`, `Unsupported`, `Io`, `Index`.
    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, BlockError>>;

    /// Keeps a block. Its bytes are hashed first.
    ///
    /// # Errors
    ///
    /// `WrongBlock` where they are not those that the CID names, or more than [`BLOCK_MAX`];
    /// `Unsupported`, `NoSpace`, `ReadOnly`, `Io`, `Index`.
    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), BlockError>>;

    /// Notes that a fetch is about to bring a block, for whoever asks [`Blocks::coming`]. Nothing
    /// depends on it.
    fn expect(&self, cid: &Cid, coming: Coming) {
        let _ = (cid, coming);
    }

    /// Whether a block that is not here is being fetched.
    fn coming(&self, cid: &Cid) -> Option<Coming> {
        let _ = cid;
        None
    }
}

/// How far a block is that a fetch is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// Somebody will be asked for it.
    Planned,
    /// A source that is no peer was asked for it.
    OnItsWay,
}

/// Blocks in memory, without a bound: for tests, and for what is small.
#[derive(Debug, Default)]
pub struct MemoryBlocks(Mutex<HashMap<Vec<u8>, Bytes>>);

impl MemoryBlocks {
    fn found(&self, cid: &Cid) -> Result<Bytes, BlockError> {
        cid::check_hash(cid)?;
        if let Some(bytes) = cid::inline(cid) {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        let blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.get(&cid::key(cid)).cloned().ok_or_else(|| BlockError::MissingBlock { cid: Box::new(*cid) })
    }
}

impl Blocks for MemoryBlocks {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, BlockError>> {
        Box::pin(async move { Ok(cids.iter().map(|cid| self.found(cid).is_ok()).collect()) })
    }

    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, BlockError>> {
        Box::pin(async move { Ok(self.found(cid).ok().map(|bytes| bytes.len() as u64)) })
    }

    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, BlockError>> {
        Box::pin(async move { self.found(cid) })
    }

    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), BlockError>> {
        Box::pin(async move {
            cid::verify(&cid, &bytes)?;
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(cid::key(&cid), bytes);
            Ok(())
        })
    }
}
