//! A fetch of a root, as the store sees it: blocks come in any order, from
//! whomever, and are kept as soon as they are verified.
//!
//! Blocks are appended to a file in this process's folder, where they can be
//! read at once. Every [`BATCH`] bytes the file is sealed as an extent, and one
//! transaction puts its blocks into the index as those of this fetch. So a kill
//! costs at most the last batch, and the next fetch of the root, by whichever
//! process, finds the others. The root itself shows when `finish` has gone
//! through the whole DAG.
//!
//! What is asked of whom, and how fast, is not known here.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use rusqlite::params;

use crate::claim::Claim;
use crate::extent::{ExtentWriter, Record, RootRecord, Sealed, sync_folder};
use crate::quota::{Ahead, PER_BLOCK, Reservation};
use crate::rows::{Commit, fetch_id, insert_extent, insert_fetched, take_fetch};
use crate::store::{Added, Inner};
use crate::survey::survey;
use crate::{Blocks, Cid, Store, StoreError, cids, rows};

/// A batch is sealed at this many bytes,
const BATCH: u64 = 32 << 20;
/// or at this many blocks.
const BATCH_BLOCKS: usize = 8192;
/// Reserved at once where the caller did not say how much will come, bytes.
const AHEAD: u64 = 64 << 20;
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

struct Shared {
    store: Store,
    root: Cid,
    fetch: i64,
    began: Instant,
    state: Mutex<State>,
    /// One batch is sealed at a time: who fills the next one waits here, which bounds what is unsealed.
    sealing: Mutex<()>,
    claim: Mutex<Option<Claim>>,
}

struct State {
    writer: Option<Open>,
    reservation: Reservation,
    /// Blocks that were here before, to be kept for this fetch from the next batch on.
    noted: HashSet<Cid>,
    new_bytes: u64,
}

/// The batch that is being filled.
struct Open {
    writer: ExtentWriter,
    path: Arc<PathBuf>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("root", &self.shared.root).finish_non_exhaustive()
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
    cids::check_supported(&root)?;
    inner.owner()?;
    let Some(claim) = Claim::take(&inner.fetches, &root)? else { return Ok(None) };
    let fetch = inner.index.write(|tx| fetch_id(tx, &root))?;
    let reservation = Reservation::new(inner.clone());
    let state = State { writer: None, reservation, noted: HashSet::new(), new_bytes: 0 };
    let shared = Shared {
        store,
        root,
        fetch,
        began: Instant::now(),
        state: Mutex::new(state),
        sealing: Mutex::new(()),
        claim: Mutex::new(Some(claim)),
    };
    Ok(Some(Ingest { shared: Arc::new(shared) }))
}

impl Ingest {
    /// The root.
    #[must_use]
    pub fn root(&self) -> Cid {
        self.shared.root
    }

