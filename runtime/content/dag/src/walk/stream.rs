//! A walk over blocks, as a stream that reads a few of them ahead.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::ready;
use futures::stream::{Stream, StreamExt, try_unfold};

use super::order::{Order, Want, total};
use super::path::resolve;
use super::{EntityBytes, Span};
use crate::unixfs::{self, Node};
use crate::{BlockError, Blocks, Cid, cid};

/// Blocks that are read ahead of the one given out: a few, so that hashing and sending overlap.
const AHEAD: usize = 3;

/// How much below a path's end is wanted (`dag-scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The block at the path's end.
    Block,
    /// The blocks that make up a file, cut to a range of bytes if one is given, or that list a folder.
    Entity(Option<EntityBytes>),
    /// All that is linked from there.
    All,
}

/// What a walk gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WalkOptions {
    /// How much below the path's end.
    pub scope: Scope,
    /// Whether a block is given each time that it is met (`dups=y`), or once.
    pub dups: bool,
}

/// A walk whose path was followed. The blocks on the path come first, then those of the scope,
/// depth first, parents before children, links in their order.
pub struct Walk {
    blocks: Arc<dyn Blocks>,
    order: Order,
    roots: Vec<Cid>,
    outside: bool,
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("order", &self.order).field("roots", &self.roots).finish_non_exhaustive()
    }
}

impl Walk {
    /// Follows a path (names with slashes between them) and sees that its end is here.
    ///
    /// # Errors
    ///
    /// `NoEntry` where the path leads nowhere; `MissingBlock`, `Corrupt`, `Node`, `Unsupported`, `Io`,
    /// `Index` for a block on it.
    pub async fn open(
        blocks: Arc<dyn Blocks>,
        root: Cid,
        path: &str,
        options: WalkOptions,
    ) -> Result<Self, BlockError> {
        cid::check_hash(&root)?;
        let found = resolve(&*blocks, root, path).await?;
        let end = found.end;
        cid::check_hash(&end)?;
        let missing = || BlockError::MissingBlock { cid: Box::new(end) };
        let length = blocks.length(&end).await?.ok_or_else(missing)?;
        let (want, outside) = match options.scope {
            Scope::Block => (Want::One, false),
            Scope::All => (Want::All, false),
            Scope::Entity(None) => (Want::Entity(None), false),
            Scope::Entity(Some(wanted)) => {
                let size = if end.codec() == cid::RAW { Some(length) } else { file_size(&*blocks, &end).await? };
                let outside = size.is_some_and(|size| wanted.within(size) == Span::Outside);
                (Want::Entity(Some(wanted)), outside)
            }
        };
        let way = found.way.iter().map(|cid| (*cid, Want::One));
        let order = Order::new(way.chain(std::iter::once((end, want))), options.dups);
        Ok(Self { blocks, order, roots: found.roots, outside })
    }

    /// What each name of the path leads to: the root first, the path's end last.
    #[must_use]
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// Whether a range of bytes was asked for, and the file has none of them.
    #[must_use]
    pub fn outside(&self) -> bool {
        self.outside
    }

    /// The blocks. Holds a few of them at a time, and 40 bytes for each that was met where
    /// repeats are not wanted. Nothing follows an error.
    pub fn stream(self) -> impl Stream<Item = Result<(Cid, Bytes), BlockError>> + Send + 'static {
        let blocks = self.blocks.clone();
        let named = try_unfold((self.order, self.blocks), async |(mut order, blocks)| {
            let next = order.next(&*blocks).await?;
            Ok(next.map(|next| (next, (order, blocks))))
        });
        // Not `try_buffered`: there, an error would overtake the blocks before it.
        let read = named.map(move |next| {
            let blocks = blocks.clone();
            async move {
                let (cid, bytes) = next?;
                let bytes = match bytes {
                    Some(bytes) => bytes,
                    None => blocks.get(&cid).await?,
                };
                Ok((cid, bytes))
            }
        });
        let ended = |failed: &mut bool, block: Result<(Cid, Bytes), BlockError>| {
            let was = std::mem::replace(failed, block.is_err());
            ready((!was).then_some(block))
        };
        read.buffered(AHEAD).scan(false, ended)
    }
}

/// The size of a file; `None` if it is not one.
async fn file_size(blocks: &dyn Blocks, cid: &Cid) -> Result<Option<u64>, BlockError> {
    match unixfs::decode(cid, blocks.get(cid).await?) {
        Ok(Node::Leaf(bytes)) => Ok(Some(bytes.len() as u64)),
        Ok(Node::File(parts)) => Ok(Some(total(&parts))),
        Ok(Node::Folder(_) | Node::Shard(_) | Node::Symlink(_)) | Err(BlockError::Node { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
