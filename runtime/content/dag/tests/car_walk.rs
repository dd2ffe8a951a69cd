//! Walks: the order of blocks against a plain recursive model, ranges against
//! the bytes themselves, and DAGs that were made to exhaust whoever walks them.

mod fixtures;

use std::collections::HashSet;
use std::ops::Range;

use fixtures::{DAG_PB, Dag, RAW, cid_of, encode_shard, file_data, identity, noise, run};
use futures::{StreamExt, TryStreamExt};
use pelago_dag::{BlockError, Blocks, Cid, EntityBytes, Scope, Walk, WalkOptions};
use proptest::prelude::*;

async fn walk(dag: &Dag, root: Cid, path: &str, scope: Scope, dups: bool) -> Result<Vec<Cid>, BlockError> {
    let walk = Walk::open(dag.blocks(), root, path, WalkOptions { scope, dups }).await?;
    walk.stream().map_ok(|(cid, _)| cid).try_collect().await
}

/// A tree of folders and leaves.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(u8),
    Folder(Vec<Tree>),
}

fn tree() -> impl Strategy<Value = Tree> {
    // Few different leaves, so that many are the same.
    (0u8..6)
        .prop_map(Tree::Leaf)
        .prop_recursive(4, 40, 5, |inner| prop::collection::vec(inner, 0..5).prop_map(Tree::Folder))
}

