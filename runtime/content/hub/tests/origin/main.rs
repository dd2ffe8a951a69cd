//! Models brought from a hub and from web servers: whole, resumed, and refused.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and say why")]

mod faults;
mod file;
mod guard;
mod hub;
mod resume;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use hub::{COMMIT, Hub, noise, sha256};
use pelago_hub::{Address, FetchProgress, Origin, OriginError, Selection, Staged};

pub(crate) const KIB: usize = 1 << 10;
pub(crate) const MIB: usize = 1 << 20;

/// The files of a small model, of which one is in the large-file storage and one is not wanted.
pub(crate) fn model() -> Vec<(&'static str, Bytes, bool)> {
    vec![
        (".gitattributes", Bytes::from("*.safetensors lfs"), false),
        ("1_Pooling/config.json", Bytes::from("{}"), false),
        ("config.json", Bytes::from(r#"{"model_type":"bert"}"#), false),
        ("model.safetensors", noise(1, 3 * MIB + 17), true),
        ("modules.json", Bytes::from("[]"), false),
        ("onnx/model.onnx", noise(2, 2 * MIB), true),
        ("pytorch_model.bin", noise(3, 100), true),
        ("vocab.txt", Bytes::new(), false),
    ]
}

pub(crate) async fn fetch(origin: &Origin, address: &str, folder: &Path) -> Result<Staged, OriginError> {
    origin.fetch(&Address::parse(address).unwrap(), folder, &Selection::default(), |_| {}).await
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Bytes> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = files(&entry.path());
            found.extend(below.into_iter().map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap().into());
        }
    }
    found
}

/// What the model's folder must be.
pub(crate) fn expected(hub: &Hub) -> BTreeMap<String, Bytes> {
    let content = hub.content.lock().unwrap();
    let wanted = content.files.iter().filter(|(path, _)| !path.starts_with('.') && !path.ends_with(".bin"));
    wanted.map(|(path, (bytes, _))| (path.clone(), bytes.clone())).collect()
}

#[tokio::test]
async fn a_repository_is_brought_whole() {
    let hub = Hub::start(&model()).await;
    let dir = tempfile::tempdir().unwrap();
    let steps: Mutex<Vec<FetchProgress>> = Mutex::default();
    let address = Address::parse("hf://org/name").unwrap();
    let report = |step| steps.lock().unwrap().push(step);
    let staged = hub.origin().fetch(&address, dir.path(), &Selection::default(), report).await.unwrap();

    assert_eq!(files(&staged.folder), expected(&hub));
    assert_eq!(staged.source, format!("hf://org/name@{COMMIT}"));
    assert_eq!(staged.commit.as_deref(), Some(COMMIT));
    let bytes: usize = expected(&hub).values().map(Bytes::len).sum();
    assert_eq!((staged.bytes, staged.network_bytes), (bytes as u64, bytes as u64));
    let said: Vec<String> =
        staged.files.iter().map(|f| format!("{} {} {} {}", f.path, f.size, f.hash, f.published)).collect();
    assert!(said[0] == "1_Pooling/config.json 2 git:9e26dfeeb6e641a33dae4961196235bdb965b21b true", "{said:?}");
    assert!(
        said.contains(&format!("onnx/model.onnx {} sha256:{} true", 2 * MIB, sha256(&noise(2, 2 * MIB)))),
        "{said:?}"
    );

    let steps = steps.into_inner().unwrap();
    let last = steps.last().unwrap();
    assert_eq!((last.done, last.total, last.files_done, last.files), (bytes as u64, Some(bytes as u64), 6, 6));
    assert!(steps.iter().all(|step| step.done <= bytes as u64 && step.rate.is_finite()));

    // The token goes to the hub, always, and to its storage, never.
    let seen = hub.seen();
    assert!(seen.iter().all(|s| s.token == (s.at == "hub")), "{seen:#?}");
    assert_eq!(seen.iter().filter(|s| s.path.contains("/tree/")).count(), 4, "a listing of ten entries has four pages");
    // The hub's own hash of the empty file is known, so it need not be asked for.
    assert!(!seen.iter().any(|s| s.path.ends_with("vocab.txt") || s.path.ends_with(".bin")));
}

#[tokio::test]
async fn what_is_there_is_not_brought_again() {
    let hub = Hub::start(&model()).await;
    let dir = tempfile::tempdir().unwrap();
    let first = fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap();
    hub.seen();
    let again = fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap();
    assert_eq!((again.network_bytes, again.bytes), (0, first.bytes));
    assert!(!hub.seen().iter().any(|s| s.path.contains("/resolve/")));
    // What was damaged in between is.
    std::fs::write(again.folder.join("config.json"), r#"{"model_type":"evil"}"#).unwrap();
    let mended = fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap();
    assert_eq!(mended.network_bytes, 21);
    assert_eq!(files(&mended.folder), expected(&hub));
}

#[tokio::test]
async fn a_new_commit_leaves_nothing_of_the_old() {
    let hub = Hub::start(&model()).await;
    let dir = tempfile::tempdir().unwrap();
    fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap();
    {
        let mut content = hub.content.lock().unwrap();
        content.commit = "f".repeat(40);
        content.files.remove("onnx/model.onnx");
        content.files.insert("config.json".to_owned(), (Bytes::from("{}"), false));
        // A file where a folder was.
        content.files.insert("onnx".to_owned(), (Bytes::from("{}"), false));
    }
    let selection = Selection { include: vec!["**".to_owned()], exclude: vec!["*.bin".to_owned()] };
    let address = Address::parse("hf://org/name").unwrap();
    let staged = hub.origin().fetch(&address, dir.path(), &selection, |_| {}).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
    assert_eq!(staged.network_bytes, 4, "what did not change is not brought again");
}

#[tokio::test]
async fn a_folder_a_file_and_a_revision_of_it() {
    let hub = Hub::start(&model()).await;
    let dir = tempfile::tempdir().unwrap();
    let staged = fetch(&hub.origin(), "hf://org/name@v1.0/onnx", dir.path()).await.unwrap();
    assert_eq!(staged.source, format!("hf://org/name@{COMMIT}/onnx"));
    assert_eq!(files(&staged.folder).keys().collect::<Vec<_>>(), ["model.onnx"]);
    let staged = fetch(&hub.origin(), "hf://org/name@refs/pr/1/pytorch_model.bin", dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder).keys().collect::<Vec<_>>(), ["pytorch_model.bin"]);
    let staged =
        fetch(&hub.origin(), &format!("hf://org/name@{COMMIT}/1_Pooling/config.json"), dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder).keys().collect::<Vec<_>>(), ["config.json"]);
}

#[tokio::test]
async fn what_was_brought_can_be_added() {
    let hub = Hub::start(&model()).await;
    let dir = tempfile::tempdir().unwrap();
    let staged = fetch(&hub.origin(), "hf://org/name", &dir.path().join("staging")).await.unwrap();
    let store = pelago_store::Store::open(dir.path().join("store")).unwrap();
    let added = store.add_folder(&staged.folder, |_| {}).await.unwrap();
    assert_eq!((added.size, added.files), (staged.bytes, staged.files.len() as u64));
    assert!(added.hidden.is_empty());
}
