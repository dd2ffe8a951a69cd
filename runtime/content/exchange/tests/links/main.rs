//! Several hosts behind links of different rate, latency and loss: three
//! gateways, and one who fetches from them. What is asserted is who gave how
//! much, never how long it took.
//!
//! ```text
//! cargo test --workspace --test links -- --ignored
//! ```
//!
//! This needs Linux with network namespaces for users and TUN devices, and
//! `unshare` and `ip`. Where these are not allowed it fails, unless
//! `PELAGO_TEST_LINKS=skip` says that it may pass without.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic and say why")]

#[path = "../retrieve/dag.rs"]
#[allow(dead_code, reason = "made for the tests of faults")]
mod dag;
mod net;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dag::Dag;
use net::{Link, Net};
use pelago_dag::{Blocks, MemoryBlocks};
use pelago_exchange::gateway::{Gateway, GatewayOptions};
use pelago_exchange::retrieve::{
    Bandwidth, CarUse, Fetched, HttpOptions, HttpProvider, Options, Pace, Progress, Reach, Request, Source, fetch,
};
use tokio::sync::Notify;

const KIB: usize = 1024;
const PORT: u16 = 8081;

/// Who fetches: its own link is no limit.
const CLIENT: Link = Link { rate: 50e6, latency: Duration::ZERO, loss: 0 };
/// The gateways: each four times as fast as the one before.
const LINKS: [Link; 3] = [
    Link { rate: 0.4e6, latency: Duration::from_millis(40), loss: 0 },
    Link { rate: 1.6e6, latency: Duration::from_millis(15), loss: 2 },
    Link { rate: 6.4e6, latency: Duration::from_millis(3), loss: 0 },
];

/// What each test fetches: 12 MiB.
fn model() -> (Dag, pelago_dag::Cid) {
    let mut dag = Dag::default();
    let root = dag.file_of(1, 96, 128 * KIB).cid;
    (dag, root)
}

/// Whether this process has the rights to make networks. If not, runs the test again in a process that has.
fn inside(test: &str) -> bool {
    const INSIDE: &str = "PELAGO_TEST_LINKS_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let namespaces = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net", "--"]);
        unshare
    };
    let device = "test -w /dev/net/tun && ip tuntap add dev probe mode tun";
    if !namespaces().args(["sh", "-c", device]).status().is_ok_and(|status| status.success()) {
        let why =
            "network namespaces with TUN devices are not allowed on this machine (or `unshare` or `ip` is missing)";
        assert!(
            std::env::var("PELAGO_TEST_LINKS").is_ok_and(|v| v == "skip"),
            "{why}; PELAGO_TEST_LINKS=skip to go on"
        );
        eprintln!("{why}: not tried");
        return false;
    }
    let mut run = namespaces();
    run.arg(std::env::current_exe().unwrap()).args([test, "--exact", "--ignored", "--nocapture"]);
    assert!(run.env(INSIDE, "1").status().unwrap().success());
    false
}

/// The fetch of the model into memory, with what is there at its end.
struct Outcome {
    fetched: Fetched,
    blocks: usize,
}

impl Outcome {
    /// Bytes of each gateway, in the order of `LINKS`.
    fn bytes(&self) -> [u64; 3] {
        [1, 2, 3].map(|n| {
            let name = format!("http://{}:{PORT}", address(n));
            self.fetched.sources.iter().find(|source| source.name == name).map_or(0, |source| source.bytes)
        })
    }
}

fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 1 + host)
}

/// Fetches over these links. `watch` is given the network, and makes what hears of the progress.
fn run<W>(bandwidth: Bandwidth, watch: impl FnOnce(&Net) -> W) -> Outcome
where
    W: Fn(Progress) + Send + Sync + 'static,
{
    let links: Vec<Link> = std::iter::once(CLIENT).chain(LINKS).collect();
    let watcher: Arc<std::sync::OnceLock<W>> = Arc::default();
    let (heard, done) = (watcher.clone(), Arc::new(Notify::new()));
    // Each gateway listens before the client asks.
    let ready = Arc::new(std::sync::Barrier::new(links.len() + 1));
    let start = ready.clone();
    let host = move |n: usize, address: Ipv4Addr| {
        let (done, ready) = (done.clone(), ready.clone());
        // One thread: its sockets are of the thread's network.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if n > 0 {
            let serve = async move {
                let _gateway = serve(SocketAddr::from((address, PORT))).await;
                ready.wait();
                done.notified().await;
            };
            runtime.block_on(serve);
            return None;
        }
        ready.wait();
        let progress: Arc<dyn Fn(Progress) + Send + Sync> = Arc::new({
            let heard = heard.clone();
            move |progress| heard.get().unwrap()(progress)
        });
        let outcome = runtime.block_on(get(bandwidth.clone(), progress));
        (0..LINKS.len()).for_each(|_| done.notify_one());
        Some(outcome)
    };
    let (net, threads) = Net::new(&links, host);
    assert!(watcher.set(watch(&net)).is_ok());
    start.wait();
    threads.into_iter().filter_map(|thread| thread.join().unwrap()).next().unwrap()
}

