//! Good inputs of each kind, which tests and fuzzers begin with; and those that
//! once went wrong, so that they stay tried.

use std::path::Path;

use base64::Engine as _;
use bytes::Bytes;
use cid::multihash::Multihash;
use futures::FutureExt;

use crate::{CarWriter, Cid, cids, dagpb};

/// Whose record the seeds have, and what it says: made by Helia, see `tests/ipns/records.json`.
pub(super) const RECORD_NAME: &str = "k51qzi5uqu5dh0a3pauvn3zc7jys76woq024zddnjb5gnlck1yq0i8wcdozs6e";
pub(super) const RECORD_SIGNED: (&str, u64) =
    ("/ipns/k51qzi5uqu5djiq2pe4r3j2o73cb35xq94udkbmlfi7go7bsiya7fb7sk1vphy", 3);

const LEAF: &[u8] = b"leaf";
/// The multihash that is what it hashes.
const IDENTITY: u64 = 0;

/// What a target begins with.
///
/// # Panics
///
/// Where there is no such target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
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
        "query" => texts(&[
            "/ipfs/bafkqaaa/a%20b\nformat=car&dag-scope=entity&entity-bytes=0:*&filename=a%E2%82%AC\napplication/vnd.ipld.car;dups=y;q=0.5\n*",
            "/ipfs/bafkqaaa\nformat=raw\n*/*, application/vnd.ipld.raw\nW/\"bafkqaaa.raw\", \"x\"",
            "/ipfs/bafkqaaa\ncar-dups=n&car-order=dfs&car-version=1&dag-scope=block\napplication/vnd.ipld.car; version=1; order=unk; dups=n",
        ]),
        "record" => records(),
        _ => panic!("no target {target}"),
    }
}

/// Writes a target's seeds into a folder, for a fuzzer that reads its corpus from there. The folder is
/// the one that `PELAGO_FUZZ_CORPUS` names; without it nothing is done.
///
/// # Panics
///
/// Where there is no such target, or the folder cannot be written.
pub fn sow(target: &str) {
    let Some(folder) = std::env::var_os("PELAGO_FUZZ_CORPUS") else { return };
    for (number, seed) in seeds(target).iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).expect("the corpus can be written");
    }
}

/// A CID that is its block: whatever a fuzzer makes of it, the block is still the one that it names.
fn inline(codec: u64, block: &[u8]) -> Cid {
    Cid::new_v1(codec, Multihash::wrap(IDENTITY, block).expect("it is short"))
}

/// A folder of two entries, a file of two parts, a shard, leaves, and a folder with all below it in
/// itself, as blocks.
fn nodes() -> Vec<Vec<u8>> {
    let leaf = cids::of(cids::RAW, LEAF);
    let link = |cid: Cid, name: &str| dagpb::Link { cid, name: Some(name.to_owned()), size: Some(4) };
    let node = |data: &[u8], names: &[&str]| dagpb::encode(names.iter().map(|name| link(leaf, name)).collect(), data);
    let part = inline(cids::RAW, LEAF);
    let file = dagpb::encode(vec![link(part, ""), link(part, "")], &[8, 2, 0x18, 8, 0x20, 4, 0x20, 4]);
    let parts = [link(inline(cids::DAG_PB, &file[..]), "a"), link(part, "b")];
    vec![
        node(&[8, 1], &["a", "b"]),
        node(&[8, 2, 0x18, 8, 0x20, 4, 0x20, 4], &["", ""]),
        node(&[8, 5, 0x12, 1, 0x81, 0x28, 0x22, 0x30, 0x80, 2], &["0Aname", "FF"]),
        node(&[8, 2, 0x12, 4, b'l', b'e', b'a', b'f', 0x18, 4], &[]),
        node(&[8, 4, 0x12, 3, b'.', b'.', b'/'], &[]),
        file,
        dagpb::encode(parts.to_vec(), &[8, 1]),
    ]
}

fn cars() -> Vec<Vec<u8>> {
    let write = async {
        let mut writer = CarWriter::new(Vec::new(), &[cids::of(cids::RAW, LEAF)]).await?;
        writer.put(&cids::of(cids::RAW, LEAF), &Bytes::from_static(LEAF)).await?;
        writer.put(&inline(cids::RAW, LEAF), &Bytes::from_static(LEAF)).await?;
        for node in nodes() {
            writer.put(&cids::of(cids::DAG_PB, &node), &node.into()).await?;
        }
        writer.finish().await
    };
    let (car, length) = write.now_or_never().expect("memory is not waited for").expect("it is written");
    let v2 = [&b"\x0a\xa1\x67version\x02"[..], &[0; 16], &51u64.to_le_bytes(), &length.to_le_bytes(), &[0; 8], &car];
    vec![v2.concat(), car]
}

/// A map of a list of links, a list that is in itself a link's neighbour, and a value of each kind.
fn documents() -> Vec<Vec<u8>> {
    let cid = cids::of(cids::RAW, LEAF).to_bytes();
    let link = [&[0xd8, 42, 0x58, cid.len() as u8 + 1, 0], &cid[..]].concat();
    let map = [&[0xa2, 0x61, b'a', 0x82], &link[..], &link, &[0x61, b'b', 0xf6]].concat();
    let values = [0x86, 0xf5, 0x39, 1, 0, 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0x42, 1, 2, 0x62, b'a', b'b', 0xa0];
    vec![map, [&[0x82, 0x18, 0x20], &link[..]].concat(), values.to_vec()]
}

/// The one record that its name's owner made, and addresses.
fn records() -> Vec<Vec<u8>> {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/ipns/records.json")).expect("it is JSON");
    let all = all.as_array().expect("a list");
    let made = all.iter().find(|made| made["name"] == RECORD_NAME).expect("it is there");
    let record = base64::engine::general_purpose::STANDARD.decode(made["record"].as_str().expect("a text"));
    let mut seeds = texts(&["ipns://docs.example.org/a/b", &format!("/ipns/{RECORD_NAME}/a"), RECORD_NAME]);
    seeds.push(record.expect("it is base 64"));
    seeds
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
