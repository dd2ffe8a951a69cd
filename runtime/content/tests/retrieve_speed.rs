//! How fast a fetch is. Figures for a person to read, not a test of the machine:
//! `cargo test --release --test retrieve_speed -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what it measures, or misses, is for a person")]

#[path = "retrieve/dag.rs"]
#[allow(dead_code, reason = "made for the tests of faults")]
mod dag;
#[path = "retrieve/server.rs"]
#[allow(dead_code, reason = "made for the tests of faults")]
mod server;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use pelago_content::retrieve::{CarUse, Fetched, HttpOptions, HttpProvider, Options, Reach, Request, Source, fetch};
use pelago_content::{Blocks, Gateway, GatewayOptions, MemoryBlocks, Store};

use crate::dag::Dag;

const MIB: usize = 1 << 20;

async fn gateways(dag: &Dag, count: usize, rate: Option<u64>) -> Vec<Gateway> {
    let blocks = Arc::new(MemoryBlocks::default());
    for (cid, bytes) in &dag.blocks {
        blocks.put(*cid, bytes.clone()).await.unwrap();
    }
    let mut all = Vec::new();
    for _ in 0..count {
        let options = GatewayOptions { rate: rate.and_then(NonZeroU64::new), ..GatewayOptions::default() };
        all.push(Gateway::start(blocks.clone(), options).await.unwrap());
    }
    all
}

fn sources(gateways: &[Gateway]) -> Vec<Source> {
    let peer = |gateway: &Gateway| {
        let url = format!("http://{}/", gateway.addr());
        Source::new(Arc::new(HttpProvider::peer(&url, Reach::Named, &HttpOptions::default()).unwrap()))
    };
    gateways.iter().map(peer).collect()
}

async fn timed(root: pelago_content::Cid, blocks: Arc<dyn Blocks>, sources: Vec<Source>) -> Fetched {
    let options = Options { car: CarUse::Never, ..Options::default() };
    fetch(Request::all(root), blocks, sources, options).await.unwrap()
}

fn rate(fetched: &Fetched) -> f64 {
    fetched.bytes as f64 / 1e6 / fetched.elapsed.as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and takes half a minute"]
async fn three_throttled_peers_and_one() {
    let mut dag = Dag::default();
    let root = dag.file_of(1, 64, MIB).cid;
    for each in [10_000_000, 40_000_000] {
        let mut rates = Vec::new();
        for count in [1, 3] {
            let gateways = gateways(&dag, count, Some(each)).await;
            let fetched = timed(root, Arc::new(MemoryBlocks::default()), sources(&gateways)).await;
            println!(
                "{count} peers of {} MB/s: {:.1} MB/s, {} bytes twice",
                each / 1_000_000,
                rate(&fetched),
                fetched.refetched_bytes
            );
            rates.push(rate(&fetched));
        }
        println!("three are {:.2} times as fast as one", rates[1] / rates[0]);
    }
    // One of three is ten times slower: it must not hold the others up.
    let mut mixed = gateways(&dag, 2, Some(20_000_000)).await;
    mixed.extend(gateways(&dag, 1, Some(2_000_000)).await);
    let fetched = timed(root, Arc::new(MemoryBlocks::default()), sources(&mixed)).await;
    println!("20, 20 and 2 MB/s: {:.1} MB/s, {} bytes twice", rate(&fetched), fetched.refetched_bytes);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and takes half a minute"]
async fn one_peer_without_a_limit() {
    let mut dag = Dag::default();
    let root = dag.file_of(1, 512, MIB).cid;
    let gateways = gateways(&dag, 1, None).await;
    for _ in 0..3 {
        let fetched = timed(root, Arc::new(MemoryBlocks::default()), sources(&gateways)).await;
        println!("into memory: {:.0} MB/s", rate(&fetched));
    }
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let ingest = store.ingest(root).await.unwrap();
    let fetched = timed(root, Arc::new(ingest.clone()), sources(&gateways)).await;
    println!("into a store: {:.0} MB/s", rate(&fetched));
    ingest.finish().await.unwrap();
    let start = std::time::Instant::now();
    for block in dag.blocks.values() {
        std::hint::black_box(sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(block)));
    }
    println!("SHA-256 on one core: {:.0} MB/s", dag.bytes() as f64 / 1e6 / start.elapsed().as_secs_f64());
    // A link of 50 ms: what is under way must grow to fill it.
    let far = server::Server::throttled(&dag, Some(100_000_000), Duration::from_millis(50), |_| server::Answer::Right);
    let fetched = timed(root, Arc::new(MemoryBlocks::default()), vec![far.await.peer()]).await;
    println!("a link of 100 MB/s and 50 ms: {:.0} MB/s", rate(&fetched));
}
