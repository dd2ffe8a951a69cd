//! The store as the page's server sees it, with a count of the bytes that each
//! root gave.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use pelago_browser::server::{Content, ContentError as Refused, ContentInfo, ContentStream};
use pelago_protocol::TierBytes;

use crate::content::{Kind, Store, StoreError, TierCounter, parse_address};

/// Bytes that each root gave to pages, since this process began.
#[derive(Clone, Debug, Default)]
pub(super) struct Served(Arc<RwLock<HashMap<String, TierCounter>>>);

impl Served {
    /// The counter of one root.
    pub(super) fn of(&self, root: &str) -> TierCounter {
        let read = self.0.read().unwrap_or_else(PoisonError::into_inner).get(root).cloned();
        read.unwrap_or_else(|| {
            self.0.write().unwrap_or_else(PoisonError::into_inner).entry(root.to_owned()).or_default().clone()
        })
    }
}

/// The counters of the roots that one model is made of.
#[derive(Clone, Debug)]
pub(super) struct Counters(pub(super) Vec<TierCounter>);

impl Counters {
    /// Bytes so far, from memory and from the disk.
    pub(super) fn total(&self) -> TierBytes {
        let mut total = TierBytes::default();
        for counted in self.0.iter().map(TierCounter::bytes) {
            total.memory += counted.memory;
            total.disk += counted.disk;
        }
        total
    }

    /// Bytes since an earlier total.
    pub(super) fn since(&self, before: &TierBytes) -> TierBytes {
        let now = self.total();
        TierBytes {
            memory: now.memory.saturating_sub(before.memory),
            disk: now.disk.saturating_sub(before.disk),
            ..TierBytes::default()
        }
    }
}

/// Serves the store's content to pages.
#[derive(Debug)]
pub(super) struct StoreContent {
    store: Store,
    served: Served,
}

impl StoreContent {
    pub(super) fn new(store: Store, served: Served) -> Self {
        Self { store, served }
    }
}

#[async_trait]
impl Content for StoreContent {
    async fn stat(&self, path: &str) -> Result<ContentInfo, Refused> {
        let (root, below) = parse_address(path).map_err(|error| refused(path, error))?;
        let entry = self.store.stat(root, &below).await.map_err(|error| refused(path, error))?;
        if entry.kind == Kind::Folder {
            return Err(Refused::NotAFile { path: path.to_owned() });
        }
        Ok(ContentInfo { size: entry.size, cid: entry.cid.to_string(), mime: mime(path).to_owned() })
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<ContentStream, Refused> {
        let counter = self.served.of(path.split('/').next().unwrap_or(path));
        let bytes = self.store.read_counted(path, range, counter).await.map_err(|error| refused(path, error))?;
        let path = path.to_owned();
        Ok(bytes.map_err(move |error| refused(&path, error)).boxed())
    }
}

/// Types that pages and onnxruntime care about; all else is bytes.
fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

fn refused(path: &str, error: StoreError) -> Refused {
    let path = path.to_owned();
    match error {
        StoreError::NoEntry { .. } | StoreError::MissingBlock { .. } => Refused::NotFound { path },
        StoreError::Address { .. } => Refused::InvalidPath { path, reason: error.to_string() },
        StoreError::IsFolder { .. } => Refused::NotAFile { path },
        StoreError::Corrupt { cid, .. } => Refused::Unverified { path, cid: cid.to_string() },
        other => Refused::Unavailable { path, source: Box::new(other) },
    }
}
