//! What stays and what goes: pins, leases, the quota, gc, and a store of an earlier format.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{noise, on};
use pelago_dag::{Blocks, Cid};
use pelago_store::{AddOptions, Store, StoreError, StoreOptions};

const MIB: usize = 1 << 20;

const EVICTABLE: AddOptions = AddOptions { profile: pelago_dag::Profile::UnixfsV1_2025, evictable: true };

async fn add(store: &Store, seed: u64, mib: usize) -> Result<Cid, StoreError> {
    store.add_bytes_as(noise(seed, mib * MIB), EVICTABLE).await.map(|added| added.root)
}

async fn roots(store: &Store) -> Vec<Cid> {
    store.roots().await.unwrap().into_iter().map(|root| root.cid).collect()
}

fn disk(store: &Store) -> u64 {
    let extents = std::fs::read_dir(store.dir().join("extents")).unwrap();
    extents.map(|e| e.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn pins_and_leases_keep_a_root() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let other = Store::open(dir.path()).unwrap();
        let root = add(&store, 1, 2).await.unwrap();
        let absent = Cid::new_v1(0x55, *add(&Store::open(dir.path().join("x")).unwrap(), 2, 1).await.unwrap().hash());
        assert!(matches!(store.pin(absent).await, Err(StoreError::UnknownRoot { .. })));
        assert!(matches!(store.lease(absent).await, Err(StoreError::UnknownRoot { .. })));
        store.pin(root).await.unwrap();
        store.pin(root).await.unwrap();
        assert_eq!(other.pins().await.unwrap().len(), 1);
        let error = other.remove(root).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{root} is pinned: unpin it first"));
        store.unpin(root).await.unwrap();
        assert!(other.pins().await.unwrap().is_empty());
        let lease = store.lease(root).await.unwrap();
        let error = other.remove(root).await.unwrap_err();
        assert!(matches!(error, StoreError::InUse { by: "leased", .. }), "{error}");
        let stat = other.stat_dag(root).await.unwrap();
        assert!(stat.leased && !stat.pinned && stat.last_used.is_some());
        // A process that ends does not drop its leases; its lock says that it has ended.
        std::mem::forget(lease);
        drop(store);
        let owners = dir.path().join("owners");
        assert!(std::fs::read_dir(&owners).unwrap().count() >= 1);
        other.gc().await.unwrap();
    });
}

#[test]
fn a_quota_evicts_what_was_not_used_for_longest() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { quota: Some(10 * MIB as u64), ..StoreOptions::default() };
        let store = Store::open_with(dir.path(), options).unwrap();
        let [a, b, c] = [add(&store, 1, 3), add(&store, 2, 3), add(&store, 3, 3)];
        let [a, b, c] = [a.await.unwrap(), b.await.unwrap(), c.await.unwrap()];
        // In hours, so that the order is plain: `a` was used last.
        let set = |cid: Cid, hours: i64| {
            store.write_tables(move |tx| {
                tx.execute("UPDATE roots SET used_at = used_at - ? WHERE cid = ?", (hours * 3_600_000, cid.to_bytes()))
            })
        };
        set(a, 1).await.unwrap();
        set(b, 9).await.unwrap();
        set(c, 5).await.unwrap();
        let d = add(&store, 4, 3).await.unwrap();
        assert_eq!(roots(&store).await, [a, c, d], "`b` was idle for longest");
        assert!(disk(&store) <= 10 * MIB as u64);
        // Pinned, leased and named roots stay, whatever their age.
        set(d, 100).await.unwrap();
        store.pin(c).await.unwrap();
        let lease = store.lease(d).await.unwrap();
        store.make_tables("CREATE TABLE words (word TEXT, cid BLOB)").unwrap();
        store.keep_named("words", "cid").unwrap();
        store.write_tables(move |tx| tx.execute("INSERT INTO words VALUES ('a', ?)", [a.to_bytes()])).await.unwrap();
        let error = add(&store, 5, 3).await.unwrap_err();
        assert!(matches!(error, StoreError::Quota { quota, .. } if quota == 10 * MIB as u64), "{error}");
        assert_eq!(roots(&store).await, [a, c, d], "nothing was evicted in vain");
        store.write_tables(|tx| tx.execute("DELETE FROM words", [])).await.unwrap();
        let e = add(&store, 5, 3).await.unwrap();
        assert_eq!(roots(&store).await, [c, d, e]);
        drop(lease);
        // More than the quota is refused, whatever could be evicted.
        assert!(matches!(add(&store, 6, 11).await, Err(StoreError::Quota { .. })));
        assert_eq!(roots(&store).await, [c, d, e]);
        // What is here already needs no room.
        assert_eq!(add(&store, 5, 3).await.unwrap(), e);
        assert_eq!(roots(&store).await, [c, d, e]);
        assert!(matches!(store.keep_named("words", "absent"), Err(StoreError::Index { .. })));
    });
}

