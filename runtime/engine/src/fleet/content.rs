//! The store as the page's server sees it. It counts the bytes that each root gave.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use pelago_browser::server::{Content, ContentError as Refused, ContentInfo, ContentStream};
use pelago_content::{Cid, Kind, Store, StoreError, TierCounter, parse_address};
use pelago_models::network::Arrivals;
use pelago_models::prepare::Served;

/// Serves the store's content to pages, and what is still on its way as it comes.
#[derive(Debug)]
pub(crate) struct StoreContent {
    store: Store,
    served: Served,
    arrivals: Arrivals,
}

impl StoreContent {
    pub(crate) fn new(store: Store, served: Served, arrivals: Arrivals) -> Self {
        Self { store, served, arrivals }
    }

    /// Does a reading again as long as it lacks a block of a root that comes.
    async fn waiting<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        root: &Cid,
        read: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        loop {
            match read().await {
                Err(error @ StoreError::MissingBlock { .. }) => {
                    if !self.arrivals.wait_for_more(root).await {
                        // The last block may have come between the two looks.
                        return read().await.map_err(|_| error);
                    }
                }
                other => return other,
            }
        }
    }
}

/// A file on its way to a page.
struct Reading {
    store: Store,
    arrivals: Arrivals,
    root: Cid,
    path: String,
    left: Range<u64>,
    counter: TierCounter,
    open: Option<BoxStream<'static, Result<Bytes, StoreError>>>,
    /// Whether all has come that will.
    ended: bool,
}

impl Reading {
    /// The next bytes. Where a block is not here yet, it is waited for, and the reading goes on from there.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        while !self.left.is_empty() {
            let piece = match &mut self.open {
                Some(open) => open.next().await,
                None => {
                    let counter = self.counter.clone();
                    match self.store.read_counted(&self.path, self.left.clone(), counter).await {
                        Ok(open) => {
                            self.open = Some(open.boxed());
                            continue;
                        }
                        Err(error) => Some(Err(error)),
                    }
                }
            };
            match piece {
                Some(Ok(piece)) => {
                    self.left.start += piece.len() as u64;
                    return Ok(Some((piece, self)));
                }
                Some(Err(StoreError::MissingBlock { .. })) if !self.ended => {
                    self.ended = !self.arrivals.wait_for_more(&self.root).await;
                    self.open = None;
                }
                Some(Err(error)) => return Err(error),
                None => break,
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Content for StoreContent {
    async fn stat(&self, path: &str) -> Result<ContentInfo, Refused> {
        let (root, below) = parse_address(path).map_err(|error| refused(path, error))?;
        let entry = self.waiting(&root, || self.store.stat(root, &below)).await;
        let entry = entry.map_err(|error| refused(path, error))?;
        if entry.kind == Kind::Folder {
            return Err(Refused::NotAFile { path: path.to_owned() });
        }
        Ok(ContentInfo { size: entry.size, cid: entry.cid.to_string(), mime: mime(path).to_owned() })
    }

    async fn read(&self, path: &str, range: Range<u64>) -> Result<ContentStream, Refused> {
        let (root, _) = parse_address(path).map_err(|error| refused(path, error))?;
        let counter = self.served.of(path.split('/').next().unwrap_or(path));
        // What cannot be read at all is told before the answer begins.
        let open = self.waiting(&root, || self.store.read_counted(path, range.clone(), counter.clone())).await;
        let reading = Reading {
            store: self.store.clone(),
            arrivals: self.arrivals.clone(),
            root,
            path: path.to_owned(),
            left: range,
            counter,
            open: Some(open.map_err(|error| refused(path, error))?.boxed()),
            ended: false,
        };
        let path = path.to_owned();
        Ok(stream::try_unfold(reading, Reading::next).map_err(move |error| refused(&path, error)).boxed())
    }
}

/// Types that pages and onnxruntime care about; all else is bytes. A table of all types would be wrong here: content is
/// anyone's, and what is served as a page or a script has this origin's rights.
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
