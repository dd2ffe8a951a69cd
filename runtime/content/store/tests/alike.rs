//! Memory and disk hold blocks alike: whatever is put and asked for, sound or
//! not, both answer the same.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../../dag/tests/fixtures/mod.rs"]
mod fixtures;

use std::fmt::Debug;

use bytes::Bytes;
use cid::multihash::Multihash;
use common::{noise, on};
use fixtures::{DAG_CBOR, DAG_PB, RAW, cid_of, identity};
use pelago_dag::{BLOCK_MAX, Blocks, Cid, MemoryBlocks};
use pelago_store::Store;
use proptest::prelude::*;

/// Blocks of every kind that may come, sound or not.
fn pool() -> Vec<(Cid, Bytes)> {
    let sound = |codec, bytes: Bytes| (cid_of(codec, &bytes), bytes);
    let node = Bytes::from(fixtures::encode(vec![0x08, 1], &[]));
    let largest = noise(1, BLOCK_MAX as usize);
    let too_large = noise(2, BLOCK_MAX as usize + 1);
    let v0 = Cid::new_v0(*cid_of(DAG_PB, &node).hash()).unwrap();
    let sha1 = Cid::new_v1(RAW, Multihash::wrap(0x11, &[7; 20]).unwrap());
    vec![
        sound(RAW, Bytes::new()),
        sound(RAW, noise(3, 1000)),
        sound(RAW, largest),
        sound(RAW, too_large),
        sound(DAG_PB, node.clone()),
        (v0, node.clone()),
        sound(DAG_PB, "no node".into()),
        sound(DAG_CBOR, Bytes::from_static(&[0xa0])),
        sound(0x0129, "{}".into()),
        (identity(RAW, b"inline"), "inline".into()),
        (identity(RAW, &[7; 128]), Bytes::from(vec![7; 128])),
        (identity(RAW, b"inline"), "another".into()),
        (cid_of(RAW, b"a"), "b".into()),
        (cid_of(RAW, &noise(3, 1000)), noise(4, 1000)),
        (sha1, "x".into()),
    ]
}

/// What both must agree on: the value, or which error it is.
fn said<T: Debug, E: Debug>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{error:?}").split(['{', '(', ' ']).next().unwrap_or_default().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_disk_answer_the_same(steps in prop::collection::vec((0usize..15, any::<bool>()), 1..24)) {
        let (dir, pool) = (tempfile::tempdir().unwrap(), pool());
        on(async {
            let store = Store::open(dir.path()).unwrap();
            let (disk, memory) = (store.ingest(pool[1].0).await.unwrap(), MemoryBlocks::default());
            for (at, seal) in steps {
                let (cid, bytes) = &pool[at];
                let (one, other) = (disk.put(*cid, bytes.clone()).await, memory.put(*cid, bytes.clone()).await);
                prop_assert_eq!(said(one), said(other), "put {}", at);
                if seal {
                    disk.flush().await.unwrap();
                }
                for (cid, _) in &pool {
                    prop_assert_eq!(said(disk.get(cid).await), said(memory.get(cid).await), "get {}", cid);
                    prop_assert_eq!(said(disk.length(cid).await), said(memory.length(cid).await), "length {}", cid);
                }
                let all: Vec<Cid> = pool.iter().map(|(cid, _)| *cid).collect();
                prop_assert_eq!(said(disk.has(&all).await), said(memory.has(&all).await));
            }
            Ok(())
        })?;
    }
}
