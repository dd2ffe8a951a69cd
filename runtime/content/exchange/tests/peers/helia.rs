//! Helia, which verifies each block itself: it fetches a model's folder from
//! Pelago's gateway, and Pelago fetches from it.

use std::process::Stdio;
use std::sync::Arc;

use pelago_exchange::gateway::{Gateway, GatewayOptions};
use pelago_exchange::retrieve::{CarUse, HttpOptions, HttpProvider, Kind, Reach, Source};
use pelago_store::Store;
use sha2::{Digest, Sha256};

use super::{Peer, SIZE, content, fetched, node};

#[tokio::test]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn pelago_fetches_from_helia() {
    let home = tempfile::tempdir().unwrap();
    let peer = Peer::with_content("helia-serve.js", home.path());
    for (car, with_car) in [(CarUse::Never, false), (CarUse::Always, true)] {
        let gateway = HttpProvider::gateway(&peer.url, Reach::Named, &HttpOptions::default()).unwrap();
        let fetched = fetched(&peer, Source::new(Arc::new(gateway)), car).await;
        assert_eq!((fetched.main_kind(), fetched.car_bytes > 0), (Some(Kind::Gateway), with_car));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the peers that scripts/peers.sh installs: set PELAGO_TEST_PEERS"]
async fn helia_fetches_a_folder_block_by_block_and_as_a_car() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    // An empty file, small ones, one of several leaves, and so many that their folder is in shards.
    let mut files = vec![("empty".to_owned(), Vec::new()), ("config.json".to_owned(), b"{}".to_vec())];
    files.push(("onnx/model \u{20ac}.onnx".to_owned(), content(1, SIZE)));
    files.extend((0..6000u64).map(|n| (format!("many/{n}-{}", "x".repeat(40)), content(n % 10, 10))));
    for (path, content) in &files {
        let path = source.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let store = Store::open(folder.path().join("store")).unwrap();
    let root = store.add_folder(&source, |_| {}).await.unwrap().root;
    let gateway = Gateway::start(Arc::new(store), GatewayOptions::default()).await.unwrap();

    // Of the many, some: each is found through the shards by its name.
    let asked: Vec<_> = files.iter().enumerate().filter(|(n, _)| n % 100 < 3).map(|(_, file)| file).collect();
    let (url, root) = (format!("http://{}", gateway.addr()), root.to_string());
    let mut helia = node("fetch-from-gateway.js", &[&url, &root]).stderr(Stdio::inherit()).spawn().unwrap();
    let paths: Vec<_> = asked.iter().map(|(path, _)| path).collect();
    serde_json::to_writer(helia.stdin.take().unwrap(), &paths).unwrap();
    let run = helia.wait_with_output().unwrap();
    assert!(run.status.success());
    let said: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    for how in ["blocks", "car"] {
        let found = said[how].as_object().unwrap();
        assert_eq!(found.len(), asked.len(), "{how}");
        for (path, content) in &asked {
            let hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found[path.as_str()], hash, "{how}: {path}");
        }
    }
}
