//! The store as the rest of the session sees it: async, cheap to clone, for
//! several tasks at once. The work itself runs on the blocking pool.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use pelago_dag::Cid;
use rusqlite::{Connection, Transaction};

use crate::StoreError;
use crate::index::Index;
use crate::index::rebuild::rebuild;
use crate::index::rows::{column_cid, root_id, take_root};
use crate::inner::Inner;
use crate::keep::holds;
use crate::layout::disk::{Disk, Stamp};
use crate::options::StoreOptions;
use crate::read::blocks::Verified;
use crate::read::cache::Cache;
use crate::read::folders::Entry;
use crate::read::tier_counter::TierBytes;
use crate::write::transfers::Transfers;

/// Verified bytes of a file, block by block.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// A root that the store keeps.
#[derive(Clone, Debug)]
pub struct Root {
    /// Its CID.
    pub cid: Cid,
    /// The profile's name, or `fetched`.
    pub profile: String,
    /// Bytes of content.
    pub size: u64,
    /// Files.
    pub files: u64,
    /// When it was added, RFC 3339.
    pub added_at: String,
}

/// A handle on the store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.inner.disk.dir()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a folder, made if need be, and sweeps what dead processes left. A folder
    /// that cannot be written is opened for reading. If the index is gone, it is built anew from
    /// the extents. Blocks the thread, briefly.
    ///
    /// # Errors
    ///
    /// `Io`, `NoSpace` or `ReadOnly` where the folder cannot be made; `Index`; `Format` where it was
    /// written by a later version.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::open_with(dir, StoreOptions::default())
    }

    /// The same, with options.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_with(dir: impl Into<PathBuf>, options: StoreOptions) -> Result<Self, StoreError> {
        let disk = Disk::open(dir.into())?;
        let index = Index::open(disk.index(), disk.is_read_only(), |tx| rebuild(tx, disk.extents(), disk.pins()))?;
        if !disk.is_read_only() {
            let swept = disk.sweep(|name| index.has_extent(name))?;
            if swept > 0 {
                tracing::info!(swept, "removed what a dead process left unfinished");
            }
        }
        let cache = Cache::new(options.memory);
        let inner = Inner { disk, index, cache, transfers: Transfers::default(), quota: options.quota };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The store's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.inner.disk.dir()
    }

    /// Changes whenever the index does, by whichever process; a look at two
    /// files' times, so that callers may ask before they use what they remember.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.inner.disk.stamp()
    }

    /// What a path under a CID is.
    ///
    /// # Errors
    ///
    /// `NoEntry`, `MissingBlock`, `Corrupt`, `Node`, `Unsupported`, `Io`, `Index`.
    pub async fn stat(&self, root: Cid, path: &str) -> Result<Entry, StoreError> {
        let path = path.to_owned();
        self.blocking(move |inner| inner.stat(root, &path)).await
    }

    /// All files and symbolic links under a folder's CID, by path.
    ///
    /// # Errors
    ///
    /// As `stat`, `NotFolder`, and `Limit` where there are too many, or too deep.
    pub async fn list(&self, root: Cid) -> Result<Vec<Entry>, StoreError> {
        self.blocking(move |inner| inner.list(root)).await
    }

    /// Reads a whole file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// As `read`; `Range` where the file is larger than the limit.
    pub async fn read_all(&self, root: Cid, path: &str, limit: u64) -> Result<Bytes, StoreError> {
        let size = self.stat(root, path).await?.size;
        let address = format!("{root}/{path}");
        if size > limit {
            return Err(StoreError::Range { path: address, start: 0, end: size, size: limit });
        }
        let mut stream = self.read(&address, 0..size).await?;
        let mut all = bytes::BytesMut::with_capacity(size as usize);
        while let Some(piece) = stream.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.freeze())
    }

    /// The roots that are kept.
    ///
    /// # Errors
    ///
    /// `Index`.
    pub async fn roots(&self) -> Result<Vec<Root>, StoreError> {
        self.blocking(|inner| inner.roots()).await
    }

    /// Removes a root, and whatever nothing else uses.
    ///
    /// # Errors
    ///
    /// `UnknownRoot`; `InUse` for one that is pinned, or leased by a living process; `ReadOnly`, `Index`.
    pub async fn remove(&self, root: Cid) -> Result<(), StoreError> {
        self.blocking(move |inner| {
            let unneeded = inner.index.try_write(|tx| {
                let id = inner.index.sql(root_id(tx, &root))?;
                let id = id.ok_or(StoreError::UnknownRoot { cid: Box::new(root) })?;
                match inner.index.sql(holds::holder(&inner.disk, tx, id))? {
                    Some(by) => Err(StoreError::InUse { cid: Box::new(root), by }),
                    None => inner.index.sql(take_root(tx, id)),
                }
            })?;
            inner.removed(&unneeded);
            Ok(())
        })
        .await
    }

    /// Every block under a root, each once, in CIDs of version 1.
    ///
    /// # Errors
    ///
    /// `UnknownRoot`, `Index`.
    pub async fn blocks(&self, root: Cid) -> Result<Vec<Cid>, StoreError> {
        self.blocking(move |inner| inner.blocks_of(&root)).await
    }

    /// Bytes that this process has handed out since it opened the store, by tier.
    #[must_use]
    pub fn tier_totals(&self) -> TierBytes {
        self.inner.cache.tiers.bytes()
    }

    /// Reads and hashes every block under a root again.
    ///
    /// # Errors
    ///
    /// `UnknownRoot`; `Corrupt` or `MissingBlock` for the first bad block; `Node` for a DAG that is not well-formed.
    pub async fn verify(&self, root: Cid) -> Result<Verified, StoreError> {
        self.blocking(move |inner| inner.verify(&root)).await
    }

    /// Runs work on the blocking pool.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Inner>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.inner.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(result) => result,
            Err(source) => Err(StoreError::Worker { source }),
        }
    }

    /// Runs small work whose failure changes nothing for the caller, and does not wait for it.
    pub(crate) fn in_background(&self, work: impl FnOnce(&Inner) -> Result<(), StoreError> + Send + 'static) {
        let inner = self.inner.clone();
        let work = move || {
            if let Err(error) = work(&inner) {
                tracing::debug!(%error, "a note in the index was not made");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
    }

    /// Makes tables beside the store's own, for an area that keeps records of content. They are in the store's database
    /// because such a record and the content that it is of must come and go together.
    ///
    /// Of the store's own tables nothing may be named but the view `content`, which has a row for each root that is kept
    /// whole: `cid` (its bytes), `profile`, `size` (bytes) and `files` (how many). Blocks the thread, briefly.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `Index`.
    pub fn make_tables(&self, schema: &str) -> Result<(), StoreError> {
        self.inner.index.write(|tx| tx.execute_batch(schema))
    }

    /// Reads the tables that [`Store::make_tables`] made, and the view `content`.
    ///
    /// # Errors
    ///
    /// `Index`.
    pub async fn read_tables<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.blocking(move |inner| inner.index.read(work)).await
    }

    /// Changes the tables that [`Store::make_tables`] made, all or nothing.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `NoSpace`, `Index`.
    pub async fn write_tables<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.blocking(move |inner| inner.index.write(work)).await
    }
}