    /// Reserves room for bytes that are still to come, evicting others where the store has a quota.
    /// Without it room is made as blocks come.
    ///
    /// # Errors
    ///
    /// `Quota`, `NoSpace`, `Index`.
    pub async fn reserve(&self, bytes: u64) -> Result<(), StoreError> {
        self.work(move |shared, _| {
            let mut state = shared.state();
            let wanted = bytes.saturating_sub(state.reservation.left());
            state.reservation.more(wanted)
        })
        .await
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
        self.work(|shared, inner| {
            shared.drop_batch(inner);
            let unneeded = inner.index.write(|tx| {
                take_fetch(tx, shared.fetch)?;
                rows::prune_rows(tx)
            })?;
            inner.removed(&unneeded);
            shared.release();
            Ok(())
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Arc<Inner>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        self.shared.store.blocking(move |inner| work(&shared, inner)).await
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self) {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn put(&self, inner: &Arc<Inner>, cid: Cid, bytes: &Bytes) -> Result<(), StoreError> {
        cids::verify(&cid, bytes)?;
        if cids::inline(&cid).is_some() {
            return Ok(());
        }
        let mut state = self.state();
        // Looked up under the lock: of two that put the same block, one writes it.
        if inner.pending.length(&cids::to_v1(&cid)).is_some() {
            return Ok(());
        }
        if inner.index.locate(&cid)?.is_some() {
            state.noted.insert(cid);
            return Ok(());
        }
        let length = bytes.len() as u64;
        state.reservation.need(length + PER_BLOCK, Ahead::Perhaps(AHEAD))?;
        let open = match &mut state.writer {
            Some(open) => open,
            none => none.insert(Open::create(inner)?),
        };
        if let Err(error) = open.append(inner, cid, bytes) {
            // The file ends in a part of a block; where it ended before nobody may rely on.
            drop(state);
            self.drop_batch(inner);
            return Err(error);
        }
        let is_full = open.is_full();
        state.new_bytes += length;
        drop(state);
        if is_full { self.seal(inner, Open::is_full) } else { Ok(()) }
    }

    /// Seals the batch if it is still such when it is this one's turn.
    fn seal(&self, inner: &Arc<Inner>, still: impl Fn(&Open) -> bool) -> Result<(), StoreError> {
        let _turn = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, noted) = {
            let mut state = self.state();
            (state.writer.take_if(|open| still(open)), std::mem::take(&mut state.noted))
        };
        let Some(open) = open else {
            let kept = inner.index.write(|tx| insert_fetched(tx, self.fetch, noted.iter()));
            return if noted.is_empty() { Ok(()) } else { kept };
        };
        let placed = open.writer.blocks().to_vec();
        let path = open.path.clone();
        let result = self.seal_open(inner, open, &noted);
        // In the index now; or lost, and then missing is what they are.
        inner.pending.remove(placed.iter(), &path);
        result
    }

    fn seal_open(&self, inner: &Arc<Inner>, open: Open, noted: &HashSet<Cid>) -> Result<(), StoreError> {
        let sealed = open.writer.seal(&inner.extents, Record::Fetch(self.root))?;
        let committed = sync_folder(&inner.extents).and_then(|()| self.commit(inner, &sealed, noted));
        match committed {
            Ok(unneeded) => {
                inner.removed(&unneeded);
                Ok(())
            }
            Err(error) => {
                inner.remove_extent(&sealed.name);
                Err(error)
            }
        }
    }

    fn commit(&self, inner: &Inner, sealed: &Sealed, noted: &HashSet<Cid>) -> Result<Vec<String>, StoreError> {
        let reservation = self.state().reservation.id();
        let used: u64 = sealed.blocks.iter().map(|b| b.length + PER_BLOCK).sum();
        let cost = self.began.elapsed().as_millis() as i64;
        inner.index.write(|tx| {
            insert_extent(tx, &sealed.name, sealed.size, &sealed.blocks)?;
            insert_fetched(tx, self.fetch, sealed.blocks.iter().map(|b| &b.cid).chain(noted))?;
            tx.execute("UPDATE fetches SET cost_ms = max(cost_ms, ?) WHERE id = ?", params![cost, self.fetch])?;
            if let Some(id) = reservation {
                let less = "UPDATE reservations SET bytes = max(0, bytes - ?) WHERE id = ?";
                tx.execute(less, params![used as i64, id])?;
            }
            rows::prune_rows(tx)
        })
    }

    fn flush(&self, inner: &Arc<Inner>) -> Result<(), StoreError> {
        self.seal(inner, |_| true)
    }

    fn finish(&self, inner: &Arc<Inner>) -> Result<Added, StoreError> {
        self.flush(inner)?;
        let found = survey(&self.root, &**inner)?;
        let new_bytes = self.state().new_bytes;
        let record = RootRecord {
            cid: self.root.to_string(),
            profile: FETCHED.to_owned(),
            size: found.size,
            files: found.files,
            added_at: chrono::Utc::now().to_rfc3339(),
            cost_ms: self.began.elapsed().as_millis() as u64,
            evictable: true,
        };
        let mut extents = Vec::new();
        if inner.index.root_id(&self.root)?.is_none() {
            // An extent of no block: from it a scan knows the root.
            let writer = ExtentWriter::create(inner.owner()?.folder(), inner.owner()?.next_name())?;
            extents.push(writer.seal(&inner.extents, Record::Root(record.clone()))?);
        }
        let committed = sync_folder(&inner.extents).and_then(|()| {
            inner.index.commit(&Commit {
                extents: &extents,
                record: &record,
                root: &self.root,
                under: &found.under,
                fetch: Some(self.fetch),
                reservation: self.state().reservation.id(),
            })
        });
        match committed {
            Ok(unneeded) => inner.removed(&unneeded),
            Err(error) => {
                extents.iter().for_each(|extent| inner.remove_extent(&extent.name));
                return Err(error);
            }
        }
        self.release();
        Ok(Added {
            root: self.root,
            size: found.size,
            files: found.files,
            new_bytes,
            profile: None,
            hidden: Vec::new(),
        })
    }

    fn drop_batch(&self, inner: &Inner) {
        if let Some(open) = self.state().writer.take() {
            inner.pending.remove(open.writer.blocks().iter(), &open.path);
        }
    }
}

/// What stands for a profile where content was made elsewhere.
pub(crate) const FETCHED: &str = "fetched";

impl Drop for Shared {
    fn drop(&mut self) {
        let inner = self.store.inner().clone();
        self.drop_batch(&inner);
    }
}

impl Open {
    fn create(inner: &Inner) -> Result<Self, StoreError> {
        let owner = inner.owner()?;
        let writer = ExtentWriter::create(owner.folder(), owner.next_name())?;
        let path = Arc::new(writer.path().to_owned());
        Ok(Self { writer, path })
    }

    fn append(&mut self, inner: &Inner, cid: Cid, bytes: &Bytes) -> Result<(), StoreError> {
        let placed = self.writer.append(cid, [bytes, &[], &[]])?.clone();
        self.writer.flush()?;
        inner.pending.add(&placed, self.writer.file(), &self.path);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.writer.length() >= BATCH || self.writer.blocks().len() >= BATCH_BLOCKS
    }
}

impl Blocks for Ingest {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, StoreError>> {
        let asked = cids.to_vec();
        Box::pin(self.work(move |shared, inner| {
            let found = inner.has(&asked)?;
            // What is here by another root must not go before this fetch ends.
            let here = asked.iter().zip(&found).filter(|(cid, here)| **here && cids::inline(cid).is_none());
            shared.state().noted.extend(here.map(|(cid, _)| *cid));
            Ok(found)
        }))
    }

    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        self.shared.store.length(cid)
    }

    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        self.shared.store.get(cid)
    }

    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.work(move |shared, inner| shared.put(inner, cid, &bytes)))
    }
}

impl Blocks for Store {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, StoreError>> {
        let cids = cids.to_vec();
        Box::pin(self.blocking(move |inner| inner.has(&cids)))
    }

    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, StoreError>> {
        let cid = *cid;
        Box::pin(self.blocking(move |inner| inner.length(&cid)))
    }

    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        let cid = *cid;
        Box::pin(self.blocking(move |inner| inner.block(&cid)))
    }

    /// Blocks come in by [`Store::ingest`], which knows the root that they belong to.
    ///
    /// # Errors
    ///
    /// `WrongBlock`, `Unsupported`; `NoFetch` for a block that is not here already.
    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.blocking(move |inner| {
            cids::verify(&cid, &bytes)?;
            match inner.length(&cid)? {
                Some(_) => Ok(()),
                None => Err(StoreError::NoFetch { cid: Box::new(cid) }),
            }
        }))
    }
}
