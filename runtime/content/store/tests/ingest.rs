//! Fetches into the store: blocks in any order, resumed, shared, refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use common::{noise, on};
use futures::StreamExt;
use pelago_dag::{BlockError, Blocks, Cid, MemoryBlocks, Profile};
use pelago_store::{AddOptions, Store, StoreError, TierCounter};
use proptest::prelude::*;

const MIB: usize = 1 << 20;

/// Content made in a store of its own: the root and all its blocks.
async fn made(dir: &Path, profile: Profile, files: Vec<(String, Bytes)>) -> (Cid, Vec<(Cid, Bytes)>) {
    let store = Store::open(dir).unwrap();
    let options = AddOptions { profile, ..AddOptions::default() };
    let root = store.add_files_as(files, vec![], options).await.unwrap().root;
    let mut blocks = Vec::new();
    for cid in store.blocks(root).await.unwrap() {
        blocks.push((cid, store.get(&cid).await.unwrap()));
    }
    (root, blocks)
}

fn files(seed: u64) -> Vec<(String, Bytes)> {
    let file = |name: &str, seed, size| (name.to_owned(), noise(seed, size));
    vec![file("w", seed, 5 * MIB / 2), file("a/b", seed + 100, 20), file("a/c", seed + 200, 300_000)]
}

async fn read(store: &Store, path: &str, size: usize) -> Result<Vec<u8>, StoreError> {
    let mut all = Vec::new();
    let mut stream = store.read(path, 0..size as u64).await?;
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

#[test]
fn what_was_put_is_read_before_the_rest_is_there() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        for profile in Profile::ALL {
            let (root, blocks) = made(&dir.path().join(format!("from-{profile}")), profile, files(1)).await;
            let store = Store::open(dir.path().join(format!("to-{profile}"))).unwrap();
            let ingest = store.ingest(root).await.unwrap();
            let error = ingest.finish().await.unwrap_err();
            assert!(matches!(error, StoreError::MissingBlock { cid } if cid.hash() == root.hash()));
            // All but one leaf of the large file.
            let is_leaf = |(cid, bytes): &&(Cid, Bytes)| bytes.len() > 200_000 && *cid != root;
            let left_out = blocks.iter().rfind(is_leaf).unwrap().clone();
            for (cid, bytes) in blocks.iter().filter(|(cid, _)| *cid != left_out.0) {
                ingest.put(*cid, bytes.clone()).await.unwrap();
                assert_eq!(ingest.get(cid).await.unwrap(), bytes);
                assert_eq!(ingest.length(cid).await.unwrap(), Some(bytes.len() as u64));
            }
            assert_eq!(read(&store, &format!("{root}/a/b"), 20).await.unwrap(), noise(101, 20));
            assert!(store.roots().await.unwrap().is_empty(), "not to be seen before it is whole");
            assert_eq!(ingest.has(&[left_out.0, blocks[0].0]).await.unwrap(), [false, true]);
            let error = ingest.finish().await.unwrap_err();
            assert!(matches!(&error, StoreError::MissingBlock { cid } if cid.hash() == left_out.0.hash()), "{error}");
            ingest.put(left_out.0, left_out.1).await.unwrap();
            let added = ingest.finish().await.unwrap();
            assert_eq!((added.root, added.files, added.size), (root, 3, (5 * MIB / 2 + 20 + 300_000) as u64));
            assert_eq!(read(&store, &format!("{root}/w"), 5 * MIB / 2).await.unwrap(), noise(1, 5 * MIB / 2));
            store.verify(root).await.unwrap();
            assert_eq!(store.stat_dag(root).await.unwrap().blocks, blocks.len() as u64);
        }
    });
}

#[test]
fn wrong_blocks_are_refused_and_not_kept() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let (root, blocks) = made(&dir.path().join("from"), Profile::default(), files(1)).await;
        let store = Store::open(dir.path().join("to")).unwrap();
        let memory = MemoryBlocks::default();
        let ingest = store.ingest(root).await.unwrap();
        let both: [&dyn Blocks; 2] = [&ingest, &memory];
        for target in both {
            let (cid, bytes) = &blocks[0];
            let mut wrong = bytes.to_vec();
            wrong[0] ^= 1;
            for wrong in [wrong.into(), bytes.slice(1..), Bytes::new(), noise(1, 2 * MIB + 1)] {
                let error = target.put(*cid, wrong).await.unwrap_err();
                assert!(matches!(error, BlockError::WrongBlock { .. }), "{error}");
                assert_eq!(target.has(&[*cid]).await.unwrap(), [false]);
            }
            let sha1 = Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0x11, &[0; 20]).unwrap());
            assert!(matches!(target.put(sha1, bytes.clone()).await, Err(BlockError::Unsupported { .. })));
        }
        // A store takes blocks by a fetch only.
        let (cid, bytes) = &blocks[0];
        assert!(matches!(
            store.put(*cid, bytes.clone()).await.map_err(StoreError::from),
            Err(StoreError::NoFetch { .. })
        ));
        assert!(matches!(store.put(*cid, Bytes::new()).await, Err(BlockError::WrongBlock { .. })));
        ingest.put(*cid, bytes.clone()).await.unwrap();
        store.put(*cid, bytes.clone()).await.unwrap();
    });
}

