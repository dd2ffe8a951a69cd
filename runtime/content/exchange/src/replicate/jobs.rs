//! The pulls of a peer: a bounded number at once, a bounded number waiting.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use pelago_dag::Cid;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use url::Url;

use super::replica_host::ReplicaHost;

/// Failures that are remembered; the oldest is forgotten for a new one.
const FAILURES: usize = 256;

/// How a pull stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Queued,
    Pulling,
    Failed(String),
}

/// All pulls that are not yet, or not, successful. Those under way end when it is dropped.
pub(super) struct Jobs {
    host: Arc<dyn ReplicaHost>,
    table: Arc<Mutex<Table>>,
    running: Arc<Semaphore>,
    live_max: usize,
    deadline: Duration,
}

#[derive(Default)]
struct Table {
    live: HashMap<Cid, Live>,
    /// The oldest first.
    failed: Vec<(Cid, String)>,
    next: u64,
}

struct Live {
    job: Job,
    task: AbortHandle,
    /// Tells a pull from a later one of the same root.
    number: u64,
}

impl Jobs {
    pub(super) fn new(host: Arc<dyn ReplicaHost>, running: usize, queued: usize, deadline: Duration) -> Self {
        let running = running.max(1);
        Self {
            host,
            table: Arc::default(),
            running: Arc::new(Semaphore::new(running)),
            live_max: running + queued,
            deadline,
        }
    }

    /// How a root's pull stands.
    pub(super) fn get(&self, root: &Cid) -> Option<Job> {
        let table = lock(&self.table);
        let failed = || table.failed.iter().find(|(cid, _)| cid == root).map(|(_, why)| Job::Failed(why.clone()));
        table.live.get(root).map(|live| live.job.clone()).or_else(failed)
    }

    /// Roots that wait or are on their way.
    pub(super) fn live(&self) -> usize {
        lock(&self.table).live.len()
    }

    /// Begins a pull, or joins the one that is there; none where too many wait.
    pub(super) fn start(&self, root: Cid, from: Url) -> Option<Job> {
        let mut table = lock(&self.table);
        if let Some(live) = table.live.get(&root) {
            return Some(live.job.clone());
        }
        if table.live.len() >= self.live_max {
            return None;
        }
        table.failed.retain(|(cid, _)| *cid != root);
        table.next += 1;
        let number = table.next;
        let (host, shared, running) = (self.host.clone(), self.table.clone(), self.running.clone());
        let deadline = self.deadline;
        // The task takes the table's lock before it changes anything, so it finds itself in it.
        let task = tokio::spawn(async move {
            let Ok(_turn) = running.acquire_owned().await else { return };
            if let Some(live) = lock(&shared).live.get_mut(&root) {
                live.job = Job::Pulling;
            }
            let pull = AssertUnwindSafe(host.pull(root, from)).catch_unwind();
            let failed = match tokio::time::timeout(deadline, pull).await {
                Ok(Ok(Ok(()))) => None,
                Ok(Ok(Err(error))) => Some(error.to_string()),
                Ok(Err(_panic)) => Some("the pull failed by a fault of this program".to_owned()),
                Err(_) => Some(format!("it was not whole after {} s", deadline.as_secs())),
            };
            let mut table = lock(&shared);
            if table.live.get(&root).is_some_and(|live| live.number == number) {
                table.live.remove(&root);
                if let Some(why) = failed {
                    tracing::warn!(%root, why, "a replica could not be pulled");
                    if table.failed.len() >= FAILURES {
                        table.failed.remove(0);
                    }
                    table.failed.push((root, why));
                }
            }
        });
        table.live.insert(root, Live { job: Job::Queued, task: task.abort_handle(), number });
        Some(Job::Queued)
    }

    /// Ends a root's pull and forgets it.
    pub(super) fn cancel(&self, root: &Cid) {
        let mut table = lock(&self.table);
        table.failed.retain(|(cid, _)| cid != root);
        if let Some(live) = table.live.remove(root) {
            live.task.abort();
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        lock(&self.table).live.drain().for_each(|(_, live)| live.task.abort());
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
