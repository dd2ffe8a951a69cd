//! Who holds replicas for others.

use futures::future::BoxFuture;
use pelago_dag::Cid;
use url::Url;

/// What a host says went wrong.
pub type HostError = Box<dyn std::error::Error + Send + Sync>;

/// Who holds replicas: the store, and the fetch that fills it.
pub trait ReplicaHost: Send + Sync + 'static {
    /// Fetches all blocks of a root from a gateway, verified, and keeps the root. Dropped, it stops.
    fn pull(&self, root: Cid, from: Url) -> BoxFuture<'static, Result<(), HostError>>;

    /// Whether the root is whole here, and kept for others.
    fn holds(&self, root: Cid) -> BoxFuture<'static, Result<bool, HostError>>;

    /// Keeps the root no longer for others, so that it may be evicted.
    fn release(&self, root: Cid) -> BoxFuture<'static, Result<(), HostError>>;

    /// Bytes that are left for replicas.
    fn free(&self) -> BoxFuture<'static, Result<u64, HostError>>;
}
