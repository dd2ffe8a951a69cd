//! Helia, which verifies each block itself, fetches a model's folder from the
//! gateway. `scripts/peers.sh` installs it and prints the folder that
//! `PELAGO_TEST_PEERS` names.

mod fixtures;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use fixtures::noise;
use pelago_content::{Gateway, GatewayOptions, Store};
use sha2::{Digest, Sha256};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn helia_fetches_a_folder_block_by_block_and_as_a_car() {
    let peers = std::env::var_os("PELAGO_TEST_PEERS").expect("PELAGO_TEST_PEERS names what scripts/peers.sh installed");
    let peers = PathBuf::from(peers);
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("source");
    // An empty file, small ones, one of several leaves, and so many that their folder is in shards.
    let mut files = vec![("empty".to_owned(), Vec::new()), ("config.json".to_owned(), b"{}".to_vec())];
    files.push(("onnx/model \u{20ac}.onnx".to_owned(), noise(1, 3_500_001)));
    files.extend((0..6000u64).map(|n| (format!("many/{n}-{}", "x".repeat(40)), noise(n % 10, 10))));
    for (path, content) in &files {
        let path = source.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    let store = Store::open(folder.path().join("store")).expect("a store");
    let root = store.add_folder(&source, |_| {}).await.expect("it is added").root;
    let gateway = Gateway::start(Arc::new(store), GatewayOptions::default()).await.expect("it starts");

    // Of the many, some: each is found through the shards by its name.
    let asked: Vec<_> = files.iter().enumerate().filter(|(n, _)| n % 100 < 3).map(|(_, file)| file).collect();
    let mut node = Command::new(peers.join("node"))
        .arg(peers.join("fetch-from-gateway.js"))
        .args([format!("http://{}", gateway.addr()), root.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let paths: Vec<_> = asked.iter().map(|(path, _)| path).collect();
    let stdin = node.stdin.take().expect("it is piped");
    serde_json::to_writer(stdin, &paths).expect("it reads");
    let run = node.wait_with_output().expect("it ends");
    assert!(run.status.success());
    let said: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    for how in ["blocks", "car"] {
        let found = said[how].as_object().expect("files by path");
        assert_eq!(found.len(), asked.len(), "{how}");
        for (path, content) in &asked {
            let hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found[path.as_str()], hash, "{how}: {path}");
        }
    }
}
