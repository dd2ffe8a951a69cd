//! Challenges: a peer that has everything passes, one that lost a share is found out as often as it lost.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use pelago_dag::Cid;
use pelago_exchange::replicate::{Outcome, Score, challenge};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{DEADLINE, dag};

async fn ask(root: &Cid, blocks: &BTreeMap<Cid, Bytes>, rng: &mut StdRng) -> Outcome {
    let ask = |cid: Cid| {
        let found = blocks.get(&cid).cloned().ok_or("it has no such block");
        async move { found }
    };
    challenge(root, DEADLINE, rng, ask).await
}

#[tokio::test]
async fn whoever_has_everything_passes_and_every_leaf_is_asked_for() {
    let (root, blocks) = dag(20);
    let mut rng = StdRng::seed_from_u64(1);
    let mut leaves = BTreeMap::new();
    for _ in 0..2000 {
        match ask(&root, &blocks, &mut rng).await {
            Outcome::Passed { leaf, bytes } => {
                assert!(bytes > 1000);
                *leaves.entry(leaf).or_insert(0u32) += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(leaves.len(), 20);
    // A hundred each; 40 is six standard deviations away.
    assert!(leaves.values().all(|n| (40..170).contains(n)), "{leaves:?}");
}

#[tokio::test]
async fn what_was_lost_is_found_out_as_often_as_it_weighs() {
    let (root, mut blocks) = dag(20);
    let leaves: Vec<Cid> = blocks.keys().copied().filter(|cid| cid.codec() == 0x55).take(5).collect();
    leaves.iter().for_each(|leaf| drop(blocks.remove(leaf)));
    let mut rng = StdRng::seed_from_u64(2);
    let mut missing = 0;
    for _ in 0..1000 {
        match ask(&root, &blocks, &mut rng).await {
            Outcome::Passed { .. } => {}
            Outcome::Missing { cid, reason } => {
                assert!(leaves.contains(&cid) && reason == "it has no such block");
                missing += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    // A quarter, with a deviation of 14.
    assert!((170..330).contains(&missing), "{missing}");
}

#[tokio::test]
async fn a_wrong_block_ends_all_trust() {
    let (root, mut blocks) = dag(3);
    let leaf = *blocks.keys().find(|cid| cid.codec() == 0x55).unwrap();
    for leaf in blocks.keys().copied().filter(|cid| cid.codec() == 0x55).collect::<Vec<_>>() {
        blocks.insert(leaf, Bytes::from("not it"));
    }
    let outcome = ask(&root, &blocks, &mut StdRng::seed_from_u64(3)).await;
    assert!(matches!(&outcome, Outcome::Wrong { cid, .. } if cid.codec() == leaf.codec()), "{outcome:?}");
    let hour = Duration::from_secs(3600);
    let mut score = Score::default();
    assert!((score.value(0, hour) - 0.5).abs() < 1e-9);
    (0..8).for_each(|_| score.record(&Outcome::Passed { leaf, bytes: 1 }, 0, hour));
    assert!((score.value(0, hour) - 0.9).abs() < 1e-9);
    // What is long ago counts little.
    assert!((score.value(40 * 3_600_000, hour) - 0.5).abs() < 1e-6);
    score.record(&Outcome::Silent { cid: leaf }, 0, hour);
    assert!((score.value(0, hour) - 9.0 / 11.0).abs() < 1e-9);
    score.record(&outcome, 0, hour);
    assert!(score.value(0, hour) == 0.0 && score.value(u64::MAX, hour) == 0.0);
    assert!(score.wrong().is_some());
    // It is kept over a restart.
    let text = serde_json::to_string(&score).unwrap();
    assert_eq!(serde_json::from_str::<Score>(&text).unwrap(), score);
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let (root, _) = dag(3);
    let ask = |_| std::future::pending::<Result<Bytes, String>>();
    let outcome = challenge(&root, Duration::from_millis(20), &mut StdRng::seed_from_u64(4), ask).await;
    assert_eq!(outcome, Outcome::Silent { cid: root });
}
