//! The gateway over a store on disk: a model that was added is served as it was, and damage on disk is not.

#[path = "../../dag/tests/fixtures/mod.rs"]
mod fixtures;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use fixtures::noise;
use pelago_dag::car::{export, import};
use pelago_dag::{CarLimits, MemoryBlocks};
use pelago_exchange::gateway::{Gateway, GatewayOptions};
use pelago_store::{Added, Store};

async fn model(folder: &Path) -> (Store, Added) {
    let source = folder.join("source");
    std::fs::create_dir_all(source.join("onnx")).expect("a folder");
    std::fs::write(source.join("config.json"), b"{}").expect("a file");
    std::fs::write(source.join("empty"), b"").expect("a file");
    std::fs::write(source.join("onnx/model.onnx"), noise(1, 3_500_000)).expect("a file");
    let store = Store::open(folder.join("store")).expect("a store");
    let added = store.add_folder(&source, |_| {}).await.expect("it is added");
    (store, added)
}

#[tokio::test]
async fn a_model_goes_out_as_a_car_and_is_the_same_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, added) = model(folder.path()).await;
    let gateway = Gateway::start(Arc::new(store.clone()), GatewayOptions::default()).await.expect("it starts");
    let url = format!("http://{}/ipfs/{}?format=car", gateway.addr(), added.root);
    let car = reqwest::get(url).await.expect("an answer").bytes().await.expect("a whole body");
    let (file, _) = export(Arc::new(store), added.root, Vec::new()).await.expect("it is all here");
    assert_eq!(file, car);

    let other = Store::open(folder.path().join("other")).expect("a store");
    let ingest = other.ingest(added.root).await.expect("a fetch");
    import(&car[..], &ingest, CarLimits::default()).await.expect("it is whole");
    let there = ingest.finish().await.expect("it is whole");
    assert_eq!((there.root, there.size), (added.root, added.size));
    for (path, content) in
        [("onnx/model.onnx", noise(1, 3_500_000)), ("config.json", b"{}".to_vec()), ("empty", Vec::new())]
    {
        assert_eq!(other.read_all(added.root, path, 1 << 30).await.expect("a file"), content);
    }
}

#[tokio::test]
async fn damage_on_disk_is_never_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, added) = model(folder.path()).await;
    drop(store);
    // A byte in the middle of the longest file of the store, which holds the weights.
    let extents = std::fs::read_dir(folder.path().join("store/extents")).expect("a folder");
    let longest =
        extents.map(|entry| entry.expect("an entry").path()).max_by_key(|path| path.metadata().expect("a file").len());
    let file = std::fs::OpenOptions::new().read(true).write(true).open(longest.expect("an extent")).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, 2_500_000).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], 2_500_000).expect("a byte");

    let store = Store::open(folder.path().join("store")).expect("a store");
    let gateway = Gateway::start(Arc::new(store.clone()), GatewayOptions::default()).await.expect("it starts");
    let base = format!("http://{}/ipfs/{}", gateway.addr(), added.root);
    let response = reqwest::get(format!("{base}?format=car")).await.expect("a head");
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err(), "the CAR must be cut off");
    // What is asked for without the damaged block still comes.
    let part = reqwest::get(format!("{base}/onnx/model.onnx?format=car&entity-bytes=0:999999")).await.expect("a head");
    import_part(&part.bytes().await.expect("a whole body")).await;
}

/// Each block of a CAR verifies.
async fn import_part(car: &[u8]) {
    let mut reader = pelago_dag::CarReader::open(car, CarLimits::default()).await.expect("a CAR");
    let mut blocks = 0;
    while reader.next().await.expect("a good block").is_some() {
        blocks += 1;
    }
    assert!(blocks >= 4, "the folder, its folder, the file and a leaf");
    assert!(import(car, &MemoryBlocks::default(), CarLimits::default()).await.is_err(), "a part is not the whole");
}
