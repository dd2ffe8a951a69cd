//! A store that holds replicas for others, and blocks that count who asks.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use futures::future::BoxFuture;
use pelago_dag::{BlockError, Blocks, Cid, cid};
use pelago_store::{Store, StoreError};
use rusqlite::params;
use url::Url;

use super::ledger::now_ms;
use super::{DemandOptions, HostError, Ledger, ReplicaHost};
use crate::retrieve::{self, Bandwidth, HttpOptions, HttpProvider, Options, Reach, Request, Source};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS replica_held (root BLOB PRIMARY KEY) WITHOUT ROWID;";

/// Holds replicas in a store. What it holds is kept by a table of its own, so that a user's pins are the
/// user's: a root that is let go stays if something else keeps it, and else may be evicted.
#[derive(Clone, Debug)]
pub struct StoreHost {
    store: Store,
    bandwidth: Bandwidth,
}

impl StoreHost {
    /// A host over a store, which pulls no faster than this. Blocks the thread, briefly.
    ///
    /// # Errors
    ///
    /// `ReadOnly`, `Index`.
    pub fn open(store: Store, bandwidth: Bandwidth) -> Result<Self, StoreError> {
        store.make_tables(SCHEMA)?;
        store.keep_named("replica_held", "root")?;
        Ok(Self { store, bandwidth })
    }

    /// Whether all blocks of a root are here.
    async fn has(&self, root: Cid) -> Result<bool, StoreError> {
        match self.store.stat_dag(root).await {
            Ok(_) => Ok(true),
            Err(StoreError::UnknownRoot { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn pulled(&self, root: Cid, from: &Url) -> Result<(), HostError> {
        // The name comes first, so that nothing is evicted between the two.
        let sql = "INSERT OR IGNORE INTO replica_held (root) VALUES (?)";
        self.store.write_tables(move |tx| tx.execute(sql, params![root.to_bytes()])).await?;
        match self.store.verify(root).await {
            Ok(_) => return Ok(()),
            Err(StoreError::UnknownRoot { .. }) => {}
            // It was held before and is damaged: it comes anew, as a whole.
            Err(StoreError::Corrupt { .. } | StoreError::MissingBlock { .. }) => self.store.remove(root).await?,
            Err(error) => return Err(error.into()),
        }
        let ingest = self.store.ingest(root).await?;
        // Who may be pulled from was checked where the request came in.
        let source = HttpProvider::peer(from.as_str(), Reach::Named, &HttpOptions::default())?;
        let options = Options { bandwidth: self.bandwidth.clone(), ..Options::default() };
        let blocks = Arc::new(ingest.clone());
        retrieve::fetch(Request::all(root), blocks, vec![Source::new(Arc::new(source))], options).await?;
        ingest.finish().await?;
        Ok(())
    }

    async fn let_go(&self, root: Cid) -> Result<(), StoreError> {
        let sql = "DELETE FROM replica_held WHERE root = ?";
        self.store.write_tables(move |tx| tx.execute(sql, params![root.to_bytes()])).await.map(drop)
    }
}

impl ReplicaHost for StoreHost {
    fn pull(&self, root: Cid, from: Url) -> BoxFuture<'static, Result<(), HostError>> {
        let host = self.clone();
        Box::pin(async move {
            let pulled = host.pulled(root, &from).await;
            if pulled.is_err() {
                host.let_go(root).await?;
            }
            pulled
        })
    }

    fn holds(&self, root: Cid) -> BoxFuture<'static, Result<bool, HostError>> {
        let host = self.clone();
        Box::pin(async move {
            let sql = "SELECT count(*) FROM replica_held WHERE root = ?";
            let find = move |c: &rusqlite::Connection| c.query_row(sql, params![root.to_bytes()], |row| row.get(0));
            let named: i64 = host.store.read_tables(find).await?;
            Ok(named > 0 && host.has(root).await?)
        })
    }

    fn release(&self, root: Cid) -> BoxFuture<'static, Result<(), HostError>> {
        let host = self.clone();
        Box::pin(async move { Ok(host.let_go(root).await?) })
    }

    fn free(&self) -> BoxFuture<'static, Result<u64, HostError>> {
        let store = self.store.clone();
        Box::pin(async move { Ok(store.room().await?) })
    }
}

/// A store's blocks, which notes in the ledger who is asked for. Every fetch of a model begins with the
/// block of its root, so that block counts as a request for the model.
pub struct CountedBlocks {
    store: Store,
    ledger: Ledger,
    options: DemandOptions,
    /// The roots that are counted: those of orders that follow demand.
    roots: RwLock<HashSet<Cid>>,
}

impl CountedBlocks {
    /// The blocks of a store. Nothing is counted before the first [`CountedBlocks::reload`].
    #[must_use]
    pub fn new(store: Store, ledger: Ledger, options: DemandOptions) -> Self {
        Self { store, ledger, options, roots: RwLock::default() }
    }

    /// Looks which orders there are now.
    ///
    /// # Errors
    ///
    /// `Index`.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let standing = self.ledger.standing().await?;
        let roots = standing.into_iter().filter(|(_, s)| s.on_demand).map(|(_, s)| cid::to_v1(&s.order.root));
        *self.roots.write().unwrap_or_else(PoisonError::into_inner) = roots.collect();
        Ok(())
    }
}

impl Blocks for CountedBlocks {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, BlockError>> {
        self.store.has(cids)
    }

    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, BlockError>> {
        self.store.length(cid)
    }

    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, BlockError>> {
        Box::pin(async move {
            let root = cid::to_v1(cid);
            let counts = self.roots.read().unwrap_or_else(PoisonError::into_inner).contains(&root);
            if counts && let Err(error) = self.ledger.requested(*cid, now_ms(), self.options.half_life).await {
                // The answer matters more than the count.
                tracing::warn!(%error, root = %cid, "a request was not counted");
            }
            self.store.get(cid).await
        })
    }

    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), BlockError>> {
        self.store.put(cid, bytes)
    }
}
