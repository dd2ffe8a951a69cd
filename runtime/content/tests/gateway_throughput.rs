//! How fast the gateway serves 256 MiB over loopback, as raw blocks and as one CAR; to be read, not to pass or fail:
//!
//! ```text
//! cargo test --release --test gateway_throughput -- --ignored --nocapture
//! ```

#![allow(clippy::print_stderr, reason = "figures go to who runs it")]

mod fixtures;

use std::sync::Arc;
use std::time::Instant;

use fixtures::Dag;
use futures::TryStreamExt;
use pelago_content::{Blocks, Cid, Gateway, GatewayOptions, Scope, Store, Walk, WalkOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SIZE: usize = 256 << 20;

/// A connection that reads answers as fast as the socket gives them, and counts; without a client library's own costs.
struct Drain {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Drain {
    async fn connect(gateway: &Gateway) -> Self {
        let socket = TcpStream::connect(gateway.addr()).await.expect("it listens");
        Self { socket, buffer: vec![0; 1 << 20] }
    }

    /// Bytes of one answer's body, which says its length or ends with the connection's last chunk.
    async fn get(&mut self, path: &str) -> usize {
        self.socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.expect("it reads");
        let mut filled = 0;
        let head = loop {
            filled += self.socket.read(&mut self.buffer[filled..]).await.expect("it sends");
            if let Some(at) = self.buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length: Option<usize> =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let mut body = filled - head;
        let mut end = self.buffer[..filled].to_vec();
        while length.map_or(!end.ends_with(b"\r\n0\r\n\r\n"), |length| body < length) {
            let read = self.socket.read(&mut self.buffer).await.expect("it sends");
            body += read;
            end = [&end[end.len().saturating_sub(7)..], &self.buffer[read.saturating_sub(7)..read]].concat();
        }
        body
    }
}

async fn measure(what: &str, blocks: Arc<dyn Blocks>, root: Cid) {
    let gateway = Gateway::start(blocks.clone(), GatewayOptions::default()).await.expect("it starts");
    let report = |how: &str, started: Instant, bytes: usize| {
        assert!(bytes >= SIZE, "{bytes} bytes came");
        eprintln!("{what}: {how}: {:.0} MB/s", SIZE as f64 / started.elapsed().as_secs_f64() / 1e6);
    };
    for how in ["one CAR, first time", "one CAR, again", "one CAR, again"] {
        let mut drain = Drain::connect(&gateway).await;
        let started = Instant::now();
        report(how, started, drain.get(&format!("/ipfs/{root}?format=car&car-dups=y")).await);
    }
    let options = WalkOptions { scope: Scope::All, dups: true };
    let started = Instant::now();
    let walk = Walk::open(blocks, root, "", options).await.expect("a walk");
    let cids: Vec<(Cid, usize)> =
        walk.stream().map_ok(|(cid, bytes)| (cid, bytes.len())).try_collect().await.expect("its blocks");
    report("the walk alone, without sending", started, cids.iter().map(|(_, length)| length).sum());
    for streams in [1, 4, 8] {
        let started = Instant::now();
        let shares = cids.chunks(cids.len().div_ceil(streams)).map(async |share| {
            let mut drain = Drain::connect(&gateway).await;
            let mut all = 0;
            for (cid, _) in share {
                all += drain.get(&format!("/ipfs/{cid}?format=raw")).await;
            }
            all
        });
        let read = futures::future::join_all(shares).await.into_iter().sum();
        report(&format!("raw blocks, {streams} connections"), started, read);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn from_memory() {
    let dag = Dag::default();
    let content = vec![7; SIZE];
    let root = dag.file_of(&content, 1 << 20, 1024).await;
    drop(content);
    measure("memory", dag.blocks(), root).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn from_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let weights = folder.path().join("source/weights");
    std::fs::create_dir(folder.path().join("source")).expect("a folder");
    // Each block is another, or the store would keep but one.
    let content: Vec<u8> = (0..SIZE as u64 / 8).flat_map(u64::to_le_bytes).collect();
    std::fs::write(&weights, &content).expect("a file");
    drop(content);
    let store = Store::open(folder.path().join("store")).expect("a store");
    let added = store.add_folder(folder.path().join("source"), |_| {}).await.expect("it is added");
    // Opened anew, it has nothing verified, as for the first request of a process.
    let fresh = Store::open(folder.path().join("store")).expect("a store");
    measure("store", Arc::new(fresh), added.root).await;
}
