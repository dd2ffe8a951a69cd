//! Against implementations by others: Helia over HTTP, both ways, js-ipfs over
//! its RPC API, and a pinning service. `scripts/peers.sh` installs them and
//! prints the folder that `PELAGO_TEST_PEERS` names; `make test` does both:
//!
//! ```text
//! PELAGO_TEST_PEERS=$(scripts/peers.sh) cargo test --workspace --test peers -- --ignored
//! ```

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod helia;
mod js_ipfs;
mod pinning;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pelago_dag::Cid;
use pelago_exchange::replicate::{Order, Replicas};
use pelago_exchange::retrieve::{CarUse, Fetched, Options, Request, Source, fetch};
use pelago_store::Store;
use sha2::{Digest, Sha256};

/// More than one batch, and no whole number of chunks.
const SIZE: usize = 5_000_001;

/// How long a service may take to answer one question.
const DEADLINE: Duration = Duration::from_secs(20);

/// A program for the peers' own Node, with its input and output held by the test.
fn node(script: &str, args: &[&str]) -> Command {
    let folder =
        std::env::var_os("PELAGO_TEST_PEERS").expect("PELAGO_TEST_PEERS names what scripts/peers.sh installed");
    let folder = PathBuf::from(folder);
    assert!(folder.join("node").exists(), "{} has no `node`: run scripts/peers.sh", folder.display());
    let mut command = Command::new(folder.join("node"));
    command.arg(folder.join(script)).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Bytes that repeat nowhere, others for each seed.
fn content(seed: u64, size: usize) -> Vec<u8> {
    (0u64..).flat_map(|n| Sha256::digest([seed.to_le_bytes(), n.to_le_bytes()].concat())).take(size).collect()
}

/// A peer that runs. It ends when its standard input does.
struct Peer {
    process: Child,
    url: String,
    /// What it has, if it was given something.
    root: Option<Cid>,
}

impl Peer {
    fn start(script: &str, args: &[&str]) -> Self {
        let mut process = node(script, args).spawn().unwrap();
        let said = first_json(process.stdout.take().unwrap());
        let root = said["root"].as_str().map(|root| root.parse().unwrap());
        Self { process, url: said["url"].as_str().unwrap().to_owned(), root }
    }

    /// One that has the content, as the file `file` of a folder.
    fn with_content(script: &str, home: &Path) -> Self {
        let file = home.join("content");
        std::fs::write(&file, content(0, SIZE)).unwrap();
        let peer = Self::start(script, &[file.to_str().unwrap(), home.join("repo").to_str().unwrap()]);
        assert!(peer.root.is_some(), "{script} says what it added");
        peer
    }

    fn root(&self) -> Cid {
        self.root.unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

fn first_json(stdout: ChildStdout) -> serde_json::Value {
    let lines = BufReader::new(stdout).lines().map(Result::unwrap);
    let found = lines.filter_map(|line| serde_json::from_str(&line).ok()).next();
    found.expect("the peer says where it listens, or it has failed above")
}

/// Fetches a peer's folder into a store, and compares its file.
async fn fetched(peer: &Peer, source: Source, car: CarUse) -> Fetched {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path()).unwrap();
    let ingest = store.ingest(peer.root()).await.unwrap();
    let options = Options { car, ..Options::default() };
    let fetched = fetch(Request::all(peer.root()), Arc::new(ingest.clone()), vec![source], options).await.unwrap();
    ingest.finish().await.unwrap();
    let got = store.read_all(peer.root(), "file", SIZE as u64).await.unwrap();
    assert!(got[..] == content(0, SIZE)[..], "the file is another");
    assert!(fetched.bytes > SIZE as u64);
    fetched
}

/// A CID that no peer has.
fn absent(seed: u64) -> Cid {
    let digest: [u8; 32] = Sha256::digest([b"nobody has it", &seed.to_le_bytes()[..]].concat()).into();
    Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0x12, &digest).unwrap())
}

/// That a root be held once.
fn order(root: Cid) -> Order {
    Order { root, name: "a model".to_owned(), size: 20_000, min: 1, max: 1 }
}

/// The replicas as text, without addresses and CIDs that change.
fn shown(replicas: &Replicas) -> String {
    let one = |r: &pelago_exchange::replicate::Replica| format!("{:?} {}", r.state, r.detail.as_deref().unwrap_or("-"));
    replicas.replicas.iter().map(one).collect::<Vec<_>>().join("\n")
}
