//! A slot without a browser: openings are counted, and end when a test says so.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;

/// So long that only a fault makes a test wait for it.
const LONG: Duration = Duration::from_secs(20);

struct Log {
    begun: AtomicUsize,
    /// Openings that were dropped before they were done.
    dropped: AtomicUsize,
    closed: AtomicUsize,
    /// One opening may end for each permit.
    may_end: Semaphore,
    fails: AtomicBool,
    /// Runs when an opening is as good as done.
    at_end: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

struct Fake(Arc<Log>);

struct FakePage {
    log: Arc<Log>,
    is_alive: AtomicBool,
}

struct CountDrop<'a>(&'a AtomicUsize);

impl Drop for CountDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Opener for Fake {
    type Page = FakePage;

    async fn open(&self) -> Result<FakePage, PoolError> {
        self.0.begun.fetch_add(1, SeqCst);
        let unfinished = CountDrop(&self.0.dropped);
        self.0.may_end.acquire().await.unwrap().forget();
        std::mem::forget(unfinished);
        let at_end = self.0.at_end.lock().unwrap().take();
        if let Some(at_end) = at_end {
            at_end();
        }
        if self.0.fails.load(SeqCst) {
            return Err(PoolError::BrowserLost { product: "fake".to_owned(), reason: "it failed".to_owned() });
        }
        Ok(FakePage { log: Arc::clone(&self.0), is_alive: AtomicBool::new(true) })
    }

    fn closed(&self) -> PoolError {
        PoolError::Closed { id: "fake".into() }
    }
}

impl Openable for FakePage {
    fn is_alive(&self) -> bool {
        self.is_alive.load(SeqCst)
    }

    async fn close(&self) {
        self.is_alive.store(false, SeqCst);
        self.log.closed.fetch_add(1, SeqCst);
    }
}

type Asked = JoinHandle<Result<(Arc<FakePage>, Option<Duration>), PoolError>>;

fn slot() -> (Arc<Slot<Fake>>, Arc<Log>) {
    let log = Arc::new(Log {
        begun: AtomicUsize::new(0),
        dropped: AtomicUsize::new(0),
        closed: AtomicUsize::new(0),
        may_end: Semaphore::new(0),
        fails: AtomicBool::new(false),
        at_end: Mutex::new(None),
    });
    (Arc::new(Slot::new(Fake(Arc::clone(&log)))), log)
}

fn ask(slot: &Arc<Slot<Fake>>) -> Asked {
    let slot = Arc::clone(slot);
    tokio::spawn(async move { slot.page().await })
}

/// Lets every other task run until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    let waited = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, waited).await.expect("it does not happen");
}

/// A slot with an opening under way.
async fn opening() -> (Arc<Slot<Fake>>, Arc<Log>, Asked) {
    let (slot, log) = slot();
    let asked = ask(&slot);
    until(|| log.begun.load(SeqCst) == 1).await;
    (slot, log, asked)
}

async fn open() -> (Arc<Slot<Fake>>, Arc<Log>, Arc<FakePage>) {
    let (slot, log, asked) = opening().await;
    log.may_end.add_permits(1);
    let (page, _) = asked.await.unwrap().unwrap();
    (slot, log, page)
}

#[tokio::test]
async fn callers_share_one_opening() {
    let (slot, log, first) = opening().await;
    let second = ask(&slot);
    tokio::task::yield_now().await;
    log.may_end.add_permits(2);
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert!(Arc::ptr_eq(&first.0, &second.0));
    assert!(first.1.is_some() && first.1 == second.1, "both waited for the same opening");
    assert_eq!(slot.page().await.unwrap().1, None, "it was open already");
    assert_eq!(log.begun.load(SeqCst), 1);
}

#[tokio::test]
async fn a_peek_does_not_wait_for_an_opening() {
    let (slot, log, asked) = opening().await;
    assert!(slot.peek().is_none());
    log.may_end.add_permits(1);
    let (page, _) = asked.await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&slot.peek().unwrap(), &page));
    page.is_alive.store(false, SeqCst);
    assert!(slot.peek().is_none(), "a lost page is not open");
}

#[tokio::test]
async fn a_failure_reaches_all_that_wait_and_the_next_call_tries_again() {
    let (slot, log, first) = opening().await;
    let second = ask(&slot);
    tokio::task::yield_now().await;
    log.fails.store(true, SeqCst);
    log.may_end.add_permits(1);
    for asked in [first, second] {
        let error = asked.await.unwrap().map(|_| ()).unwrap_err();
        assert!(matches!(error, PoolError::BrowserLost { .. }), "{error:?}");
    }
    log.fails.store(false, SeqCst);
    log.may_end.add_permits(1);
    assert!(slot.page().await.unwrap().1.is_some());
    assert_eq!(log.begun.load(SeqCst), 2);
}

#[tokio::test]
async fn a_lost_page_is_closed_before_the_next_one_opens() {
    let (slot, log, page) = open().await;
    page.is_alive.store(false, SeqCst);
    log.may_end.add_permits(1);
    let (next, took) = slot.page().await.unwrap();
    assert!(!Arc::ptr_eq(&page, &next) && took.is_some());
    assert_eq!((log.begun.load(SeqCst), log.closed.load(SeqCst)), (2, 1));
}

#[tokio::test]
async fn closing_ends_an_opening() {
    let (slot, log, first) = opening().await;
    let second = ask(&slot);
    tokio::task::yield_now().await;
    tokio::time::timeout(LONG, slot.close()).await.expect("closing does not wait for the opening");
    assert_eq!(log.dropped.load(SeqCst), 1, "what was begun has ended when the slot is closed");
    for asked in [first, second] {
        let error = asked.await.unwrap().map(|_| ()).unwrap_err();
        assert!(matches!(error, PoolError::Closed { .. }), "{error:?}");
    }
    log.may_end.add_permits(1);
    slot.page().await.unwrap();
    assert_eq!(log.begun.load(SeqCst), 2, "a closed slot opens again");
}

#[tokio::test]
async fn a_page_that_is_open_when_the_slot_closes_is_closed() {
    let (slot, log, page) = open().await;
    slot.close().await;
    assert!(slot.peek().is_none() && !page.is_alive());
    slot.close().await;
    assert_eq!(log.closed.load(SeqCst), 1);
}

#[tokio::test]
async fn a_page_that_opens_in_the_moment_of_closing_is_closed() {
    let (slot, log, asked) = opening().await;
    let closed = Arc::clone(&slot);
    *log.at_end.lock().unwrap() = Some(Box::new(move || {
        assert!(closed.close().now_or_never().is_none(), "it waits for the end of the opening");
    }));
    log.may_end.add_permits(1);
    let error = asked.await.unwrap().map(|_| ()).unwrap_err();
    assert!(matches!(error, PoolError::Closed { .. }), "{error:?}");
    assert!(slot.peek().is_none());
    assert_eq!(log.closed.load(SeqCst), 1);
}

#[tokio::test]
async fn an_opening_outlives_the_caller_that_began_it_but_not_the_last_one() {
    let (slot, log, first) = opening().await;
    let second = ask(&slot);
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.map(|_| ()).unwrap_err().is_cancelled());
    assert_eq!(log.dropped.load(SeqCst), 0);
    second.abort();
    assert!(second.await.map(|_| ()).unwrap_err().is_cancelled());
    assert_eq!(log.dropped.load(SeqCst), 1);
    log.may_end.add_permits(1);
    slot.page().await.unwrap();
    assert_eq!(log.begun.load(SeqCst), 2);
}
