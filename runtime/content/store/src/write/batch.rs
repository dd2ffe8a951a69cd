//! What a fetch has put and not yet sealed, and how it becomes part of the store.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use pelago_dag::walk::validate;
use pelago_dag::{Cid, Coming, cid};
use rusqlite::params;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::index::rows::{self, Commit, fetch_id, insert_extent, insert_fetched, take_fetch};
use crate::inner::Inner;
use crate::keep::quota::{Ahead, PER_BLOCK, Reservation};
use crate::layout::extent::{ExtentWriter, Record, RootRecord, Sealed, sync_folder};
use crate::layout::fetch_lock::FetchLock;
use crate::write::import::Added;
use crate::{Store, StoreError};

/// A batch is sealed at this many bytes,
const BATCH: u64 = 32 << 20;
/// or at this many blocks.
const BATCH_BLOCKS: usize = 8192;
/// Reserved at once where the caller did not say how much will come, bytes.
const AHEAD: u64 = 64 << 20;
/// Blocks put at a time beside one a core: who seals a batch waits for the disk.
const SPARE: usize = 2;
/// What stands for a profile where content was made elsewhere.
const FETCHED: &str = "fetched";

/// A fetch, as all its handles share it.
pub(crate) struct Shared {
    store: Store,
    root: Cid,
    fetch: i64,
    began: Instant,
    state: Mutex<State>,
    /// One batch is sealed at a time: who fills the next one waits here, which bounds what is unsealed.
    sealing: Mutex<()>,
    claim: Mutex<Option<FetchLock>>,
    /// Blocks that are hashed and written at a time: more keep no core and no disk busier, and each takes a thread.
    puts: Semaphore,
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
    writes: Arc<Writes>,
}

/// Writes under way into a batch. They go beside each other, and are through before it is sealed.
#[derive(Default)]
struct Writes {
    /// Held for reading by each write, and for writing by who waits for all of them.
    under_way: RwLock<()>,
    failed: AtomicBool,
}

