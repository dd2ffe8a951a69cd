//! Good inputs of each kind, which tests and fuzzers begin with; and those that
//! once went wrong, so that they stay tried.

use ::cid::multihash::Multihash;
use bytes::Bytes;
use futures::FutureExt;

use crate::{CarWriter, Cid, cid, pb};

const LEAF: &[u8] = b"leaf";
/// The multihash that is what it hashes.
const IDENTITY: u64 = 0;

/// What a target begins with; `None` where it is none of this crate's.
#[must_use]
pub fn seeds(target: &str) -> Option<Vec<Vec<u8>>> {
    Some(match target {
        "cid" => texts(&[
            "bafybeicmg72kl3oknka6miiut4zme7vzisibokeotyyshukcutdzerqxue/a/b",
            "ipfs://bafkqaaa",
            "/ipfs/QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF/x",
            "ipfs://zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA/a%20b?filename=c#d",
            "f01701220c3c4733ec8affd06cf9e9ff50ffc6bcd2ec85a6170004bb709669c31de94391a",
            "499:-1000",
            "-5:*",
            "0:0",
        ]),
        "car" => cars(),
        "node" => nodes(),
        "cbor" => documents(),
        _ => return None,
    })
}

/// A CID that is its block: whatever a fuzzer makes of it, the block is still the one that it names.
fn inline(codec: u64, block: &[u8]) -> Cid {
    Cid::new_v1(codec, Multihash::wrap(IDENTITY, block).expect("it is short"))
}

/// A folder of two entries, a file of two parts, a shard, leaves, and a folder with all below it in
/// itself, as blocks.
fn nodes() -> Vec<Vec<u8>> {
    let leaf = cid::of(cid::RAW, LEAF);
    let link = |cid: Cid, name: &str| pb::Link { cid, name: Some(name.to_owned()), size: Some(4) };
    let node = |data: &[u8], names: &[&str]| pb::encode(names.iter().map(|name| link(leaf, name)).collect(), data);
    let part = inline(cid::RAW, LEAF);
    let file = pb::encode(vec![link(part, ""), link(part, "")], &[8, 2, 0x18, 8, 0x20, 4, 0x20, 4]);
    let parts = [link(inline(cid::DAG_PB, &file[..]), "a"), link(part, "b")];
    vec![
        node(&[8, 1], &["a", "b"]),
        node(&[8, 2, 0x18, 8, 0x20, 4, 0x20, 4], &["", ""]),
        node(&[8, 5, 0x12, 1, 0x81, 0x28, 0x22, 0x30, 0x80, 2], &["0Aname", "FF"]),
        node(&[8, 2, 0x12, 4, b'l', b'e', b'a', b'f', 0x18, 4], &[]),
        node(&[8, 4, 0x12, 3, b'.', b'.', b'/'], &[]),
        file,
        pb::encode(parts.to_vec(), &[8, 1]),
    ]
}

fn cars() -> Vec<Vec<u8>> {
    let write = async {
        let mut writer = CarWriter::new(Vec::new(), &[cid::of(cid::RAW, LEAF)]).await?;
        writer.put(&cid::of(cid::RAW, LEAF), &Bytes::from_static(LEAF)).await?;
        writer.put(&inline(cid::RAW, LEAF), &Bytes::from_static(LEAF)).await?;
        for node in nodes() {
            writer.put(&cid::of(cid::DAG_PB, &node), &node.into()).await?;
        }
        writer.finish().await
    };
    let (car, length) = write.now_or_never().expect("memory is not waited for").expect("it is written");
    let v2 = [&b"\x0a\xa1\x67version\x02"[..], &[0; 16], &51u64.to_le_bytes(), &length.to_le_bytes(), &[0; 8], &car];
    vec![v2.concat(), car]
}

/// A map of a list of links, a list that is in itself a link's neighbour, and a value of each kind.
fn documents() -> Vec<Vec<u8>> {
    let cid = cid::of(cid::RAW, LEAF).to_bytes();
    let link = [&[0xd8, 42, 0x58, cid.len() as u8 + 1, 0], &cid[..]].concat();
    let map = [&[0xa2, 0x61, b'a', 0x82], &link[..], &link, &[0x61, b'b', 0xf6]].concat();
    let values = [0x86, 0xf5, 0x39, 1, 0, 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0x42, 1, 2, 0x62, b'a', b'b', 0xa0];
    vec![map, [&[0x82, 0x18, 0x20], &link[..]].concat(), values.to_vec()]
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