#[test]
fn one_fetch_of_a_root_at_a_time_and_the_next_resumes() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let (root, blocks) = made(&dir.path().join("from"), Profile::default(), files(1)).await;
        let (half, rest) = blocks.split_at(blocks.len() / 2);
        let to = dir.path().join("to");
        let store = Store::open(&to).unwrap();
        let other = Store::open(&to).unwrap();
        let first = store.ingest(root).await.unwrap();
        for (cid, bytes) in half {
            first.put(*cid, bytes.clone()).await.unwrap();
        }
        let cids: Vec<Cid> = half.iter().map(|(cid, _)| *cid).collect();
        assert!(other.has(&cids).await.unwrap().iter().all(|here| !here), "not sealed yet");
        first.flush().await.unwrap();
        assert!(other.has(&cids).await.unwrap().iter().all(|here| *here));
        for store in [&store, &other] {
            let error = store.ingest_within(root, Duration::from_millis(50)).await.unwrap_err();
            assert!(matches!(error, StoreError::Busy { .. }), "{error}");
        }
        // The other waits, and goes on where the first gave up.
        let waiting = tokio::spawn({
            let other = other.clone();
            async move { other.ingest_within(root, Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        let second = waiting.await.unwrap().unwrap();
        assert!(second.has(&cids).await.unwrap().iter().all(|here| *here), "what was verified stays");
        for (cid, bytes) in rest {
            second.put(*cid, bytes.clone()).await.unwrap();
        }
        let added = second.finish().await.unwrap();
        assert_eq!(added.new_bytes, rest.iter().map(|(_, b)| b.len() as u64).sum::<u64>());
        // Who comes later finds it whole.
        let third = store.ingest(root).await.unwrap();
        assert_eq!(third.finish().await.unwrap().new_bytes, 0);
        store.verify(root).await.unwrap();
        assert_eq!(std::fs::read_dir(to.join("fetches")).unwrap().count(), 0);
    });
}

#[test]
fn fetches_that_share_blocks_do_not_wait_for_each_other() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        let (one, blocks) = made(&from, Profile::default(), files(1)).await;
        let mut more = files(1);
        more.push(("more".to_owned(), noise(7, 10)));
        let (two, more) = made(&from, Profile::default(), more).await;
        let store = Store::open(dir.path().join("to")).unwrap();
        let (first, second) = (store.ingest(one).await.unwrap(), store.ingest(two).await.unwrap());
        for (cid, bytes) in &blocks {
            first.put(*cid, bytes.clone()).await.unwrap();
        }
        for (cid, bytes) in &more {
            second.put(*cid, bytes.clone()).await.unwrap();
        }
        second.finish().await.unwrap();
        let (cid, bytes) = &blocks[0];
        first.clone().abandon().await.unwrap();
        assert!(matches!(store.verify(one).await, Err(StoreError::UnknownRoot { .. })));
        store.verify(two).await.unwrap();
        assert!(matches!(
            first.put(*cid, bytes.clone()).await.map_err(StoreError::from),
            Err(StoreError::NoFetch { .. })
        ));
        let first = store.ingest(one).await.unwrap();
        for (cid, bytes) in &blocks {
            first.put(*cid, bytes.clone()).await.unwrap();
        }
        first.finish().await.unwrap();
        first.finish().await.unwrap();
        store.verify(one).await.unwrap();
    });
}

#[test]
fn an_unfinished_fetch_survives_a_lost_index_and_goes_by_gc() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let (root, blocks) = made(&dir.path().join("from"), Profile::default(), files(1)).await;
        let to = dir.path().join("to");
        let store = Store::open(&to).unwrap();
        let kept = store.add_bytes(noise(9, 3 * MIB)).await.unwrap().root;
        store.pin(kept).await.unwrap();
        let ingest = store.ingest(root).await.unwrap();
        for (cid, bytes) in &blocks[1..] {
            ingest.put(*cid, bytes.clone()).await.unwrap();
        }
        ingest.flush().await.unwrap();
        assert_eq!(store.gc().await.unwrap().blocks, 0, "a living fetch keeps its blocks");
        drop((ingest, store));
        for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
            let _ = std::fs::remove_file(to.join(name));
        }
        let store = Store::open(&to).unwrap();
        assert_eq!(store.pins().await.unwrap().iter().map(|p| p.root).collect::<Vec<_>>(), [kept]);
        let cids: Vec<Cid> = blocks.iter().map(|(cid, _)| *cid).collect();
        assert_eq!(store.has(&cids[1..]).await.unwrap(), vec![true; cids.len() - 1]);
        let ingest = store.ingest(root).await.unwrap();
        ingest.put(cids[0], blocks[0].1.clone()).await.unwrap();
        ingest.finish().await.unwrap();
        store.remove(root).await.unwrap();
        // And once more, this time given up.
        let ingest = store.ingest(root).await.unwrap();
        ingest.put(cids[1], blocks[1].1.clone()).await.unwrap();
        ingest.flush().await.unwrap();
        drop(ingest);
        let collected = store.gc().await.unwrap();
        assert_eq!((collected.roots, collected.blocks), (1, 1));
        assert!(collected.bytes >= blocks[1].1.len() as u64);
        assert_eq!(store.has(&cids).await.unwrap(), vec![false; cids.len()]);
        let ingest = store.ingest(root).await.unwrap();
        ingest.put(cids[1], blocks[1].1.clone()).await.unwrap();
        ingest.abandon().await.unwrap();
        assert_eq!(store.has(&cids).await.unwrap(), vec![false; cids.len()]);
        store.verify(kept).await.unwrap();
    });
}