/// Puts a tree, and writes down each block as a depth-first reader meets it.
async fn put(dag: &Dag, tree: &Tree, met: &mut Vec<Cid>) -> Cid {
    match tree {
        Tree::Leaf(byte) => {
            let cid = dag.raw(&[*byte]).await;
            met.push(cid);
            cid
        }
        Tree::Folder(children) => {
            let mut below = Vec::new();
            let mut cids = Vec::new();
            for child in children {
                cids.push(Box::pin(put(dag, child, &mut below)).await);
            }
            let names: Vec<String> = (0..cids.len()).map(|n| format!("{n:03}")).collect();
            let links: Vec<_> = names.iter().map(String::as_str).zip(cids).collect();
            let cid = dag.folder(&links).await;
            met.push(cid);
            met.extend(below);
            cid
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_is_that_of_a_depth_first_reader(tree in tree()) {
        run(async {
            let dag = Dag::default();
            let mut met = Vec::new();
            let root = put(&dag, &tree, &mut met).await;
            prop_assert_eq!(&walk(&dag, root, "", Scope::All, true).await.expect("a walk"), &met);
            let mut seen = HashSet::new();
            met.retain(|cid| seen.insert(*cid));
            prop_assert_eq!(walk(&dag, root, "", Scope::All, false).await.expect("a walk"), met);
            Ok(())
        })?;
    }

    #[test]
    fn a_range_has_the_blocks_with_its_bytes_and_no_others(
        length in 0usize..400,
        chunk in 1usize..40,
        width in 2usize..5,
        repeat: bool,
        from in -450i64..450,
        to in prop::option::of(-450i64..450),
        dups: bool,
    ) {
        run(async {
            let dag = Dag::default();
            let content = if repeat { vec![7; length] } else { noise(9, length) };
            let file = dag.file_of(&content, chunk, width).await;
            let asked = EntityBytes { from, to };
            let opened = Walk::open(dag.blocks(), file, "", WalkOptions { scope: Scope::Entity(Some(asked)), dups }).await;
            let found: Vec<_> = opened.expect("a walk").stream().try_collect().await.expect("its blocks");
            // The bytes as anyone would count them.
            let wide = length as i64;
            let at = |n: i64| if n < 0 { wide + n } else { n };
            let (first, last) = (at(from).max(0), to.map_or(wide - 1, at).min(wide - 1));
            let wanted: Range<usize> = if first <= last { first as usize..last as usize + 1 } else { 0..0 };
            let leaf = |n: usize| cid_of(RAW, &content[n * chunk..((n + 1) * chunk).min(length)]);
            let mut leaves: Vec<Cid> = match wanted.is_empty() {
                true => Vec::new(),
                false => (wanted.start / chunk..=(wanted.end - 1) / chunk).map(leaf).collect(),
            };
            if !dups {
                let mut seen = HashSet::new();
                leaves.retain(|cid| seen.insert(*cid));
            }
            if length <= chunk {
                // The file is a leaf, and its root.
                leaves = vec![file];
            }
            let given: Vec<Cid> = found.iter().map(|(cid, _)| *cid).filter(|cid| cid.codec() == RAW).collect();
            prop_assert_eq!(given, leaves);
            prop_assert_eq!(found[0].0, file);
            // A node is there only because the range goes through it: whoever reads with these alone succeeds.
            let only = Dag::default();
            for (cid, bytes) in &found {
                only.0.put(*cid, bytes.clone()).await.expect("a good block");
            }
            let again = walk(&only, file, "", Scope::Entity(Some(asked)), dups).await.expect("nothing is missing");
            prop_assert_eq!(again, found.iter().map(|(cid, _)| *cid).collect::<Vec<_>>());
            Ok(())
        })?;
    }
}

#[test]
fn a_file_whose_nodes_repeat_gives_all_that_a_range_needs() {
    run(async {
        // The same node twice: the range has the end of the first and the start of the second.
        let dag = Dag::default();
        let leaves: Vec<Cid> = [dag.raw(b"aaaa").await, dag.raw(b"bbbb").await].to_vec();
        let half = dag.file(&[(leaves[0], 4), (leaves[1], 4)]).await;
        let file = dag.file(&[(half, 8), (half, 8)]).await;
        let range = "6:9".parse().expect("a range");
        let found = walk(&dag, file, "", Scope::Entity(Some(range)), false).await.expect("a walk");
        assert_eq!(found, [file, half, leaves[1], leaves[0]]);
        let found = walk(&dag, file, "", Scope::Entity(Some(range)), true).await.expect("a walk");
        assert_eq!(found, [file, half, leaves[1], half, leaves[0]]);
    });
}

#[test]
fn a_dag_that_links_to_itself_over_and_over_is_walked_once_or_refused() {
    run(async {
        // 2^40 leaves, if each link is followed.
        let dag = Dag::default();
        let leaf = dag.raw(b"x").await;
        let mut node = dag.file(&[(leaf, 1), (leaf, 1)]).await;
        for level in 1..40 {
            node = dag.file(&[(node, 1 << level), (node, 1 << level)]).await;
        }
        assert_eq!(walk(&dag, node, "", Scope::All, false).await.expect("a walk").len(), 41);
        let edge = "5:-5".parse().expect("a range");
        assert!(walk(&dag, node, "", Scope::Entity(Some(edge)), false).await.expect("a walk").len() <= 82);
        let refused = walk(&dag, node, "", Scope::All, true).await;
        assert!(matches!(refused, Err(BlockError::Node { .. })), "{refused:?}");
    });
}

#[test]
fn a_path_follows_what_is_there_and_nothing_else() {
    run(async {
        let dag = Dag::default();
        let leaf = dag.raw(b"x").await;
        let mut folder = dag.folder(&[("leaf", leaf)]).await;
        for _ in 0..300 {
            folder = dag.folder(&[("a", folder)]).await;
        }
        let deep = |n: usize| vec!["a"; n].join("/");
        assert_eq!(walk(&dag, folder, &deep(256), Scope::Block, false).await.expect("a walk").len(), 257);
        assert!(matches!(walk(&dag, folder, &deep(257), Scope::Block, false).await, Err(BlockError::NoEntry { .. })));
        for path in ["b", "A", "a/leaf", "leaf"] {
            assert!(matches!(walk(&dag, folder, path, Scope::All, false).await, Err(BlockError::NoEntry { .. })));
        }
        // Through a file, a broken node, and one that is not here.
        let file = dag.file(&[(leaf, 1)]).await;
        assert!(matches!(walk(&dag, file, "x", Scope::All, false).await, Err(BlockError::NoEntry { .. })));
        let broken = dag.put(DAG_PB, vec![0xff; 10]).await;
        assert!(matches!(walk(&dag, broken, "x", Scope::All, false).await, Err(BlockError::Node { .. })));
        let gone = cid_of(DAG_PB, b"gone");
        let up = dag.folder(&[("gone", gone)]).await;
        assert!(matches!(walk(&dag, up, "gone/x", Scope::All, false).await, Err(BlockError::MissingBlock { .. })));
        assert!(matches!(walk(&dag, up, "gone", Scope::Block, false).await, Err(BlockError::MissingBlock { .. })));
        assert!(matches!(walk(&dag, up, "", Scope::All, false).await, Err(BlockError::MissingBlock { .. })));
    });
}

#[test]
fn shards_that_lead_nowhere_end() {
    run(async {
        let dag = Dag::default();
        let leaf = dag.raw(b"x").await;
        // Every bucket leads on, 20 levels down, where the hash has bytes for eight.
        let mut node = dag.put(DAG_PB, encode_shard(&[("00leaf", leaf)])).await;
        let buckets: Vec<String> = (0..=255).map(|bucket| format!("{bucket:02X}")).collect();
        for _ in 0..20 {
            let links: Vec<_> = buckets.iter().map(|bucket| (bucket.as_str(), node)).collect();
            node = dag.put(DAG_PB, encode_shard(&links)).await;
        }
        let found = walk(&dag, node, "leaf", Scope::All, false).await;
        assert!(matches!(found, Err(BlockError::Node { .. })), "{found:?}");
        assert_eq!(walk(&dag, node, "", Scope::Entity(None), false).await.expect("a walk").len(), 21);
        // A shard whose bucket holds a plain folder.
        let folder = dag.folder(&[("leaf", leaf)]).await;
        let links: Vec<_> = buckets.iter().map(|bucket| (bucket.as_str(), folder)).collect();
        let mixed = dag.put(DAG_PB, encode_shard(&links)).await;
        assert!(matches!(walk(&dag, mixed, "leaf", Scope::All, false).await, Err(BlockError::Node { .. })));
        assert!(matches!(walk(&dag, mixed, "", Scope::Entity(None), false).await, Err(BlockError::Node { .. })));
        // An entry in a bucket that its name's hash does not lead to: who lists sees it, who looks up would not.
        let misplaced: Vec<String> = (0..=255).map(|bucket| format!("{bucket:02X}leaf")).collect();
        let links: Vec<_> = misplaced.iter().map(|name| (name.as_str(), leaf)).collect();
        let odd = dag.put(DAG_PB, encode_shard(&links)).await;
        assert!(matches!(walk(&dag, odd, "leaf", Scope::All, false).await, Err(BlockError::Node { .. })));
    });
}

#[test]
fn what_is_not_a_file_of_its_size_ends_a_range() {
    run(async {
        let dag = Dag::default();
        let leaf = dag.raw(b"xxxx").await;
        let inner = dag.file(&[(leaf, 4), (leaf, 4)]).await;
        // The parent says 10 where the part has 8.
        let liar = dag.file(&[(inner, 10), (leaf, 4)]).await;
        let range = |text: &str| Scope::Entity(Some(text.parse().expect("a range")));
        let end = walk(&dag, liar, "", range("1:2"), false).await;
        assert!(matches!(end, Err(BlockError::Node { .. })), "{end:?}");
        let folder = dag.folder(&[("a", leaf)]).await;
        let odd = dag.file(&[(folder, 4), (leaf, 4)]).await;
        assert!(matches!(walk(&dag, odd, "", range("1:2"), false).await, Err(BlockError::Node { .. })));
        // Sizes whose sum has no room in 64 bits, or is not the file's.
        let mut data = file_data([1u64, 1].into_iter());
        data[3] = 9;
        let wrong = dag.node(data, &[("", leaf), ("", leaf)]).await;
        assert_eq!(walk(&dag, wrong, "", range("0:*"), false).await.expect("its block alone"), [wrong]);
        // A symbolic link, and a node that is not UnixFS at all: the block alone, or all links.
        let link = dag.node(vec![0x08, 4, 0x12, 1, b'x'], &[]).await;
        assert_eq!(walk(&dag, link, "", Scope::Entity(None), false).await.expect("a walk"), [link]);
        let plain = dag.node(vec![1, 2, 3], &[("a", leaf)]).await;
        assert_eq!(walk(&dag, plain, "", Scope::Entity(None), false).await.expect("a walk"), [plain]);
        assert_eq!(walk(&dag, plain, "", Scope::All, false).await.expect("a walk"), [plain, leaf]);
    });
}

#[test]
fn nothing_follows_an_error() {
    run(async {
        let dag = Dag::default();
        let leaf = dag.raw(b"x").await;
        let gone = cid_of(RAW, b"gone");
        let bad = Cid::new_v1(0x71, *leaf.hash());
        for missing in [gone, bad] {
            let folder = dag.folder(&[("a", leaf), ("b", missing), ("c", identity(RAW, b"y")), ("d", leaf)]).await;
            let options = WalkOptions { scope: Scope::All, dups: true };
            let walk = Walk::open(dag.blocks(), folder, "", options).await.expect("a walk");
            let found: Vec<_> = walk.stream().map(|block| block.is_ok()).collect().await;
            assert_eq!(found, [true, true, false]);
        }
    });
}
