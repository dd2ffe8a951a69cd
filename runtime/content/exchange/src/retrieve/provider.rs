//! One trait for whoever has blocks: what the scheduler knows of a source.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use pelago_dag::Cid;
use tokio::time::Instant;

use super::{Bandwidth, Kind, ProviderError};

/// How much under a path is wanted (`dag-scope` of the trustless gateway specification).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The one block.
    Block,
    /// A file whole; of a folder, what it takes to list it.
    Entity,
    /// All that is linked.
    #[default]
    All,
}

impl Scope {
    /// Its word in a request: `block`, `entity`, `all`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Entity => "entity",
            Self::All => "all",
        }
    }
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The root.
    pub root: Cid,
    /// A path from the root, without slashes at its ends; empty for the root itself.
    pub path: String,
    /// How much of it.
    pub scope: Scope,
    /// Of a file, only these bytes (`entity-bytes`); the scope is then `Entity`.
    pub bytes: Option<Range<u64>>,
}

impl Request {
    /// All under a root.
    #[must_use]
    pub fn all(root: Cid) -> Self {
        Self { root, path: String::new(), scope: Scope::All, bytes: None }
    }

    /// One file or folder, with all under it.
    #[must_use]
    pub fn at(root: Cid, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::all(root) }
    }
}

/// Blocks as a CAR brings them.
pub type BlockStream = BoxStream<'static, Result<(Cid, Bytes), ProviderError>>;

/// Who has blocks. What it gives is not trusted: whoever asks verifies it.
pub trait Provider: Send + Sync + 'static {
    /// Its name in reports and errors: its address, without secrets.
    fn name(&self) -> &str;

    /// What it is.
    fn kind(&self) -> Kind;

    /// Asks for one block. Dropping the future ends the transfer.
    ///
    /// # Errors
    ///
    /// `Lacks` where the source answers that it does not have it; `Busy` where it asks to wait; else as it failed.
    fn fetch_block<'a>(&'a self, cid: &'a Cid, meter: &'a Meter) -> BoxFuture<'a, Result<Bytes, ProviderError>>;

    /// Asks for many blocks at once. `None` where the source cannot.
    fn fetch_car<'a>(
        &'a self,
        request: &'a Request,
        meter: &'a std::sync::Arc<Meter>,
    ) -> Option<BoxFuture<'a, Result<BlockStream, ProviderError>>> {
        let _ = (request, meter);
        None
    }

    /// Asks whether it has a block, without fetching it.
    ///
    /// # Errors
    ///
    /// As `fetch_block`, without `Lacks`.
    fn has<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<bool, ProviderError>>;
}

/// Measures one transfer while it runs, and holds it to the user's limit.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    /// Microseconds from `started` to the first byte of the answer; 0 until then.
    answered: AtomicU64,
    received: AtomicU64,
    bandwidth: Bandwidth,
}

impl Meter {
    /// A transfer that begins now.
    #[must_use]
    pub fn new(bandwidth: Bandwidth) -> Self {
        Self { started: Instant::now(), answered: AtomicU64::new(0), received: AtomicU64::new(0), bandwidth }
    }

    /// Notes that the answer has begun.
    pub fn answered(&self) {
        let micros = (self.started.elapsed().as_micros() as u64).max(1);
        let _ = self.answered.compare_exchange(0, micros, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Notes bytes that came, and waits while they are over the limit. Gives the time waited.
    pub async fn arrived(&self, bytes: usize) -> Duration {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.bandwidth.take(bytes).await
    }

    /// Bytes so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// From the question to the first byte of the answer.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        let micros = self.answered.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// Since the question.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(Bandwidth::default())
    }
}