#[test]
fn a_second_read_needs_no_disk() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let root = store.add_files(files(1), vec![]).await.unwrap().root;
        let counted = async |path: &str, size: usize| {
            let counter = TierCounter::default();
            let mut stream =
                store.read_counted(&format!("{root}/{path}"), 0..size as u64, counter.clone()).await.unwrap();
            while let Some(piece) = stream.next().await {
                piece.unwrap();
            }
            (counter.bytes().memory, counter.bytes().disk)
        };
        assert_eq!(counted("a/b", 20).await, (0, 20));
        assert_eq!(counted("a/b", 20).await, (20, 0));
        let size = 5 * MIB / 2;
        assert_eq!(counted("w", size).await, (0, size as u64));
        assert_eq!(counted("w", size).await, (0, size as u64), "a large block is hot from its second read on");
        assert_eq!(counted("w", size).await, (size as u64, 0));
        let totals = store.tier_totals();
        assert_eq!((totals.memory, totals.disk), (20 + size as u64, 20 + 2 * size as u64));
        store.remove(root).await.unwrap();
        assert!(store.read(&format!("{root}/a/b"), 0..1).await.is_err(), "removed is removed");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Into the memory store and the one on disk alike: what was put is read, whatever the order, and
    /// a block with a flipped bit never.
    #[test]
    fn what_is_put_is_read(
        seed in 0u64..1000,
        sizes in prop::collection::vec(prop_oneof![0usize..3000, MIB - 1..3 * MIB / 2], 1..5),
        old in any::<bool>(),
        order in any::<prop::sample::Index>(),
        bit in any::<prop::sample::Index>(),
        cut in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        on(async {
            let dir = tempfile::tempdir().unwrap();
            let profile = if old { Profile::UnixfsV0_2015 } else { Profile::UnixfsV1_2025 };
            let content: Vec<Bytes> = sizes.iter().enumerate().map(|(i, n)| noise(seed + i as u64, *n)).collect();
            let named = content.iter().enumerate().map(|(i, b)| (format!("d/{i}"), b.clone())).collect();
            let (root, mut blocks) = made(&dir.path().join("from"), profile, named).await;
            let count = blocks.len();
            blocks.rotate_left(order.index(count));
            let store = Store::open(dir.path().join("to")).unwrap();
            let (ingest, memory) = (store.ingest(root).await.unwrap(), MemoryBlocks::default());
            let both: [&dyn Blocks; 2] = [&ingest, &memory];
            for target in both {
                for (cid, bytes) in &blocks {
                    let mut wrong = bytes.to_vec();
                    if !wrong.is_empty() {
                        let at = bit.index(wrong.len() * 8);
                        wrong[at / 8] ^= 1 << (at % 8);
                        assert!(target.put(*cid, wrong.into()).await.is_err());
                    }
                    target.put(*cid, bytes.clone()).await.unwrap();
                    assert_eq!(&target.get(cid).await.unwrap(), bytes);
                }
            }
            ingest.finish().await.unwrap();
            for (i, bytes) in content.iter().enumerate() {
                let (a, b) = (cut.0.index(bytes.len() + 1), cut.1.index(bytes.len() + 1));
                let (a, b) = (a.min(b), a.max(b));
                let mut all = Vec::new();
                let mut stream = store.read(&format!("{root}/d/{i}"), a as u64..b as u64).await.unwrap();
                while let Some(piece) = stream.next().await {
                    all.extend_from_slice(&piece.unwrap());
                }
                assert_eq!(all, bytes[a..b]);
            }
            // A bit that flips on the disk is never handed out.
            drop(ingest);
            drop(store);
            let extents: Vec<_> = std::fs::read_dir(dir.path().join("to/extents")).unwrap().map(|e| e.unwrap().path()).collect();
            let file = &extents[order.index(extents.len())];
            let mut bytes = std::fs::read(file).unwrap();
            let at = bit.index(bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            std::fs::remove_file(file).unwrap();
            std::fs::write(file, bytes).unwrap();
            let store = Store::open(dir.path().join("to")).unwrap();
            for (cid, bytes) in &blocks {
                match store.get(cid).await {
                    Ok(found) => assert_eq!(&found, bytes),
                    Err(BlockError::Damaged { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
}