#[test]
fn what_was_added_here_without_leave_is_not_evicted() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { quota: Some(4 * MIB as u64), ..StoreOptions::default() };
        let store = Store::open_with(dir.path(), options).unwrap();
        let kept = store.add_bytes(noise(1, 3 * MIB)).await.unwrap().root;
        assert!(matches!(add(&store, 2, 3).await, Err(StoreError::Quota { .. })));
        assert_eq!(roots(&store).await, [kept]);
        store.verify(kept).await.unwrap();
    });
}

#[test]
fn a_fetch_reserves_its_room() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let from = Store::open(dir.path().join("from")).unwrap();
        let wanted = add(&from, 7, 4).await.unwrap();
        let options = StoreOptions { quota: Some(10 * MIB as u64), ..StoreOptions::default() };
        let store = Store::open_with(dir.path().join("to"), options).unwrap();
        let old = add(&store, 1, 5).await.unwrap();
        let ingest = store.ingest(wanted).await.unwrap();
        assert!(matches!(ingest.reserve(11 * MIB as u64).await, Err(StoreError::Quota { .. })));
        assert_eq!(roots(&store).await, [old]);
        ingest.reserve(6 * MIB as u64).await.unwrap();
        assert!(roots(&store).await.is_empty(), "evicted for what will come");
        let error = add(&store, 2, 5).await.unwrap_err();
        assert!(matches!(error, StoreError::Quota { reserved, .. } if reserved >= 6 * MIB as u64), "{error}");
        for cid in from.blocks(wanted).await.unwrap() {
            ingest.put(cid, from.get(&cid).await.unwrap()).await.unwrap();
        }
        ingest.finish().await.unwrap();
        add(&store, 2, 5).await.unwrap();
        assert_eq!(roots(&store).await.len(), 2, "what was reserved and not used is free again");
    });
}

#[test]
fn gc_gives_back_what_is_mostly_dead() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let file = |name: &str, seed| (name.to_owned(), noise(seed, 400_000));
        // One extent of small files, of which the second root uses one.
        let first = store.add_files((0..8).map(|i| file(&i.to_string(), i)).collect(), vec![]).await.unwrap().root;
        let second = store.add_files(vec![file("only", 3)], vec![]).await.unwrap().root;
        assert_eq!(
            store.stat_dag(second).await.unwrap().unique_bytes,
            store.stat_dag(second).await.unwrap().bytes - 400_000
        );
        store.remove(first).await.unwrap();
        let before = disk(&store);
        assert!(before > 3_000_000);
        let collected = store.gc().await.unwrap();
        assert_eq!(collected.bytes, before - disk(&store));
        assert!(disk(&store) < 410_000, "{}", disk(&store));
        assert_eq!(store.gc().await.unwrap().bytes, 0);
        assert_eq!(store.read_all(second, "only", 400_000).await.unwrap(), noise(3, 400_000));
        drop(store);
        for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
            let _ = std::fs::remove_file(dir.path().join(name));
        }
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(roots(&store).await, [second]);
        store.verify(second).await.unwrap();
    });
}

#[test]
fn a_store_of_the_first_format_is_brought_up_to_date() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let root = store.add_bytes(noise(1, 3 * MIB)).await.unwrap().root;
        drop(store);
        // What the first format did not have is taken away.
        let index = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
        index
            .execute_batch(
                "DROP TABLE fetches; DROP TABLE fetch_blocks; DROP TABLE leases; DROP TABLE reservations;
                 DROP TABLE keepers; ALTER TABLE roots DROP COLUMN used_at; ALTER TABLE roots DROP COLUMN cost_ms;
                 ALTER TABLE roots DROP COLUMN evictable; ALTER TABLE roots DROP COLUMN pinned_at;
                 PRAGMA user_version = 1;",
            )
            .unwrap();
        drop(index);
        for folder in ["fetches", "pins"] {
            std::fs::remove_dir(dir.path().join(folder)).unwrap();
        }
        let store = Store::open(dir.path()).unwrap();
        store.verify(root).await.unwrap();
        store.pin(root).await.unwrap();
        assert_eq!(store.stat_dag(root).await.unwrap().blocks, 4);
    });
}

#[test]
fn the_view_of_content_has_what_is_kept() {
    on(async {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let root = add(&store, 1, 2).await.unwrap();
        let [kept] = &store.roots().await.unwrap()[..] else { panic!("one root is kept") };
        let expected = (root.to_bytes(), kept.profile.clone(), kept.size, kept.files);
        let row = store.read_tables(|c| {
            c.query_row("SELECT cid, profile, size, files FROM content", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64, row.get::<_, i64>(3)? as u64))
            })
        });
        assert_eq!(row.await.unwrap(), expected);
        assert_eq!((expected.2, expected.3), (2 * MIB as u64, 1));
        store.remove(root).await.unwrap();
        let rows = store.read_tables(|c| c.query_row("SELECT count(*) FROM content", [], |row| row.get::<_, i64>(0)));
        assert_eq!(rows.await.unwrap(), 0);
    });
}
