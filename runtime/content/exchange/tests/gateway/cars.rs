//! CARs: the way to a path and its scope, shards, identity CIDs.

use pelago_dag::{CarLimits, CarReader, Cid};
use reqwest::{Method, StatusCode};

use crate::fixtures::{Dag, RAW, identity, noise};
use crate::served::{Served, header};

#[tokio::test]
async fn cars_hold_the_way_and_the_scope_in_order() {
    let dag = Dag::default();
    let file = dag.file_of(&noise(4, 1026), 256, 10).await;
    let chunks: Vec<Cid> = noise(4, 1026).chunks(256).map(|chunk| crate::fixtures::cid_of(RAW, chunk)).collect();
    let ascii = dag.raw(b"ascii").await;
    let sub = dag.folder(&[("ascii.txt", ascii), ("copy.txt", ascii), ("multiblock.txt", file)]).await;
    let root = dag.folder(&[("subdir", sub)]).await;
    let served = Served::start(dag).await;
    let tail = |first: &[Cid], more: &[Cid]| [first, more].concat();
    for (query, expected) in [
        ("?format=car", tail(&[root, sub, ascii, file], &chunks)),
        ("?format=car&dag-scope=entity", vec![root]),
        ("?format=car&dag-scope=block", vec![root]),
        ("/subdir/?format=car&car-dups=y", tail(&[root, sub, ascii, ascii, file], &chunks)),
        ("/subdir?format=car&dag-scope=entity", vec![root, sub]),
        ("/subdir/ascii.txt?format=car", vec![root, sub, ascii]),
        ("/subdir/ascii%2Etxt?format=car&dag-scope=block", vec![root, sub, ascii]),
        ("/subdir/multiblock.txt?format=car&dag-scope=block", vec![root, sub, file]),
        ("/subdir/multiblock.txt?format=car&dag-scope=entity", tail(&[root, sub, file], &chunks)),
        ("/subdir/multiblock.txt?format=car&entity-bytes=0:*", tail(&[root, sub, file], &chunks)),
        ("/subdir/multiblock.txt?format=car&entity-bytes=512:*", tail(&[root, sub, file], &chunks[2..])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=512:1023", tail(&[root, sub, file], &chunks[2..4])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=512:-256", tail(&[root, sub, file], &chunks[2..4])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=-5:*", tail(&[root, sub, file], &chunks[3..])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=-9999:-3", tail(&[root, sub, file], &chunks[..4])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=5:4", vec![root, sub, file]),
        ("/subdir?format=car&entity-bytes=0:9", vec![root, sub]),
        ("/subdir/ascii.txt?format=car&entity-bytes=1:2", vec![root, sub, ascii]),
    ] {
        assert_eq!(served.car(&format!("/ipfs/{root}{query}")).await, expected, "{query}");
    }
    let response = served.get(&format!("/ipfs/{root}/subdir/ascii.txt?format=car")).await;
    assert_eq!(header(&response, "x-ipfs-roots"), format!("{root},{sub},{ascii}"));
    assert_eq!(header(&response, "content-disposition"), format!("attachment; filename=\"{root}.car\""));
    assert_eq!(header(&response, "accept-ranges"), "none");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    for (accept, dups) in
        [("", "n"), ("application/vnd.ipld.car;dups=y", "y"), ("application/vnd.ipld.car;order=unk", "n")]
    {
        let query = if accept.is_empty() { "?format=car" } else { "" };
        let response = served.send(Method::GET, &format!("/ipfs/{root}{query}"), &[("accept", accept)]).await;
        let expected = format!("application/vnd.ipld.car; version=1; order=dfs; dups={dups}");
        assert_eq!(header(&response, "content-type"), expected);
        let location =
            if accept.is_empty() { String::new() } else { format!("/ipfs/{root}?format=car&car-dups={dups}") };
        assert_eq!(header(&response, "content-location"), location);
    }
    assert_eq!(served.status(&format!("/ipfs/{root}/subdir/multiblock.txt?format=car&entity-bytes=1026:*")).await, 400);
}

#[tokio::test]
async fn a_sharded_folder_gives_its_way_and_not_all_of_itself() {
    let dag = Dag::default();
    let mut entries = Vec::new();
    for n in 0..1000u32 {
        entries.push((format!("{n}.txt"), dag.raw(&n.to_le_bytes()).await));
    }
    let (root, shards) = dag.sharded(&entries).await;
    let served = Served::start(dag).await;
    for (name, cid) in entries.iter().step_by(37) {
        let found = served.car(&format!("/ipfs/{root}/{name}?format=car")).await;
        assert_eq!((found.first(), found.last()), (Some(&root), Some(cid)));
        assert!(found.len() <= 4 && found[1..found.len() - 1].iter().all(|shard| shards.contains(shard)));
    }
    let mut listed = served.car(&format!("/ipfs/{root}?format=car&dag-scope=entity")).await;
    assert_eq!(listed.remove(0), root);
    let sorted = |mut cids: Vec<Cid>| {
        cids.sort();
        cids
    };
    assert_eq!(sorted(listed), sorted(shards));
    assert_eq!(served.status(&format!("/ipfs/{root}/1000.txt?format=car")).await, 404);
}

#[tokio::test]
async fn the_probe_and_other_identity_cids() {
    let served = Served::start(Dag::default()).await;
    for method in [Method::GET, Method::HEAD] {
        for format in ["raw", "car"] {
            let response = served.send(method.clone(), &format!("/ipfs/bafkqaaa?format={format}"), &[]).await;
            assert_eq!(response.status(), StatusCode::OK);
        }
    }
    let response = served.get("/ipfs/bafkqaaa?format=raw").await;
    assert!(response.bytes().await.expect("a body").is_empty());
    let body = served.get("/ipfs/bafkqaaa?format=car").await.bytes().await.expect("a body");
    let reader = CarReader::open(&body[..], CarLimits::default()).await.expect("a CAR");
    assert_eq!(reader.roots(), ["bafkqaaa".parse::<Cid>().expect("a CID")]);
    // An identity block is never sent: its parent, or the CID itself, has it.
    let own = identity(RAW, b"carried by its own CID");
    assert_eq!(served.car_with(&format!("/ipfs/{own}"), &[("accept", "application/vnd.ipld.car; dups=y")]).await, []);
    let leaf = served.dag.raw(b"a leaf").await;
    let folder = served.dag.folder(&[("leaf", leaf), ("own", own)]).await;
    assert_eq!(served.car(&format!("/ipfs/{folder}?format=car")).await, [folder, leaf]);
    assert_eq!(served.car(&format!("/ipfs/{folder}/own?format=car")).await, [folder]);
}
