//! The content store when several processes use it, when they are killed, and
//! when the disk is full or cannot be written.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and say why")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{noise, on};
use pelago_store::{Store, StoreError};

const STORE: &str = "PELAGO_TEST_WORKER_STORE";
const SEED: &str = "PELAGO_TEST_WORKER_SEED";
const MIB: usize = 1 << 20;

/// Adds and removes until it is killed, or once if the seed is `once:<n>`.
#[test]
#[ignore = "run by the tests below, as a process of its own"]
fn worker() {
    let (Ok(dir), Ok(seed)) = (std::env::var(STORE), std::env::var(SEED)) else { return };
    let store = Store::open(dir).unwrap();
    println!("\nready");
    let (rounds, seed) = seed.strip_prefix("once:").map_or((u64::MAX, seed.as_str()), |s| (4, s));
    let seed: u64 = seed.parse().unwrap();
    let mut last = None;
    for round in 0..rounds {
        let file = |name: &str, seed, size| (name.to_owned(), noise(seed, size));
        let files =
            vec![file("shared", 0, 2 * MIB), file("own", seed * 1000 + round, 3 * MIB / 2), file("small", round, 9)];
        let added = on(store.add_files(files, vec![])).unwrap();
        if rounds == u64::MAX
            && let Some(before) = last.replace(added.root)
        {
            match on(store.remove(before)) {
                Ok(()) | Err(StoreError::UnknownRoot { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        println!("\nadded {}", added.root);
    }
}

fn start(store: &Path, seed: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["worker", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(STORE, store)
        .env(SEED, seed)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The index and the disk name the same extents, nothing unfinished is left, every root is whole.
fn check_sound(dir: &Path) -> usize {
    let store = Store::open(dir).unwrap();
    let index = rusqlite::Connection::open(dir.join("store.sqlite")).unwrap();
    let mut statement = index.prepare("SELECT name FROM extents").unwrap();
    let named: BTreeSet<String> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    let on_disk: BTreeSet<String> = names(&dir.join("extents")).into_iter().collect();
    assert_eq!(named, on_disk, "the index and the disk agree");
    let owners = names(&dir.join("owners"));
    assert_eq!(owners.len(), 1, "only this process: {owners:?}");
    assert_eq!(names(&dir.join("owners").join(&owners[0])), ["lock"], "no unfinished files");
    let roots = on(store.roots()).unwrap();
    for root in &roots {
        on(store.verify(root.cid)).unwrap();
    }
    roots.len()
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn killed_in_the_middle_the_store_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let (mut killed_with_leftovers, mut with_roots) = (0, 0);
    for round in 0..30u64 {
        let mut child = start(dir.path(), &round.to_string());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "ready"));
        // Every third round is killed after an import that ended, the others anywhere
        // within the first imports; where exactly is what the rounds vary.
        if round % 3 == 0 {
            assert!(lines.any(|line| line.unwrap().starts_with("added ")));
        }
        std::thread::sleep(Duration::from_millis(round * 7 % 97));
        child.kill().unwrap();
        child.wait().unwrap();
        let owner = names(&dir.path().join("owners")).pop().unwrap();
        killed_with_leftovers += usize::from(names(&dir.path().join("owners").join(owner)).len() > 1);
        with_roots += usize::from(check_sound(dir.path()) > 0);
    }
    assert!(with_roots > 0, "some imports must have ended before the kill");
    assert!(killed_with_leftovers > 0, "some kills must have hit an import");
}

#[test]
fn several_processes_add_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let children: Vec<Child> =
        ["once:1", "once:1", "once:2", "once:3"].iter().map(|seed| start(dir.path(), seed)).collect();
    let mut added = BTreeSet::new();
    for mut child in children {
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success(), "{text}");
        added.extend(text.lines().filter_map(|l| l.strip_prefix("added ")).map(str::to_owned));
    }
    assert_eq!(added.len(), 12, "three seeds of four rounds, whoever added them");
    assert_eq!(check_sound(dir.path()), 12);
}

#[test]
fn adding_and_removing_at_once_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Two that add and remove without end, and one whose imports must all be whole afterwards.
    let mut restless: Vec<Child> = ["5", "6"].iter().map(|seed| start(dir.path(), seed)).collect();
    let child = start(dir.path(), "once:7").wait_with_output().unwrap();
    for child in &mut restless {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let text = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{text}");
    let added = text.lines().filter(|l| l.starts_with("added ")).count();
    assert_eq!(added, 4);
    assert!(check_sound(dir.path()) >= added);
}

/// A small file system of its own, unmounted at the end.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn mount(dir: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let run = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir).output();
        if run.is_ok_and(|r| r.status.success()) {
            return Some(Self(dir.to_owned()));
        }
        eprintln!("a tmpfs cannot be mounted here (that needs root): not tried");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_an_error_and_harms_nothing() {
    let outer = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(outer.path(), "8m") else { return };
    let dir = disk.0.join("store");
    let store = Store::open(&dir).unwrap();
    let first = on(store.add_bytes(noise(1, 3 * MIB))).unwrap();
    for size in [6 * MIB, 20 * MIB] {
        let error = on(store.add_bytes(noise(2, size))).unwrap_err();
        assert!(matches!(error, StoreError::NoSpace { .. }), "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
    }
    // Many small files fill it to the last page, wherever the write happens to be.
    for seed in 10.. {
        match on(store.add_bytes(noise(seed, 200_000))) {
            Ok(_) => {}
            Err(StoreError::NoSpace { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    on(store.verify(first.root)).unwrap();
    on(store.remove(first.root)).unwrap();
    on(store.add_bytes(noise(3, 2 * MIB))).unwrap();
    drop(store);
    check_sound(&dir);
}

#[test]
fn a_store_that_cannot_be_written_is_read() {
    let outer = tempfile::tempdir().unwrap();
    let Some(disk) = Tmpfs::mount(outer.path(), "16m") else { return };
    let dir = disk.0.join("store");
    let store = Store::open(&dir).unwrap();
    let root = on(store.add_files(vec![("a".to_owned(), "hello".into())], vec![])).unwrap().root;
    drop(store);
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk.0).status().unwrap();
    assert!(remount.success());
    let store = Store::open(&dir).unwrap();
    assert_eq!(on(store.read_all(root, "a", 100)).unwrap(), "hello");
    on(store.verify(root)).unwrap();
    let rows = store.read_tables(|c| c.query_row("SELECT count(*) FROM content", [], |row| row.get::<_, i64>(0)));
    assert_eq!(on(rows).unwrap(), 1);
    let error = on(store.add_bytes("more")).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert!(matches!(on(store.remove(root)), Err(StoreError::ReadOnly { .. })));
    let error = Store::open(disk.0.join("other")).err().unwrap();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let index = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
    index.pragma_update(None, "user_version", 99).unwrap();
    drop(index);
    assert!(matches!(Store::open(dir.path()).err().unwrap(), StoreError::Format { found: 99, .. }));
}
