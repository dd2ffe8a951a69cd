//! Going on where a fetch stopped: after a break, a change, a dropped future and a kill.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pelago_hub::{Address, Origin, OriginError, Selection};

use super::hub::{Fault, Hub, noise, options};
use super::{KIB, MIB, expected, fetch, files};

const BIG: &str = "hf://org/name/model.safetensors";

async fn big() -> Hub {
    Hub::start(&[("model.safetensors", noise(9, 6 * MIB + 5), true)]).await
}

/// The one part that is there.
fn part(dir: &Path) -> PathBuf {
    let parts = std::fs::read_dir(dir.join("parts")).unwrap().map(|e| e.unwrap().path());
    let mut parts: Vec<PathBuf> = parts.filter(|p| p.extension().is_none()).collect();
    assert_eq!(parts.len(), 1, "{parts:?}");
    parts.remove(0)
}

/// Fetches as far as the first `Break`, and leaves the part.
async fn broken(hub: &Hub, dir: &Path, after: usize) -> PathBuf {
    hub.fault("/model.safetensors", [Fault::Break(after)]);
    let mut options = hub.options();
    options.tries = 1;
    let error = fetch(&Origin::new(options).unwrap(), BIG, dir).await.unwrap_err();
    assert!(matches!(error, OriginError::Connection { .. }), "{error}");
    hub.seen();
    part(dir)
}

#[tokio::test]
async fn a_break_costs_only_what_was_not_received() {
    for after in [1, 100 * KIB, MIB, 3 * MIB + 11, 6 * MIB + 4] {
        let hub = big().await;
        let dir = tempfile::tempdir().unwrap();
        hub.fault("/model.safetensors", [Fault::Break(after)]);
        let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
        assert_eq!(files(&staged.folder), expected(&hub));
        assert_eq!(staged.network_bytes, staged.bytes, "no byte came twice");
        let transfers = hub.transfers();
        assert_eq!(transfers.len(), 2);
        assert_eq!(transfers[0].range, None);
        assert_eq!(transfers[1].range.as_deref(), Some(&format!("bytes={after}-")[..]));
        assert_eq!(transfers[1].if_range.as_deref(), Some("\"one\""));
    }
}

#[tokio::test]
async fn many_breaks_are_survived_as_long_as_each_brings_something() {
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    hub.fault("/model.safetensors", std::iter::repeat_n(Fault::Break(512 * KIB), 11));
    let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
    assert_eq!(staged.network_bytes, staged.bytes);
    assert_eq!(hub.transfers().len(), 12, "more than the five tries of one request");
    // But not those that bring nothing.
    let dir = tempfile::tempdir().unwrap();
    hub.fault("/model.safetensors", std::iter::repeat_n(Fault::Break(0), 50));
    let error = fetch(&hub.origin(), BIG, dir.path()).await.unwrap_err();
    assert!(matches!(error, OriginError::Connection { .. }), "{error}");
    assert_eq!(hub.transfers().len(), 5);
}

#[tokio::test]
async fn a_changed_etag_begins_anew() {
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    broken(&hub, dir.path(), 2 * MIB).await;
    hub.content.lock().unwrap().etag = "\"two\"".to_owned();
    let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
    assert_eq!(staged.network_bytes, staged.bytes);
    let transfers = hub.transfers();
    assert_eq!(transfers[0].if_range.as_deref(), Some("\"one\""));
    assert_eq!(transfers.len(), 1, "the server answered the conditional range with all of it");
}

#[tokio::test]
async fn a_range_of_another_file_begins_anew() {
    // A server that knows no If-Range: the ETag of its answer tells.
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    broken(&hub, dir.path(), 2 * MIB).await;
    hub.fault("/model.safetensors", [Fault::Headers(vec![("etag", "\"other\"".to_owned())])]);
    let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
    let ranges: Vec<_> = hub.transfers().into_iter().map(|t| t.range).collect();
    assert_eq!(ranges, [Some("bytes=2097152-".to_owned()), None]);
}

#[tokio::test]
async fn an_unsatisfiable_range_begins_anew() {
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    broken(&hub, dir.path(), 2 * MIB).await;
    hub.fault("/model.safetensors", [Fault::Status(416, vec![])]);
    let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
    let ranges: Vec<_> = hub.transfers().into_iter().map(|t| t.range).collect();
    assert_eq!(ranges, [Some("bytes=2097152-".to_owned()), None]);
}

#[tokio::test]
async fn a_wrong_range_begins_anew() {
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    broken(&hub, dir.path(), 2 * MIB).await;
    let wrong = || Fault::Headers(vec![("content-range", "bytes 5-6291460/6291461".to_owned())]);
    hub.fault("/model.safetensors", [wrong()]);
    let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
}

#[tokio::test]
async fn a_damaged_part_is_found_out_and_brought_again() {
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    let part = broken(&hub, dir.path(), 2 * MIB).await;
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[12345] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
    assert_eq!(hub.transfers().len(), 2, "once from the part, once from the start");
    // One that is longer than the file, too.
    let dir = tempfile::tempdir().unwrap();
    let part = broken(&hub, dir.path(), 2 * MIB).await;
    std::fs::write(&part, noise(1, 7 * MIB)).unwrap();
    let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
}

