//! The pool with real browsers and the real page: openings that are shared, ended
//! and looked at, and the memory of a browser.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failure here is a failed test")]

#[allow(dead_code, reason = "the tests of the driver use the rest")]
#[path = "driver/common.rs"]
mod common;
mod server_support;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pelago_browser::assets::PageBundle;
use pelago_browser::driver::{Product, Target};
use pelago_browser::pool::{Page, Pool, PoolError, PoolOptions};
use serde_json::json;

use crate::common::{gone, reaper, search, tree};
use crate::server_support::MemoryContent;

/// Not a test: what a reaper runs. See `common::reaper`.
#[test]
#[ignore = "the reaper process of the other tests"]
fn reaper_process() {
    let args = std::env::args_os().skip_while(|arg| arg != "--").skip(1);
    std::process::exit(pelago_browser::reaper::run(args));
}

async fn pool(profiles: &Path) -> Pool {
    let options = PoolOptions {
        search: search(),
        remotes: Vec::new(),
        profiles: profiles.to_owned(),
        reaper: reaper(),
        headless: true,
        port: Some(0),
        open_deadline: Duration::from_secs(90),
    };
    Pool::start(options, Arc::new(PageBundle::open().unwrap()), Arc::new(MemoryContent)).await.unwrap()
}

/// The id of an installed browser.
fn id(pool: &Pool, product: Product) -> String {
    let is_it = |target: &Target| matches!(target, Target::Installed(found) if found.product == product);
    let found = pool.candidates().iter().find(|candidate| is_it(&candidate.target));
    found.unwrap_or_else(|| panic!("{product} with its driver is needed by this test")).id.to_string()
}

/// What this process started, itself left out.
fn below() -> HashSet<u32> {
    let own = std::process::id();
    tree(own).into_iter().filter(|pid| *pid != own).collect()
}

/// One after another: they look at what this process started.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn two_callers_have_one_browser_and_a_peek_waits_for_neither() {
    let _turn = TURN.lock().await;
    let profiles = tempfile::tempdir().unwrap();
    let pool = Arc::new(pool(profiles.path()).await);
    let id = id(&pool, Product::HeadlessShell);
    let ask = || {
        tokio::spawn({
            let (pool, id) = (Arc::clone(&pool), id.clone());
            async move { pool.page(&id).await }
        })
    };
    let (first, second) = (ask(), ask());
    while below().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(pool.open_page(&id).await.is_none(), "it is still being opened");
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert!(Arc::ptr_eq(&first.page, &second.page));
    assert!(first.took.is_some() && first.took == second.took);
    assert_eq!(
        std::fs::read_dir(profiles.path().join(&id)).unwrap().flatten().filter(|entry| entry.path().is_dir()).count(),
        1
    );
    let all = below();
    assert!(pool.open_page(&id).await.is_some());
    pool.close().await;
    assert!(pool.open_page(&id).await.is_none());
    gone(&all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_during_an_opening_ends_it_and_leaves_nothing() {
    let _turn = TURN.lock().await;
    let profiles = tempfile::tempdir().unwrap();
    let pool = Arc::new(pool(profiles.path()).await);
    for product in [Product::Chromium, Product::Firefox] {
        // Early, while the driver starts, and late, while the browser does.
        for processes in [1, 6] {
            let id = id(&pool, product);
            let opening = tokio::spawn({
                let (pool, id) = (Arc::clone(&pool), id.clone());
                async move { pool.page(&id).await }
            });
            while below().len() < processes && !opening.is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let all = below();
            pool.close().await;
            let error = opening.await.unwrap().map(|_| ()).unwrap_err();
            assert!(
                matches!(&error, PoolError::Closed { id: closed } if closed.as_str() == id),
                "{product}: {error:?}"
            );
            gone(&all).await;
            gone(&below()).await;
        }
    }
    let id = id(&pool, Product::Chromium);
    assert!(pool.page(&id).await.unwrap().took.is_some(), "a closed pool opens again");
    pool.close().await;
}

/// The memory of a browser that has done what it does after opening a page.
async fn settled(page: &Page) -> u64 {
    const SMALL: u64 = 4 << 20;
    let mut last = 0;
    for _ in 0..100 {
        let now = page.browser_memory().await.expect("a browser of this machine can be measured");
        if now.abs_diff(last) < SMALL {
            return now;
        }
        last = now;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("the memory of {} does not settle", page.product());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_of_a_browser_grows_by_what_its_page_holds() {
    const HELD: u64 = 200 << 20;
    let _turn = TURN.lock().await;
    let profiles = tempfile::tempdir().unwrap();
    let pool = pool(profiles.path()).await;
    for product in [Product::Chromium, Product::HeadlessShell, Product::Firefox] {
        let page = pool.page(&id(&pool, product)).await.unwrap().page;
        // The first script of a session has a cost of its own.
        page.webdriver_script("arguments[0]()", vec![]).await.unwrap();
        let before = settled(&page).await;
        assert!(before > 20 << 20, "{product}: {before} bytes for a browser");
        let script = "window.held = new Uint8Array(arguments[0]).fill(7); arguments[1](held.length);";
        assert_eq!(page.webdriver_script(script, vec![json!(HELD)]).await.unwrap(), json!(HELD));
        let after = settled(&page).await;
        println!("{product}: {} MiB, then {} MiB", before >> 20, after >> 20);
        let grown = after.saturating_sub(before);
        assert!((HELD * 9 / 10..HELD * 5 / 4).contains(&grown), "{product}: grown by {grown} bytes for {HELD}");
        page.close().await;
        assert_eq!(page.browser_memory().await, None, "{product}: it is closed");
    }
    pool.close().await;
}
