//! Against implementations by others: Helia over HTTP, both ways, and js-ipfs
//! over its RPC API. `scripts/peers.sh` installs them and prints the folder that
//! PELAGO_TEST_PEERS names.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use pelago_content::retrieve::{
    CarUse, Fetched, HttpOptions, HttpProvider, Kind, KuboProvider, Options, Provider, ProviderError, Reach, Request,
    Source, fetch,
};
use pelago_content::{Cid, Gateway, GatewayOptions, Store};
use sha2::{Digest, Sha256};

/// More than one batch, and no whole number of chunks.
const SIZE: usize = 5_000_001;

fn peers() -> PathBuf {
    let folder =
        std::env::var_os("PELAGO_TEST_PEERS").expect("PELAGO_TEST_PEERS names what scripts/peers.sh installed");
    let folder = PathBuf::from(folder);
    assert!(folder.join("node").exists(), "{} has no `node`: run scripts/peers.sh", folder.display());
    folder
}

/// Bytes that repeat nowhere.
fn content() -> Vec<u8> {
    (0u64..).flat_map(|n| Sha256::digest(n.to_le_bytes())).take(SIZE).collect()
}

/// A peer that runs, and has the content. It ends when its standard input does.
struct Peer {
    process: Child,
    url: String,
    root: Cid,
}

impl Peer {
    fn start(script: &str, home: &Path) -> Self {
        let file = home.join("content");
        std::fs::write(&file, content()).unwrap();
        let mut process = Command::new(peers().join("node"))
            .arg(peers().join(script))
            .args([&file, &home.join("repo")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = first_json(process.stdout.take().unwrap());
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Self { process, url: text("url"), root: text("root").parse().unwrap() }
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
    let ingest = store.ingest(peer.root).await.unwrap();
    let options = Options { car, ..Options::default() };
    let fetched = fetch(Request::all(peer.root), Arc::new(ingest.clone()), vec![source], options).await.unwrap();
    ingest.finish().await.unwrap();
    let got = store.read_all(peer.root, "file", SIZE as u64).await.unwrap();
    assert!(got[..] == content()[..], "the file is another");
    assert!(fetched.bytes > SIZE as u64);
    fetched
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn pelago_fetches_from_helia() {
    let home = tempfile::tempdir().unwrap();
    let peer = Peer::start("helia-serve.js", home.path());
    for (car, with_car) in [(CarUse::Never, false), (CarUse::Always, true)] {
        let gateway = HttpProvider::gateway(&peer.url, Reach::Named, &HttpOptions::default()).unwrap();
        let fetched = fetched(&peer, Source::new(Arc::new(gateway)), car).await;
        assert_eq!((fetched.main_kind(), fetched.car_bytes > 0), (Some(Kind::Gateway), with_car));
    }
}

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn pelago_fetches_over_the_rpc_api() {
    let home = tempfile::tempdir().unwrap();
    let peer = Peer::start("js-ipfs.js", home.path());
    for (car, with_car) in [(CarUse::Never, false), (CarUse::Always, true)] {
        let kubo = KuboProvider::new(&peer.url, true, &HttpOptions::default()).unwrap();
        let fetched = fetched(&peer, Source::new(Arc::new(kubo)), car).await;
        assert_eq!((fetched.main_kind(), fetched.car_bytes > 0), (Some(Kind::Kubo), with_car));
    }
    let kubo = KuboProvider::new(&peer.url, true, &HttpOptions::default()).unwrap();
    assert!(kubo.has(&peer.root).await.unwrap());
    let other: Cid = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
    assert!(!kubo.has(&other).await.unwrap());
    let lacks = kubo.fetch_block(&other, &Default::default()).await;
    assert!(matches!(lacks, Err(ProviderError::Lacks)), "{lacks:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn helia_fetches_from_pelago() {
    let (home, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("file"), content()).unwrap();
    let store = Store::open(home.path()).unwrap();
    let root = store.add_folder(folder.path(), |_| {}).await.unwrap().root;
    let gateway = Gateway::start(Arc::new(store), GatewayOptions::default()).await.unwrap();
    let url = format!("http://{}", gateway.addr());
    let run = Command::new(peers().join("node"))
        .arg(peers().join("helia-fetch.js"))
        .args([&url, &root.to_string(), "file"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(run.status.success());
    let said: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let hash: String = Sha256::digest(content()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(said, serde_json::json!({ "bytes": SIZE, "sha256": hash }));
}
