//! A model that is read while it still comes: whoever wants a block that is not
//! here yet waits for it.
//!
//! Every block is verified before it can be read, so a reader that is ahead of
//! the fetch sees nothing but verified bytes, later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::select_all;
use pelago_content::Cid;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinHandle;

use super::{Network, NetworkError};
use pelago_content::retrieve::Fetched;
use pelago_protocol::Observer;

/// How far a fetch is.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// The time that the rest will take, once that can be told.
    rest: Option<Duration>,
}

/// The roots that come just now.
#[derive(Clone, Debug, Default)]
pub struct Arrivals(Arc<Mutex<HashMap<Cid, Vec<watch::Receiver<Pace>>>>>);

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, HashMap<Cid, Vec<watch::Receiver<Pace>>>> {
        // An entry is put in whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for more blocks of a root; false where none will come.
    pub async fn wait_for_more(&self, root: &Cid) -> bool {
        // Two requests may wait for the same root: whichever of their fetches is at work moves.
        let Some(mut paces) = self.lock().get(root).cloned() else { return false };
        // The entry goes before the sender does: who finds it closed looks once more, and then finds none.
        let _ = select_all(paces.iter_mut().map(|pace| Box::pin(pace.changed()))).await;
        true
    }
}

/// A fetch that runs by itself. Dropped, it stops; what was verified stays.
#[derive(Debug)]
pub struct Arrival {
    /// The root that comes.
    pub root: Cid,
    began: Instant,
    arrivals: Arrivals,
    pace: watch::Receiver<Pace>,
    task: AsyncMutex<Option<JoinHandle<Ended>>>,
    abort: tokio::task::AbortHandle,
}

#[derive(Debug)]
struct Ended {
    fetched: Result<Option<Fetched>, NetworkError>,
    at: Instant,
}

/// A fetch that ended well.
#[derive(Debug)]
pub struct Arrived {
    /// How it came; `None` where another had fetched it meanwhile.
    pub fetched: Option<Fetched>,
    /// From its beginning to its last block.
    pub took: Duration,
}

impl Network {
    /// Begins to fetch a root.
    pub(crate) fn begin(&self, root: Cid, label: &str, observer: Option<&Observer>) -> Arrival {
        let (tell, pace) = watch::channel(Pace::default());
        self.arrivals.lock().entry(root).or_default().push(pace.clone());
        let (network, label, observer) = (self.clone(), label.to_owned(), observer.cloned());
        let entry = Entry { root, arrivals: self.arrivals.clone(), pace: pace.clone(), _tell: tell.clone() };
        let task = tokio::spawn(async move {
            let rest = move |rest| tell.send_modify(|pace| pace.rest = rest);
            let fetched = network.ensure_telling(root, &label, observer.as_ref(), Some(Arc::new(rest))).await;
            drop(entry);
            Ended { fetched, at: Instant::now() }
        });
        let abort = task.abort_handle();
        let arrivals = self.arrivals.clone();
        Arrival { root, began: Instant::now(), arrivals, pace, task: AsyncMutex::new(Some(task)), abort }
    }
}

impl Network {
    /// A fetch that ended well before anybody waited for it.
    pub(crate) fn ended(&self, root: Cid, fetched: Option<Fetched>, began: Instant) -> Arrival {
        let (_, pace) = watch::channel(Pace::default());
        let task = tokio::spawn(std::future::ready(Ended { fetched: Ok(fetched), at: Instant::now() }));
        let abort = task.abort_handle();
        Arrival { root, began, arrivals: self.arrivals.clone(), pace, task: AsyncMutex::new(Some(task)), abort }
    }
}

/// Takes the root from those that come, however its fetch ends, and then tells who waits.
struct Entry {
    root: Cid,
    arrivals: Arrivals,
    pace: watch::Receiver<Pace>,
    _tell: watch::Sender<Pace>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut all = self.arrivals.lock();
        if let Some(paces) = all.get_mut(&self.root) {
            paces.retain(|pace| !pace.same_channel(&self.pace));
            if paces.is_empty() {
                all.remove(&self.root);
            }
        }
    }
}

impl Arrival {
    /// Waits for more blocks; false where none will come.
    pub async fn wait_for_more(&self) -> bool {
        self.arrivals.wait_for_more(&self.root).await
    }

    /// Waits until the rest will take no longer than this, as far as can be told, or until it is here.
    pub async fn wait_nearly(&self, rest: Duration) {
        let near = |pace: &Pace| pace.rest.is_some_and(|left| left <= rest);
        // Closed: it ended.
        let _ = self.pace.clone().wait_for(near).await;
    }

    /// Why it ended without the whole; `None` where it did not end so, or not yet.
    pub async fn failure(&self) -> Option<NetworkError> {
        if !self.abort.is_finished() {
            return None;
        }
        self.wait_complete().await.err()
    }

    /// Waits for all of it. The second time there is nothing to tell any more.
    ///
    /// # Errors
    /// As [`Network::get`].
    pub async fn wait_complete(&self) -> Result<Option<Arrived>, NetworkError> {
        let Some(task) = self.task.lock().await.take() else { return Ok(None) };
        match task.await {
            Ok(Ended { fetched, at }) => {
                Ok(Some(Arrived { fetched: fetched?, took: at.saturating_duration_since(self.began) }))
            }
            Err(source) => Err(NetworkError::Task { source }),
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
