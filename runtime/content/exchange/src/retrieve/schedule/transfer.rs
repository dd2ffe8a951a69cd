//! One block from one source: asked for, hashed and kept, in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pelago_dag::{BlockError, Blocks, Cid};
use tokio::task::AbortHandle;

use crate::retrieve::{Meter, Provider, ProviderError};

/// The least that a transfer is thought to take of memory, bytes; a parent may say that its leaves are tiny.
const MEMORY_MIN: u64 = 256 << 10;
/// What one is thought to take where nobody says its size.
const MEMORY_UNKNOWN: u64 = 1 << 20;

/// A transfer under way.
pub(super) struct Transfer {
    pub(super) cid: Cid,
    /// The source's place among the members.
    pub(super) member: usize,
    pub(super) meter: Arc<Meter>,
    /// Bytes of it that the rates know of.
    pub(super) sampled: u64,
    /// Bytes that it is thought to bring.
    pub(super) size: f64,
    pub(super) memory: u64,
    pub(super) abort: AbortHandle,
}

impl Transfer {
    /// Seconds that it still needs at its own speed; endless while nothing comes.
    pub(super) fn left(&self) -> f64 {
        let (received, elapsed) = (self.meter.received() as f64, self.meter.elapsed().as_secs_f64());
        if received == 0.0 { f64::INFINITY } else { (self.size - received).max(0.0) * elapsed / received }
    }
}

/// Bytes of memory to set aside for a block.
pub(super) fn memory(size: Option<u64>) -> u64 {
    size.map_or(MEMORY_UNKNOWN, |size| size.clamp(MEMORY_MIN, pelago_dag::BLOCK_MAX))
}

/// A block that was verified and kept.
pub(super) struct Kept {
    pub(super) bytes: Bytes,
    /// Until the last byte was here.
    pub(super) transfer: Duration,
    /// From then until it was kept.
    pub(super) storing: Duration,
}

/// Whose fault it is.
pub(super) enum Failure {
    Source(ProviderError),
    Store(BlockError),
}

/// Asks one source for one block.
pub(super) async fn run(
    provider: Arc<dyn Provider>,
    blocks: Arc<dyn Blocks>,
    cid: Cid,
    meter: Arc<Meter>,
) -> Result<Kept, Failure> {
    let bytes = provider.fetch_block(&cid, &meter).await.map_err(Failure::Source)?;
    let transfer = meter.elapsed();
    keep(&*blocks, cid, bytes.clone()).await?;
    Ok(Kept { bytes, transfer, storing: meter.elapsed() - transfer })
}

/// Keeps a block. `put` hashes it first; what it refuses for its bytes is the source's fault.
pub(super) async fn keep(blocks: &dyn Blocks, cid: Cid, bytes: Bytes) -> Result<(), Failure> {
    match blocks.put(cid, bytes).await {
        Ok(()) => Ok(()),
        Err(source @ BlockError::WrongBlock { .. }) => {
            Err(Failure::Source(ProviderError::Wrong { source: Box::new(source) }))
        }
        Err(error) => Err(Failure::Store(error)),
    }
}
