//! Blocks that are no UnixFS, and long identity CIDs.

use pelago_dag::Cid;

use crate::fixtures::{DAG_CBOR, Dag, RAW, identity};
use crate::served::Served;

/// A block of DAG-CBOR: a map of names to lists of links.
fn cbor(entries: &[(&str, &[Cid])]) -> Vec<u8> {
    let mut block = vec![0xa0 + entries.len() as u8];
    for (name, links) in entries {
        block.extend([&[0x60 + name.len() as u8], name.as_bytes(), &[0x80 + links.len() as u8]].concat());
        for link in *links {
            let bytes = link.to_bytes();
            block.extend([&[0xd8, 42, 0x58, bytes.len() as u8 + 1, 0], &bytes[..]].concat());
        }
    }
    block
}

/// As the specification has it: a block of any codec as it is; of what is no UnixFS, `entity` is its block.
#[tokio::test]
async fn other_codecs() {
    let dag = Dag::default();
    let (leaf, deep) = (dag.raw(b"leaf").await, dag.raw(b"deep").await);
    let below = dag.put(DAG_CBOR, cbor(&[("x", &[deep])])).await;
    let document = dag.put(DAG_CBOR, cbor(&[("files", &[leaf, below]), ("none", &[])])).await;
    let json = dag.put(0x0129, &br#"{"/":"bafkqaaa"}"#[..]).await;
    let damaged = dag.put(DAG_CBOR, &b"\xa1\x61a"[..]).await;
    let folder = dag.folder(&[("document", document), ("json", json)]).await;
    let served = Served::start(dag).await;
    for (cid, bytes) in [(json, &br#"{"/":"bafkqaaa"}"#[..]), (damaged, b"\xa1\x61a")] {
        let response = served.get(&format!("/ipfs/{cid}?format=raw")).await;
        assert_eq!(response.bytes().await.expect("a body"), bytes);
    }
    for (path, expected) in [
        (format!("{document}"), vec![document, leaf, below, deep]),
        (format!("{document}/files/0"), vec![document, leaf]),
        (format!("{document}/files/1/x/0"), vec![document, below, deep]),
        (format!("{folder}/document/files/0"), vec![folder, document, leaf]),
    ] {
        assert_eq!(served.car(&format!("/ipfs/{path}?format=car")).await, expected, "{path}");
    }
    for (path, end) in [("document", document), ("json", json)] {
        for scope in ["dag-scope=entity", "dag-scope=block", "entity-bytes=0:9"] {
            assert_eq!(
                served.car(&format!("/ipfs/{folder}/{path}?format=car&{scope}")).await,
                [folder, end],
                "{scope}"
            );
        }
    }
    for (path, status) in [
        // Within the block, nowhere, behind a leaf.
        (format!("{document}/files"), 404),
        (format!("{document}/files/2"), 404),
        (format!("{document}/files/0/x"), 404),
        (format!("{json}/x"), 404),
        (format!("{damaged}/a"), 404),
        (format!("{damaged}"), 404),
        // Its links are not followed here.
        (format!("{json}"), 400),
    ] {
        assert_eq!(served.status(&format!("/ipfs/{path}?format=car")).await, status, "{path}");
    }
}

#[tokio::test]
async fn an_identity_cid_of_128_bytes_is_served_and_no_longer_one() {
    let served = Served::start(Dag::default()).await;
    let response = served.get(&format!("/ipfs/{}?format=raw", identity(RAW, &[7; 128]))).await;
    assert_eq!(response.bytes().await.expect("a body"), &[7; 128][..]);
    let long: String = [&[1, 0x55, 0, 0x81, 1][..], &[7; 129]].concat().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(served.status(&format!("/ipfs/f{long}?format=raw")).await, 400);
}
