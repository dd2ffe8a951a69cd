//! Fetches, gc and pins when processes are killed, when several of them work on one store at once,
//! and when the disk is full.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and say why")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{noise, on};
use pelago_dag::{Blocks, Cid};
use pelago_store::{Ingest, Store, StoreError};

const TARGET: &str = "PELAGO_TEST_FAULTS_STORE";
const SOURCE: &str = "PELAGO_TEST_FAULTS_SOURCE";
const TASK: &str = "PELAGO_TEST_FAULTS_TASK";
const MIB: usize = 1 << 20;

/// A store to fetch from: roots that share a file.
fn source(dir: &Path, roots: u64) -> Vec<Cid> {
    let store = Store::open(dir).unwrap();
    let file = |name: &str, seed, size| (name.to_owned(), noise(seed, size));
    (0..roots)
        .map(|i| {
            let files = vec![file("shared", 0, 2 * MIB), file("own", i + 1, 5 * MIB / 2), file("small", i + 100, 99)];
            on(store.add_files(files, vec![])).unwrap().root
        })
        .collect()
}

/// Fetches a root: asks what is here, as a retrieval does, and seals often, so that kills hit it.
async fn fetch(from: &Store, ingest: &Ingest) -> Result<(), StoreError> {
    loop {
        let blocks = from.blocks(ingest.root()).await?;
        for (cid, here) in blocks.iter().zip(ingest.has(&blocks).await?) {
            if !here {
                ingest.put(*cid, from.get(cid).await?).await?;
                ingest.flush().await?;
            }
        }
        match ingest.finish().await {
            // Another process removed what was here a moment ago.
            Err(StoreError::MissingBlock { .. }) => {}
            done => return done.map(|_| ()),
        }
    }
}

