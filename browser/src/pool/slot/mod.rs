//! One browser of the pool: closed, being opened or open. Callers that want it at
//! the same time share one opening, and nobody else waits for it. What is opened
//! and how is the opener's business: no browser is known here.
//!
//! Callers drive the opening. It ends when the last of them goes away or when the
//! slot is closed, so nothing is opened that nobody waits for.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio_util::sync::CancellationToken;

use super::PoolError;

/// Opens one browser, again and again.
pub(super) trait Opener: Send + Sync + 'static {
    /// What comes of it.
    type Page: Openable;

    /// Opens it. Dropping the future ends what was begun.
    fn open(&self) -> impl Future<Output = Result<Self::Page, PoolError>> + Send;

    /// The error of an opening that the pool ended.
    fn closed(&self) -> PoolError;
}

/// What an [`Opener`] opens.
pub(super) trait Openable: Send + Sync + 'static {
    /// Whether it can still be used.
    fn is_alive(&self) -> bool;

    /// Closes it.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A page, and how long opening it took.
type Outcome<P> = Result<(Arc<P>, Duration), PoolError>;
type Opening<P> = BoxFuture<'static, Outcome<P>>;

/// Nobody holds the lock of a state while waiting.
enum State<P> {
    Closed,
    /// `cancel` is cancelled before another state replaces this one, unless the
    /// opening was dropped.
    Opening {
        opening: WeakShared<Opening<P>>,
        cancel: CancellationToken,
    },
    Open(Arc<P>),
}

/// See the module.
pub(super) struct Slot<O: Opener>(Arc<Inner<O>>);

struct Inner<O: Opener> {
    opener: O,
    state: Mutex<State<O::Page>>,
}

impl<O: Opener> Slot<O> {
    pub(super) fn new(opener: O) -> Self {
        Self(Arc::new(Inner { opener, state: Mutex::new(State::Closed) }))
    }

    /// The page, if it is open now. Never waits for an opening.
    pub(super) fn peek(&self) -> Option<Arc<O::Page>> {
        match &*self.0.state() {
            State::Open(page) if page.is_alive() => Some(Arc::clone(page)),
            _ => None,
        }
    }

    /// The open page, the one that is being opened, or a new one; and how long
    /// opening it took, where it was not open.
    ///
    /// # Errors
    /// The opener's error, which every caller that waited has; that of
    /// [`Opener::closed`] where the slot was closed meanwhile.
    pub(super) async fn page(&self) -> Result<(Arc<O::Page>, Option<Duration>), PoolError> {
        let opening = match self.0.open_or_opening() {
            Ok(page) => return Ok((page, None)),
            Err(opening) => opening,
        };
        opening.await.map(|(page, took)| (page, Some(took)))
    }

    /// Closes the page, or ends the opening of it. A later call of
    /// [`Slot::page`] opens a new one.
    pub(super) async fn close(&self) {
        let state = std::mem::replace(&mut *self.0.state(), State::Closed);
        match state {
            State::Closed => {}
            State::Open(page) => page.close().await,
            State::Opening { opening, cancel } => {
                cancel.cancel();
                // A page that was opened in this very moment is closed by then.
                if let Some(opening) = opening.upgrade() {
                    let _ = opening.await;
                }
            }
        }
    }
}

impl<O: Opener> Inner<O> {
    fn state(&self) -> MutexGuard<'_, State<O::Page>> {
        // A state is replaced in one step, so a panic elsewhere leaves a valid one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open page, or else the opening to wait for.
    fn open_or_opening(self: &Arc<Self>) -> Result<Arc<O::Page>, Shared<Opening<O::Page>>> {
        let mut state = self.state();
        let lost = match &*state {
            State::Open(page) if page.is_alive() => return Ok(Arc::clone(page)),
            State::Open(lost) => Some(Arc::clone(lost)),
            State::Opening { opening, .. } => match opening.upgrade() {
                Some(opening) => return Err(opening),
                None => None,
            },
            State::Closed => None,
        };
        let cancel = CancellationToken::new();
        let opening = Arc::clone(self).open(lost, cancel.clone()).boxed().shared();
        *state = match opening.downgrade() {
            Some(opening) => State::Opening { opening, cancel },
            None => State::Closed,
        };
        Err(opening)
    }

    async fn open(self: Arc<Self>, lost: Option<Arc<O::Page>>, cancel: CancellationToken) -> Outcome<O::Page> {
        // What a lost browser left may be in the way of a new one.
        if let Some(lost) = lost {
            lost.close().await;
        }
        let start = Instant::now();
        let opened = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(self.opener.closed()),
            opened = self.opener.open() => opened,
        };
        let took = start.elapsed();
        let opened = opened.map(Arc::new);
        if self.keep(opened.as_ref().ok(), &cancel) {
            return opened.map(|page| (page, took));
        }
        if let Ok(page) = opened {
            page.close().await;
        }
        Err(self.opener.closed())
    }

    /// Makes what came of an opening the state, unless the slot was closed.
    fn keep(&self, opened: Option<&Arc<O::Page>>, cancel: &CancellationToken) -> bool {
        let mut state = self.state();
        if cancel.is_cancelled() {
            return false;
        }
        *state = opened.map_or(State::Closed, |page| State::Open(Arc::clone(page)));
        true
    }
}

impl<O: Opener> std::fmt::Debug for Slot<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match &*self.0.state() {
            State::Closed => "closed",
            State::Opening { .. } => "opening",
            State::Open(_) => "open",
        };
        f.debug_tuple("Slot").field(&state).finish()
    }
}

#[cfg(test)]
mod tests;