#[tokio::test]
async fn a_torn_or_missing_record_does_no_harm() {
    for text in [None, Some("{\"etag\": \"\\\"on"), Some("[]")] {
        let hub = big().await;
        let dir = tempfile::tempdir().unwrap();
        let record = broken(&hub, dir.path(), 2 * MIB).await.with_extension("json");
        match text {
            Some(text) => std::fs::write(&record, text).unwrap(),
            None => std::fs::remove_file(&record).unwrap(),
        }
        let staged = fetch(&hub.origin(), BIG, dir.path()).await.unwrap();
        assert_eq!(files(&staged.folder), expected(&hub));
        let transfers = hub.transfers();
        // The published hash will tell, so the part is gone on with.
        assert_eq!(transfers[0].range.as_deref(), Some("bytes=2097152-"));
        assert_eq!(transfers[0].if_range, None);
    }
}

#[tokio::test]
async fn a_dropped_fetch_leaves_its_part_and_its_lock() {
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    hub.fault("/model.safetensors", [Fault::Hang(2 * MIB + 100)]);
    let origin = hub.origin();
    let address = Address::parse(BIG).unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let selection = Selection::default();
    let report = |step: pelago_hub::FetchProgress| {
        if step.done > 2 * MIB as u64
            && let Some(tell) = tell.lock().unwrap().take()
        {
            tell.send(()).unwrap();
        }
    };
    tokio::select! {
        result = origin.fetch(&address, dir.path(), &selection, report) => panic!("{result:?}"),
        _ = async { told.await.unwrap() } => {}
    }
    // What a write under way holds is let go when it ends.
    let staged = loop {
        match fetch(&origin, BIG, dir.path()).await {
            Err(OriginError::Busy { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
            other => break other.unwrap(),
        }
    };
    assert_eq!(files(&staged.folder), expected(&hub));
    let saved = staged.bytes - staged.network_bytes;
    assert!((MIB as u64..=2 * MIB as u64 + 100).contains(&saved), "{saved}");
}

#[tokio::test]
async fn two_fetches_do_not_share_a_folder() {
    let hub = big().await;
    let dir = tempfile::tempdir().unwrap();
    hub.fault("/model.safetensors", [Fault::Hang(0)]);
    let origin = hub.origin();
    let mut first = std::pin::pin!(fetch(&origin, BIG, dir.path()));
    while hub.transfers().is_empty() {
        let beat = tokio::time::timeout(Duration::from_millis(5), &mut first).await;
        assert!(beat.is_err());
    }
    let error = fetch(&origin, BIG, dir.path()).await.unwrap_err();
    assert!(matches!(error, OriginError::Busy { .. }), "{error}");
}

const ENDPOINT: &str = "PELAGO_TEST_ORIGIN_ENDPOINT";
const STORAGE: &str = "PELAGO_TEST_ORIGIN_STORAGE";
const FOLDER: &str = "PELAGO_TEST_ORIGIN_FOLDER";

/// Fetches, and says how far it is.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn worker() {
    let (Ok(endpoint), Ok(storage), Ok(folder)) =
        (std::env::var(ENDPOINT), std::env::var(STORAGE), std::env::var(FOLDER))
    else {
        return;
    };
    let mut options = options(&endpoint);
    options.named_hosts = vec![storage];
    let origin = Origin::new(options).unwrap();
    let run = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let address = Address::parse("hf://org/name").unwrap();
    let report = |step: pelago_hub::FetchProgress| println!("\nat {} {}", step.done, step.files_done);
    run.block_on(origin.fetch(&address, Path::new(&folder), &Selection::default(), report)).unwrap();
    println!("\nwhole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_goes_on() {
    let model = super::model();
    let total: usize = expected(&Hub::start(&model).await).values().map(bytes::Bytes::len).sum();
    let hub = Hub::start(&model).await;
    let dir = tempfile::tempdir().unwrap();
    // Both large files hang after some bytes, so that each kill finds transfers under way.
    for path in ["/model.safetensors", "/onnx/model.onnx"] {
        hub.fault(path, [Fault::Hang(900 * KIB), Fault::Hang(900 * KIB)]);
    }
    for _ in 0..2 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["resume::worker", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ENDPOINT, format!("http://{}", hub.address))
            .env(STORAGE, &hub.storage)
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        // More than one of the files brings, and less than both do.
        let wanted = 1500 * KIB;
        let reached = tokio::task::spawn_blocking(move || {
            BufReader::new(out).lines().map(Result::unwrap).any(|line| {
                let done = line.strip_prefix("at ").and_then(|at| at.split(' ').next()?.parse::<usize>().ok());
                done.is_some_and(|done| done >= wanted)
            })
        });
        assert!(reached.await.unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    hub.seen();
    let staged = fetch(&hub.origin(), "hf://org/name", dir.path()).await.unwrap();
    assert_eq!(files(&staged.folder), expected(&hub));
    // A kill costs what was gathered and not yet written, which is less than what had come.
    assert!(staged.network_bytes < staged.bytes && total as u64 == staged.bytes);
    let ranges: Vec<_> = hub.transfers().into_iter().filter_map(|t| t.range).collect();
    assert!(!ranges.is_empty(), "some file must have been gone on with");
}
