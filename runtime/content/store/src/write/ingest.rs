//! A fetch of a root, as the store sees it: blocks come in any order, from
//! whomever, and are kept as soon as they are verified.
//!
//! Blocks are appended to a file in this process's folder, where they can be
//! read at once. Every 32 MiB the file is sealed as an extent, and one
//! transaction puts its blocks into the index as those of this fetch. So a kill
//! costs at most the last batch, and the next fetch of the root, by whichever
//! process, finds the others. The root itself shows when `finish` has gone
//! through the whole DAG.
//!
//! What is asked of whom, and how fast, is not known here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryFutureExt as _;
use futures::future::BoxFuture;
use pelago_dag::{BlockError, Blocks, Cid, Coming, cid};

use crate::inner::Inner;
use crate::write::batch::Shared;
use crate::write::import::Added;
use crate::{Store, StoreError};

/// How long [`Store::ingest`] waits for a claim: gc holds one for a moment.
const MOMENT: Duration = Duration::from_secs(2);
/// Between two looks at a claim that another holds.
const POLL: Duration = Duration::from_millis(100);

/// A fetch of one root, of which there is one at a time in all processes. Cheap to clone; for
/// several tasks at once. Dropped without `finish` or `abandon`, its sealed blocks stay for the
/// next fetch of the root, until a gc.
#[derive(Clone)]
pub struct Ingest {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("root", &self.shared.root()).finish_non_exhaustive()
    }
}

impl Store {
    /// Begins, or resumes, the fetch of a root.
    ///
    /// # Errors
    ///
    /// `Busy` if it is being fetched already; `Unsupported`, `ReadOnly`, `NoSpace`, `Io`, `Index`.
    pub async fn ingest(&self, root: Cid) -> Result<Ingest, StoreError> {
        self.ingest_within(root, MOMENT).await
    }

    /// The same, waiting at most this long for another who fetches the root. What it has fetched
    /// is here then: the whole root, or, if it gave up or died, the blocks that it verified.
    ///
    /// # Errors
    ///
    /// As [`Store::ingest`].
    pub async fn ingest_within(&self, root: Cid, wait: Duration) -> Result<Ingest, StoreError> {
        let deadline = Instant::now() + wait;
        loop {
            let store = self.clone();
            let begun = self.blocking(move |inner| begin(inner, store, root)).await?;
            if let Some(ingest) = begun {
                return Ok(ingest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Busy { cid: Box::new(root) });
            }
            tokio::time::sleep(POLL.min(left)).await;
        }
    }
}

fn begin(inner: &Arc<Inner>, store: Store, root: Cid) -> Result<Option<Ingest>, StoreError> {
    Ok(Shared::begin(inner, store, root)?.map(|shared| Ingest { shared: Arc::new(shared) }))
}

impl Ingest {
    /// The root.
    #[must_use]
    pub fn root(&self) -> Cid {
        self.shared.root()
    }

    /// Reserves room for bytes that are still to come, evicting others where the store has a quota.
    /// Without it room is made as blocks come.
    ///
    /// # Errors
    ///
    /// `Quota`, `NoSpace`, `Index`.
    pub async fn reserve(&self, bytes: u64) -> Result<(), StoreError> {
        self.work(move |shared, _| shared.reserve(bytes)).await
    }

    /// Seals what was put so far: it outlives a kill then.
    ///
    /// # Errors
    ///
    /// `NoSpace`, `Io`, `Index`; the blocks of this batch are to be put again.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.work(Shared::flush).await
    }

    /// Goes through the whole DAG, and makes the root visible. May be called again after a
    /// `MissingBlock`, when that block was put.
    ///
    /// # Errors
    ///
    /// `MissingBlock` for the first block that is not here; `Node` or `Limit` for a DAG that is
    /// refused; `NoSpace`, `Io`, `Index`.
    pub async fn finish(&self) -> Result<Added, StoreError> {
        self.work(Shared::finish).await
    }

    /// Ends the fetch; what it fetched goes, but for what others use.
    ///
    /// # Errors
    ///
    /// `Index`.
    pub async fn abandon(self) -> Result<(), StoreError> {
        self.work(Shared::abandon).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Arc<Inner>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        self.shared.store().blocking(move |inner| work(&shared, inner)).await
    }
}

impl Blocks for Ingest {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, BlockError>> {
        let asked = cids.to_vec();
        let work = self.work(move |shared, inner| {
            let found = inner.has(&asked)?;
            shared.note(asked.iter().zip(&found).filter(|(_, here)| **here).map(|(cid, _)| *cid));
            Ok(found)
        });
        Box::pin(work.map_err(BlockError::from))
    }

    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, BlockError>> {
        self.shared.store().length(cid)
    }

    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, BlockError>> {
        self.shared.store().get(cid)
    }

    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), BlockError>> {
        Box::pin(async move {
            let _turn = self.shared.turn().await;
            Ok(self.work(move |shared, inner| shared.put(inner, cid, &bytes)).await?)
        })
    }

    fn expect(&self, cid: &Cid, coming: Coming) {
        self.shared.expect(cid, coming);
    }

    fn coming(&self, cid: &Cid) -> Option<Coming> {
        self.shared.store().coming(cid)
    }
}

impl Blocks for Store {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, BlockError>> {
        let cids = cids.to_vec();
        Box::pin(self.blocking(move |inner| inner.has(&cids)).map_err(BlockError::from))
    }

    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, BlockError>> {
        let cid = *cid;
        Box::pin(self.blocking(move |inner| inner.length(&cid)).map_err(BlockError::from))
    }

    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, BlockError>> {
        let cid = *cid;
        Box::pin(self.blocking(move |inner| inner.block(&cid)).map_err(BlockError::from))
    }

    /// Blocks come in by [`Store::ingest`], which knows the root that they belong to.
    ///
    /// # Errors
    ///
    /// `WrongBlock`, `Unsupported`; `NoFetch` for a block that is not here already.
    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), BlockError>> {
        let work = self.blocking(move |inner| {
            cid::verify(&cid, &bytes)?;
            match inner.length(&cid)? {
                Some(_) => Ok(()),
                None => Err(StoreError::NoFetch { cid: Box::new(cid) }),
            }
        });
        Box::pin(work.map_err(BlockError::from))
    }

    fn coming(&self, cid: &Cid) -> Option<Coming> {
        self.inner().transfers.announced.coming(cid)
    }
}
