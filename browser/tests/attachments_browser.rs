//! Tensors beside messages between the real server and the real page in real browsers.
//!
//! `cargo test -p pelago-browser --test attachments_browser -- --ignored --nocapture how_fast`
//! prints how fast they are.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failure here is a failed test; figures are printed")]

#[allow(dead_code, reason = "the tests of the driver use the rest")]
#[path = "driver/common.rs"]
mod common;
mod server_support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pelago_browser::assets::PageBundle;
use pelago_browser::driver::{Product, Target};
use pelago_browser::link::{Answer, Message, RequestOptions};
use pelago_browser::pool::{Page, Pool, PoolError, PoolOptions};
use pelago_protocol::{ATTACHMENT_BYTES, DType, Tensor};
use serde_json::Value;

use crate::common::{reaper, search, turn};
use crate::server_support::{LONG, MemoryContent};

/// Not a test: what a reaper runs. See `common::reaper`.
#[test]
#[ignore = "the reaper process of the other tests"]
fn reaper_process() {
    let args = std::env::args_os().skip_while(|arg| arg != "--").skip(1);
    std::process::exit(pelago_browser::reaper::run(args));
}

const LIMIT: usize = ATTACHMENT_BYTES as usize;
const PRODUCTS: [Product; 3] = [Product::Chromium, Product::HeadlessShell, Product::Firefox];

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

async fn page(pool: &Pool, product: Product) -> Arc<Page> {
    let is_it = |target: &Target| matches!(target, Target::Installed(found) if found.product == product);
    let found = pool.candidates().iter().find(|candidate| is_it(&candidate.target));
    let id = &found.unwrap_or_else(|| panic!("{product} with its driver is needed by this test")).id;
    pool.page(id).await.unwrap().page
}

/// Bytes that differ from place to place.
fn tensor(name: &str, length: usize) -> Tensor {
    let bytes = (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>();
    Tensor::new(name, DType::UInt8, vec![length], bytes.into()).unwrap()
}

async fn echo(page: &Page, tensors: Vec<Tensor>) -> Result<Answer, PoolError> {
    let options = RequestOptions::within(LONG);
    page.request(Message { kind: "echo".into(), tensors, ..Message::default() }, options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_back_as_they_went() {
    let _turn = turn().await;
    let profiles = tempfile::tempdir().unwrap();
    let pool = pool(profiles.path()).await;
    for product in PRODUCTS {
        let page = page(&pool, product).await;
        for lengths in
            [&[LIMIT - 1][..], &[LIMIT], &[LIMIT + 1], &[16 << 20], &[LIMIT, 3, 0, 2 * LIMIT + 1, LIMIT - 1, 5 << 20]]
        {
            let tensors: Vec<Tensor> =
                lengths.iter().enumerate().map(|(index, length)| tensor(&index.to_string(), *length)).collect();
            let answer = echo(&page, tensors.clone()).await.unwrap();
            assert_eq!((answer.data, answer.tensors), (Value::Null, tensors), "{product}: {lengths:?}");
        }
        let many = futures::future::join_all((0..20).map(async |index| {
            let tensors = vec![tensor(&index.to_string(), LIMIT + index)];
            assert_eq!(echo(&page, tensors.clone()).await.unwrap().tensors, tensors, "{product}: one of many");
        }));
        many.await;
    }
    pool.close().await;
}

/// Bytes of which it can be said whether they are held.
struct Watched {
    bytes: Vec<u8>,
    /// Dropped with the bytes.
    _held: std::sync::mpsc::Sender<()>,
}

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn watched(length: usize) -> (Tensor, std::sync::mpsc::Receiver<()>) {
    let (_held, is_held) = std::sync::mpsc::channel();
    let bytes = Bytes::from_owner(Watched { bytes: vec![7; length], _held });
    (Tensor::new("x", DType::UInt8, vec![length], bytes).unwrap(), is_held)
}

/// Waits until the bytes are let go of.
async fn gone(is_held: std::sync::mpsc::Receiver<()>, why: &str) {
    let gone = tokio::task::spawn_blocking(move || is_held.recv_timeout(Duration::from_secs(10)));
    let gone = gone.await.unwrap().unwrap_err();
    assert_eq!(gone, std::sync::mpsc::RecvTimeoutError::Disconnected, "{why}: the bytes are still held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_is_cancelled_at_any_time_is_let_go_of() {
    let _turn = turn().await;
    let profiles = tempfile::tempdir().unwrap();
    let pool = pool(profiles.path()).await;
    for product in PRODUCTS {
        let page = page(&pool, product).await;
        let whole = Instant::now();
        echo(&page, vec![tensor("x", 64 << 20)]).await.unwrap();
        let whole = whole.elapsed();
        for tenth in 0..10 {
            let (large, is_held) = watched(64 << 20);
            _ = tokio::time::timeout(whole * tenth / 10, echo(&page, vec![large])).await;
            gone(is_held, &format!("{product}, {tenth}/10")).await;
        }
        let tensors = vec![tensor("x", LIMIT)];
        assert_eq!(echo(&page, tensors.clone()).await.unwrap().tensors, tensors, "{product}");
    }
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_dies_in_the_middle_is_lost_and_lets_go() {
    let _turn = turn().await;
    let profiles = tempfile::tempdir().unwrap();
    let pool = pool(profiles.path()).await;
    for product in PRODUCTS {
        for tenth in [2, 7] {
            let page = page(&pool, product).await;
            // The first one takes longer than those after it.
            echo(&page, vec![tensor("x", 64 << 20)]).await.unwrap();
            let whole = Instant::now();
            echo(&page, vec![tensor("x", 64 << 20)]).await.unwrap();
            let whole = whole.elapsed();
            let pid = page.browser_pid().await.unwrap();
            let (large, is_held) = watched(64 << 20);
            let asked = tokio::spawn({
                let page = Arc::clone(&page);
                async move { echo(&page, vec![large]).await }
            });
            tokio::time::sleep(whole * tenth / 10).await;
            let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
            assert!(killed.success());
            let mut answer = asked.await.unwrap();
            // Where it came before the kill, the pool learns of the loss with the next request.
            let start = Instant::now();
            while answer.is_ok() {
                assert!(start.elapsed() < LONG, "{product}: it was killed and answers on");
                answer = echo(&page, vec![tensor("x", 1)]).await;
            }
            let error = answer.unwrap_err();
            assert!(matches!(error, PoolError::BrowserLost { .. }), "{product}: {error:?}");
            gone(is_held, &format!("{product}, {tenth}/10")).await;
        }
    }
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures; run it by name on a quiet machine"]
async fn how_fast_it_is() {
    let profiles = tempfile::tempdir().unwrap();
    let pool = pool(profiles.path()).await;
    for product in PRODUCTS {
        let page = page(&pool, product).await;
        for (bytes, runs) in
            [(0, 1000), (4 << 10, 1000), (LIMIT - 1, 200), (LIMIT, 200), (1 << 20, 100), (16 << 20, 30)]
        {
            let tensor = tensor("x", bytes);
            let mut times = Vec::new();
            for run in 0..runs + runs / 10 {
                let start = Instant::now();
                echo(&page, vec![tensor.clone()]).await.unwrap();
                if run >= runs / 10 {
                    times.push(start.elapsed());
                }
            }
            times.sort();
            let p50 = times[runs / 2];
            println!(
                "{product}: {bytes} bytes: min {:?} p50 {p50:?} p99 {:?}; {:.0} MB/s (payload once, p50)",
                times[0],
                times[runs * 99 / 100],
                bytes as f64 / p50.as_secs_f64() / 1e6
            );
        }
    }
    pool.close().await;
}
