//! A DAG out to a CAR, and in from one.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{CarError, CarLimits, CarReader, CarWriter};
use crate::walk::{BLOCKS_MAX, Order, Want};
use crate::{BlockError, Blocks, Cid, Scope, Walk, WalkOptions, cid};

/// A CAR that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Blocks, each once.
    pub blocks: u64,
    /// The CAR's length, bytes.
    pub bytes: u64,
}

/// A CAR that was read in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The CIDs that the CAR names, and that are here now with all under them.
    pub roots: Vec<Cid>,
    /// Blocks, each once.
    pub blocks: u64,
    /// Blocks that were in the CAR again.
    pub duplicates: u64,
    /// The CAR's length, bytes.
    pub bytes: u64,
}

/// Writes all that is under a root, the root first, each block once.
///
/// # Errors
///
/// `Store` where a block is not here or damaged; `Write`. What was written until then is not a whole CAR.
pub async fn export<W: AsyncWrite + Unpin + Send>(
    blocks: Arc<dyn Blocks>,
    root: Cid,
    target: W,
) -> Result<(W, Exported), CarError> {
    let walk = Walk::open(blocks, root, "", WalkOptions { scope: Scope::All, dups: false }).await?;
    let mut writer = CarWriter::new(target, &[root]).await?;
    let mut stream = std::pin::pin!(walk.stream());
    let mut count = 0;
    while let Some(block) = stream.next().await {
        let (cid, bytes) = block?;
        writer.put(&cid, &bytes).await?;
        count += 1;
    }
    let (target, bytes) = writer.finish().await?;
    Ok((target, Exported { blocks: count, bytes }))
}

/// Reads a CAR in. It must hold exactly what is under its roots, in any order:
/// a block that is missing from it, even if it is here already, and one that is
/// under none of its roots are errors that name the block; a repeated one is
/// counted and passed over. Each block is hashed before it is kept.
///
/// On an error the blocks that were read stay without a root, and the next
/// collection removes them. Remembers some 100 bytes a block.
///
/// # Errors
///
/// Those of [`CarReader`]; `NoRoot`, `TooMany`, `Missing`, `Extra`; `Store` where a block cannot be kept.
pub async fn import<R: AsyncRead + Unpin + Send>(
    source: R,
    blocks: &dyn Blocks,
    limits: CarLimits,
) -> Result<Imported, CarError> {
    let mut reader = CarReader::open(source, limits).await?;
    let roots = reader.roots().to_vec();
    if roots.is_empty() {
        return Err(CarError::NoRoot);
    }
    // Where each block was first met, and whether a root needs it. Both names of a dag-pb block are one.
    let mut given: HashMap<Cid, (u64, bool)> = HashMap::new();
    let mut duplicates = 0;
    loop {
        let at = reader.position();
        let Some((cid, bytes)) = reader.next().await? else { break };
        let name = cid::to_v1(&cid);
        if given.contains_key(&name) {
            duplicates += 1;
            continue;
        }
        blocks.put(cid, bytes).await?;
        // Identity blocks need not be in a CAR, and may be.
        if cid::inline(&cid).is_none() {
            given.insert(name, (at, false));
        }
        if given.len() > BLOCKS_MAX {
            return Err(CarError::TooMany { limit: BLOCKS_MAX });
        }
    }
    let count = given.len() as u64;
    let mut order = Order::new(roots.iter().map(|root| (*root, Want::All)), false);
    loop {
        let cid = match order.next(blocks).await {
            Ok(Some((cid, _))) => cid,
            Ok(None) => break,
            Err(BlockError::MissingBlock { cid }) => return Err(CarError::Missing { cid }),
            Err(error) => return Err(error.into()),
        };
        given.get_mut(&cid::to_v1(&cid)).ok_or(CarError::Missing { cid: Box::new(cid) })?.1 = true;
    }
    match given.into_iter().filter(|(_, (_, needed))| !needed).min_by_key(|(_, (at, _))| *at) {
        Some((cid, (at, _))) => Err(CarError::Extra { cid: Box::new(cid), at }),
        None => Ok(Imported { roots, blocks: count, duplicates, bytes: reader.position() }),
    }
}