impl Inner {
    /// Refuses what an index of an earlier format, which cannot be written, does not tell.
    pub(crate) fn check_current(&self) -> Result<(), StoreError> {
        self.index.check_current(self.disk.dir())
    }

    /// Which of these blocks are here.
    pub(crate) fn has(&self, cids: &[Cid]) -> Result<Vec<bool>, StoreError> {
        cids.iter().map(|cid| Ok(pelago_dag::cid::check_hash(cid).is_ok() && self.length(cid)?.is_some())).collect()
    }

    /// After a transaction took blocks away: deletes the extents that it left empty.
    pub(crate) fn removed(&self, extents: &[String]) {
        self.cache.memory.forget_blocks();
        extents.iter().for_each(|name| self.remove_extent(name));
    }

    /// Deletes an extent that the index does not name any more. Who reads it still may finish.
    pub(crate) fn remove_extent(&self, name: &str) {
        self.cache.memory.forget_extent(name);
        self.disk.remove_extent(name);
    }

    pub(crate) fn blocks_of(&self, root: &Cid) -> Result<Vec<Cid>, StoreError> {
        self.index.blocks_of(root)?.ok_or(StoreError::UnknownRoot { cid: Box::new(*root) })
    }

    fn roots(&self) -> Result<Vec<Root>, StoreError> {
        self.index.read(|c| {
            let mut statement = c.prepare("SELECT cid, profile, size, files, added_at FROM roots ORDER BY id")?;
            let rows = statement.query_map([], |r| {
                Ok(Root {
                    cid: column_cid(r, 0)?,
                    profile: r.get(1)?,
                    size: r.get::<_, i64>(2)? as u64,
                    files: r.get::<_, i64>(3)? as u64,
                    added_at: r.get(4)?,
                })
            })?;
            rows.collect()
        })
    }
}