impl Shared {
    /// Claims a root. `None` if another fetches it.
    pub(crate) fn begin(inner: &Arc<Inner>, store: Store, root: Cid) -> Result<Option<Self>, StoreError> {
        cid::check_supported(&root)?;
        inner.disk.owner()?;
        let Some(claim) = FetchLock::take(inner.disk.fetches(), &root)? else { return Ok(None) };
        let fetch = inner.index.write(|tx| fetch_id(tx, &root))?;
        let reservation = Reservation::new(inner.clone());
        let state = State { writer: None, reservation, noted: HashSet::new(), new_bytes: 0 };
        Ok(Some(Self {
            store,
            root,
            fetch,
            began: Instant::now(),
            state: Mutex::new(state),
            sealing: Mutex::new(()),
            claim: Mutex::new(Some(claim)),
            puts: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from) + SPARE),
        }))
    }

    pub(crate) fn root(&self) -> Cid {
        self.root
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A turn to put a block. `None` if there are no turns any more, which does not happen.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.puts.acquire().await.ok()
    }

    /// Blocks that are here already: they must not go, with another root, before this fetch ends.
    pub(crate) fn note(&self, here: impl Iterator<Item = Cid>) {
        self.state().noted.extend(here.filter(|cid| cid::inline(cid).is_none()));
    }

    pub(crate) fn reserve(&self, bytes: u64) -> Result<(), StoreError> {
        let mut state = self.state();
        let wanted = bytes.saturating_sub(state.reservation.left());
        state.reservation.more(wanted)
    }

    pub(crate) fn abandon(&self, inner: &Arc<Inner>) -> Result<(), StoreError> {
        self.drop_batch(inner, |_| true);
        let unneeded = inner.index.write(|tx| {
            take_fetch(tx, self.fetch)?;
            rows::prune_rows(tx)
        })?;
        inner.removed(&unneeded);
        self.release();
        Ok(())
    }

    pub(crate) fn expect(&self, cid: &Cid, coming: Coming) {
        self.store.inner().transfers.announced.note(self.fetch, cid, coming);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was finished or abandoned, by whichever handle: then there is nothing to keep blocks for.
    fn has_ended(&self) -> bool {
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn release(&self) {
        self.store.inner().transfers.announced.forget_fetch(self.fetch);
        self.claim.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn put(&self, inner: &Arc<Inner>, cid: Cid, bytes: &Bytes) -> Result<(), StoreError> {
        cid::verify(&cid, bytes)?;
        if cid::inline(&cid).is_some() {
            return Ok(());
        }
        if self.has_ended() {
            return Err(StoreError::NoFetch { cid: Box::new(cid) });
        }
        // Looked up under the lock: of two tasks that put the same block, one writes it.
        let mut state = self.state();
        if inner.length(&cid)?.is_some() {
            state.noted.insert(cid);
            inner.transfers.announced.forget(&cid);
            return Ok(());
        }
        self.write(inner, state, cid, bytes)
    }

    /// Appends a verified block to the batch.
    fn write(
        &self,
        inner: &Arc<Inner>,
        mut state: MutexGuard<'_, State>,
        cid: Cid,
        bytes: &Bytes,
    ) -> Result<(), StoreError> {
        let length = bytes.len() as u64;
        state.reservation.need(length + PER_BLOCK, Ahead::Perhaps(AHEAD))?;
        let open = match &mut state.writer {
            Some(open) => open,
            none => none.insert(Open::create(inner)?),
        };
        let room = open.writer.set_aside(cid, length)?;
        // From here on it is found, and nobody writes it a second time.
        inner.transfers.came(&cid, bytes, &room);
        let writes = open.writes.clone();
        let under_way = writes.under_way.read().unwrap_or_else(PoisonError::into_inner);
        let is_full = open.is_full();
        state.new_bytes += length;
        drop(state);
        if let Err(error) = room.fill([bytes, &[], &[]]) {
            // The batch has a hole where this block should be.
            writes.failed.store(true, Ordering::Release);
            drop(under_way);
            self.drop_batch(inner, |open| Arc::ptr_eq(&open.writes, &writes));
            return Err(error);
        }
        inner.transfers.unindexed.written(&cid, &room.path);
        drop(under_way);
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
            if noted.is_empty() || self.has_ended() {
                return Ok(());
            }
            return inner.index.write(|tx| insert_fetched(tx, self.fetch, noted.iter()));
        };
        drop(open.writes.under_way.write().unwrap_or_else(PoisonError::into_inner));
        let placed = open.writer.blocks().to_vec();
        let path = open.writer.path().clone();
        let result = if open.writes.failed.load(Ordering::Acquire) {
            let reason = std::io::Error::other("another block of its batch could not be written");
            Err(StoreError::io("write", &path, reason))
        } else {
            self.seal_open(inner, open, &noted)
        };
        // In the index now; or lost, and then missing is what they are.
        inner.transfers.unindexed.remove(placed.iter(), &path);
        result
    }

    fn seal_open(&self, inner: &Arc<Inner>, open: Open, noted: &HashSet<Cid>) -> Result<(), StoreError> {
        let sealed = open.writer.seal(inner.disk.extents(), Record::Fetch(self.root))?;
        let committed = sync_folder(inner.disk.extents()).and_then(|()| self.commit(inner, &sealed, noted));
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

    pub(crate) fn flush(&self, inner: &Arc<Inner>) -> Result<(), StoreError> {
        self.seal(inner, |_| true)
    }

    /// Writes what other fetches of this process have put and not yet sealed, so that this one need
    /// not wait for them.
    fn adopt(&self, inner: &Arc<Inner>, under: &[Cid]) -> Result<(), StoreError> {
        for cid in under {
            if let Some(bytes) = inner.transfers.unindexed.read(&cid::to_v1(cid))? {
                self.write(inner, self.state(), *cid, &bytes)?;
            }
        }
        self.flush(inner)
    }

    pub(crate) fn finish(&self, inner: &Arc<Inner>) -> Result<Added, StoreError> {
        self.flush(inner)?;
        let found = validate(&self.root, &**inner)?;
        if !self.has_ended() {
            self.adopt(inner, &found.under)?;
        }
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
            let writer = ExtentWriter::create(inner.disk.owner()?.folder(), inner.disk.owner()?.next_name())?;
            extents.push(writer.seal(inner.disk.extents(), Record::Root(record.clone()))?);
        }
        let committed = sync_folder(inner.disk.extents()).and_then(|()| {
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

    /// Gives up the batch that is being filled, if it is such.
    fn drop_batch(&self, inner: &Inner, which: impl Fn(&Open) -> bool) {
        let dropped = self.state().writer.take_if(|open| which(open));
        if let Some(open) = dropped {
            inner.transfers.unindexed.remove(open.writer.blocks().iter(), open.writer.path());
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let inner = self.store.inner().clone();
        inner.transfers.announced.forget_fetch(self.fetch);
        self.drop_batch(&inner, |_| true);
    }
}

impl Open {
    fn create(inner: &Inner) -> Result<Self, StoreError> {
        let owner = inner.disk.owner()?;
        let writer = ExtentWriter::create(owner.folder(), owner.next_name())?;
        Ok(Self { writer, writes: Arc::default() })
    }

    fn is_full(&self) -> bool {
        self.writer.length() >= BATCH || self.writer.blocks().len() >= BATCH_BLOCKS
    }
}
