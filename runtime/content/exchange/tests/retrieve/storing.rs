//! Fetching into the store on disk: a kill costs what was not sealed, no more.

use std::sync::Arc;
use std::time::Duration;

use pelago_exchange::retrieve::{Options, Request, fetch};
use pelago_store::Store;

use crate::dag::Dag;
use crate::options;
use crate::server::{Answer, Server};

/// Set for the process that is killed: the store's folder, the root, the peer.
const CHILD: &str = "PELAGO_TEST_FETCH";

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_is_killed_goes_on_from_what_was_sealed() {
    let mut dag = Dag::default();
    let file = dag.file_of(9, 80, 1 << 20);
    let root = dag.folder(&[("weights.bin", file)]);
    if let Ok(told) = std::env::var(CHILD) {
        let [home, url] = told.split('\n').collect::<Vec<_>>()[..] else { panic!("{told}") };
        fetch_into(home, root.cid, url).await;
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // Holds the last blocks back, so that the fetch is under way when it is killed.
    let held = std::sync::atomic::AtomicUsize::new(0);
    let slow = Server::new(&dag, move |_| match held.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0..70 => Answer::Right,
        _ => Answer::Late(Duration::from_secs(600)),
    })
    .await;
    let name = "storing::a_fetch_that_is_killed_goes_on_from_what_was_sealed";
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(CHILD, format!("{}\n{}", home.path().display(), slow.url))
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // Every block that is not held back was sent, and the first batch of 32 MiB is sealed after it came.
    while slow.heads().len() <= 70 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().await.unwrap();
    let sound = Server::new(&dag, |_| Answer::Right).await;
    let fetched = fetch_into(home.path().to_str().unwrap(), root.cid, &sound.url).await;
    assert!(fetched.bytes_before >= 32 << 20, "{}", fetched.bytes_before);
    assert_eq!(fetched.bytes + fetched.bytes_before, dag.bytes());
    let store = Store::open(home.path()).unwrap();
    assert_eq!(store.verify(root.cid).await.unwrap().bytes, dag.bytes());
}

async fn fetch_into(home: &str, root: pelago_dag::Cid, url: &str) -> pelago_exchange::retrieve::Fetched {
    use pelago_exchange::retrieve::{HttpProvider, Reach, Source};
    let store = Store::open(home).unwrap();
    let ingest = store.ingest(root).await.unwrap();
    let peer = HttpProvider::peer(url, Reach::Named, &Default::default()).unwrap();
    let options = Options { patience: Duration::from_secs(120), ..options() };
    let source = Source::new(Arc::new(peer));
    let fetched = fetch(Request::all(root), Arc::new(ingest.clone()), vec![source], options).await.unwrap();
    ingest.finish().await.unwrap();
    fetched
}