#[test]
#[ignore = "run by the tests below, as a process of its own"]
fn worker() {
    let (Ok(target), Ok(from), Ok(task)) = (std::env::var(TARGET), std::env::var(SOURCE), std::env::var(TASK)) else {
        return;
    };
    let (target, from) = (Store::open(target).unwrap(), Store::open(from).unwrap());
    let wanted: Vec<Cid> = on(from.roots()).unwrap().iter().map(|root| root.cid).collect();
    println!("\nready");
    let within = Duration::from_secs(120);
    on(async {
        let (mut round, mut added_before) = (0, None);
        loop {
            round += 1;
            match task.as_str() {
                "gc" => drop(target.gc().await.unwrap()),
                // Adds, and removes what it added before. A file is one that the others fetch.
                "add" => {
                    let file = |name: &str, seed, size| (name.to_owned(), noise(seed, size));
                    let files = vec![file("shared", 0, 2 * MIB), file("own", 1000 + round as u64, MIB)];
                    let added = target.add_files(files, vec![]).await.unwrap().root;
                    if let Some(before) = added_before.replace(added) {
                        target.remove(before).await.unwrap();
                    }
                }
                // Fetches all, and leaves them.
                "once" => {
                    for root in &wanted {
                        fetch(&from, &target.ingest_within(*root, within).await.unwrap()).await.unwrap();
                    }
                    return;
                }
                // Fetches, pins, collects and removes without end.
                _ => {
                    let root = wanted[round % wanted.len()];
                    fetch(&from, &target.ingest_within(root, within).await.unwrap()).await.unwrap();
                    let lease = target.lease(root).await;
                    if round % 3 == 0 {
                        target.gc().await.unwrap();
                    }
                    drop(lease);
                    match target.remove(root).await {
                        Ok(()) | Err(StoreError::UnknownRoot { .. } | StoreError::InUse { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            println!("\nround {round}");
        }
    });
}

fn start(target: &Path, from: &Path, task: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["worker", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TARGET, target)
        .env(SOURCE, from)
        .env(TASK, task)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

/// The index and the disk name the same extents, every root is whole, and every block of an
/// unfinished fetch is what its CID says.
fn check_sound(dir: &Path) {
    let store = Store::open(dir).unwrap();
    let index = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    let mut statement = index.prepare("SELECT name FROM extents").unwrap();
    let named: BTreeSet<String> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    let on_disk: BTreeSet<String> = names(&dir.join("extents")).into_iter().collect();
    assert_eq!(named, on_disk, "the index and the disk agree");
    let mut statement = index.prepare("SELECT cid FROM blocks").unwrap();
    let blocks = statement.query_map([], |r| r.get::<_, Vec<u8>>(0)).unwrap();
    for cid in blocks.map(|bytes| Cid::try_from(&bytes.unwrap()[..]).unwrap()) {
        on(store.get(&cid)).unwrap();
    }
    for root in on(store.roots()).unwrap() {
        on(store.verify(root.cid)).unwrap();
    }
}

#[test]
fn a_killed_fetch_goes_on_from_what_it_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let (from, target) = (dir.path().join("from"), dir.path().join("to"));
    let wanted = source(&from, 3);
    let (mut resumed, mut leftovers) = (0, 0);
    for round in 0..24u64 {
        let mut child = start(&target, &from, "restless");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"));
        std::thread::sleep(Duration::from_millis(round * 13 % 211));
        child.kill().unwrap();
        child.wait().unwrap();
        let owner = names(&target.join("owners")).pop().unwrap();
        leftovers += usize::from(names(&target.join("owners").join(owner)).len() > 1);
        check_sound(&target);
        let (store, source) = (Store::open(&target).unwrap(), Store::open(&from).unwrap());
        on(async {
            let root = wanted[round as usize % wanted.len()];
            let ingest = store.ingest(root).await.unwrap();
            let blocks = source.blocks(root).await.unwrap();
            let here = ingest.has(&blocks).await.unwrap().iter().filter(|here| **here).count();
            resumed += usize::from(here > 0 && here < blocks.len());
            fetch(&source, &ingest).await.unwrap();
            store.verify(root).await.unwrap();
            store.remove(root).await.unwrap();
            if round % 2 == 0 {
                store.gc().await.unwrap();
                let left = store.roots().await.unwrap().len();
                assert!(left > 0 || names(&target.join("extents")).is_empty(), "gc leaves nothing that no root needs");
            }
        });
    }
    assert!(leftovers > 0, "some kills must have hit a batch that was not sealed");
    assert!(resumed > 0, "some fetches must have gone on from a part");
}

#[test]
fn several_processes_fetch_the_same_roots_while_others_add_and_collect() {
    let dir = tempfile::tempdir().unwrap();
    let (from, target) = (dir.path().join("from"), dir.path().join("to"));
    let wanted = source(&from, 3);
    let mut gc = start(&target, &from, "gc");
    let mut restless = start(&target, &from, "restless");
    let mut adding = start(&target, &from, "add");
    let mut once: Vec<Child> = (0..2).map(|_| start(&target, &from, "once")).collect();
    for child in &mut once {
        assert!(child.wait().unwrap().success());
    }
    for child in [&mut gc, &mut restless, &mut adding] {
        assert!(child.try_wait().unwrap().is_none(), "it must not have failed");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    check_sound(&target);
    // The restless one may have removed what the others left; who is alone gets all of it.
    assert!(start(&target, &from, "once").wait().unwrap().success());
    check_sound(&target);
    let store = Store::open(&target).unwrap();
    let roots: BTreeSet<Cid> = on(store.roots()).unwrap().iter().map(|root| root.cid).collect();
    // What was added is there too, but for what the kill hit.
    let added = roots.iter().filter(|root| !wanted.contains(root)).count();
    assert_eq!(roots.len(), wanted.len() + added);
    assert!(added <= 2, "{roots:?}");
    on(store.gc()).unwrap();
    check_sound(&target);
}

#[test]
fn a_lease_ends_with_its_process_and_a_pin_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let (from, target) = (dir.path().join("from"), dir.path().join("to"));
    let wanted = source(&from, 1);
    let mut child = start(&target, &from, "restless");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("round")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(start(&target, &from, "once").wait().unwrap().success());
    let store = Store::open(&target).unwrap();
    on(store.pin(wanted[0])).unwrap();
    drop(store);
    let store = Store::open(&target).unwrap();
    assert!(matches!(on(store.remove(wanted[0])), Err(StoreError::InUse { by: "pinned", .. })));
    on(store.unpin(wanted[0])).unwrap();
    on(store.remove(wanted[0])).unwrap();
}

#[test]
fn a_disk_that_fills_during_a_fetch_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (from, disk) = (dir.path().join("from"), dir.path().join("disk"));
    std::fs::create_dir(&disk).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=7m", "tmpfs"]).arg(&disk).output();
    if !mount.is_ok_and(|run| run.status.success()) {
        eprintln!("a tmpfs cannot be mounted here (that needs root): not tried");
        return;
    }
    let wanted = source(&from, 2);
    let (store, source) = (Store::open(disk.join("store")).unwrap(), Store::open(&from).unwrap());
    on(async {
        fetch(&source, &store.ingest(wanted[0]).await.unwrap()).await.unwrap();
        let ingest = store.ingest(wanted[1]).await.unwrap();
        let error = fetch(&source, &ingest).await.unwrap_err();
        assert!(matches!(error, StoreError::NoSpace { .. }), "{error}");
        store.verify(wanted[0]).await.unwrap();
        store.remove(wanted[0]).await.unwrap();
        fetch(&source, &ingest).await.unwrap();
        store.verify(wanted[1]).await.unwrap();
        drop(ingest);
    });
    drop(store);
    check_sound(&disk.join("store"));
    assert!(Command::new("umount").arg("-l").arg(&disk).status().unwrap().success());
}