async fn serve(listen: SocketAddr) -> Gateway {
    let (dag, _) = model();
    let blocks = Arc::new(MemoryBlocks::default());
    for (cid, bytes) in dag.blocks {
        blocks.put(cid, bytes).await.unwrap();
    }
    let options = GatewayOptions { listen, beyond_loopback: true, ..GatewayOptions::default() };
    Gateway::start(blocks, options).await.unwrap()
}

async fn get(bandwidth: Bandwidth, progress: Arc<dyn Fn(Progress) + Send + Sync>) -> Outcome {
    // A source that is cut off says nothing any more: two seconds of that are enough here.
    let soon = Duration::from_secs(2);
    let pace = Pace { answer: soon, window: soon, ..Pace::default() };
    let http = HttpOptions { connect: soon, pace, ..HttpOptions::default() };
    let source = |n: u8| {
        let url = format!("http://{}:{PORT}/", address(n));
        Source::new(Arc::new(HttpProvider::peer(&url, Reach::Named, &http).unwrap()))
    };
    let (dag, root) = model();
    let sources: Vec<Source> = [1, 2, 3].map(source).into();
    let options = Options { car: CarUse::Never, bandwidth, progress: Some(progress), ..Options::default() };
    let here = Arc::new(MemoryBlocks::default());
    let fetched = fetch(Request::all(root), here.clone(), sources, options).await.unwrap();
    let all: Vec<_> = dag.blocks.keys().copied().collect();
    let blocks = here.has(&all).await.unwrap().iter().filter(|here| **here).count();
    assert_eq!(blocks, all.len(), "all of it is there, and was verified");
    Outcome { fetched, blocks }
}

#[test]
#[ignore = "needs network namespaces; run by `make test`"]
fn each_gives_as_its_link_allows() {
    if !inside("each_gives_as_its_link_allows") {
        return;
    }
    let outcome = run(Bandwidth::default(), |_| |_| {});
    let [slow, middle, fast] = outcome.bytes();
    assert!(0 < slow && slow < middle && middle < fast, "{slow} {middle} {fast}");
    assert!(outcome.fetched.dropped.is_empty() && outcome.fetched.p2p_optimized, "{:?}", outcome.fetched);
    assert_eq!(outcome.fetched.blocks, outcome.blocks as u64);
}

#[test]
#[ignore = "needs network namespaces; run by `make test`"]
fn a_link_that_is_cut_is_survived() {
    if !inside("a_link_that_is_cut_is_survived") {
        return;
    }
    // The fastest goes once it has given a mebibyte.
    let outcome = run(Bandwidth::default(), |net| {
        let cut = net.cut(3);
        let name = format!("http://{}:{PORT}", address(3));
        move |progress: Progress| {
            if progress.sources.iter().any(|source| source.name == name && source.bytes >= 1 << 20) {
                cut();
            }
        }
    });
    let [slow, middle, cut] = outcome.bytes();
    let whole = outcome.fetched.bytes;
    assert!(cut >= 1 << 20 && cut < whole, "it gave some and not all: {cut} of {whole}");
    assert!(slow > 0 && middle > slow, "the others gave the rest, as they could: {slow} {middle}");
    assert_eq!(slow + middle + cut, whole);
}

#[test]
#[ignore = "needs network namespaces; run by `make test`"]
fn a_limit_holds_over_all_links_together() {
    if !inside("a_limit_holds_over_all_links_together") {
        return;
    }
    // What passed beyond the first burst had to wait for its tokens: a bound from below, whatever the machine does.
    const RATE: u64 = 3_000_000;
    let outcome = run(Bandwidth::limited(RATE), |_| |_| {});
    let burst = RATE / 4;
    let least = (outcome.fetched.bytes - burst) as f64 / RATE as f64;
    assert!(outcome.fetched.elapsed.as_secs_f64() >= least, "{:?} for {least} s", outcome.fetched.elapsed);
    assert_eq!(outcome.bytes().iter().sum::<u64>(), outcome.fetched.bytes);
}
