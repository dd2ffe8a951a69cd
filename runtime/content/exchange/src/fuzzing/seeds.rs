//! Good inputs of each kind, which tests and fuzzers begin with; and those that
//! once went wrong, so that they stay tried.

use base64::Engine as _;

/// Whose record the seeds have, and what it says: made by Helia, see `tests/ipns/records.json`.
pub(super) const RECORD_NAME: &str = "k51qzi5uqu5dh0a3pauvn3zc7jys76woq024zddnjb5gnlck1yq0i8wcdozs6e";
pub(super) const RECORD_SIGNED: (&str, u64) =
    ("/ipns/k51qzi5uqu5djiq2pe4r3j2o73cb35xq94udkbmlfi7go7bsiya7fb7sk1vphy", 3);

/// What a target begins with; `None` where it is none of this crate's.
#[must_use]
pub fn seeds(target: &str) -> Option<Vec<Vec<u8>>> {
    Some(match target {
        "query" => texts(&[
            "/ipfs/bafkqaaa/a%20b\nformat=car&dag-scope=entity&entity-bytes=0:*&filename=a%E2%82%AC\napplication/vnd.ipld.car;dups=y;q=0.5\n*",
            "/ipfs/bafkqaaa\nformat=raw\n*/*, application/vnd.ipld.raw\nW/\"bafkqaaa.raw\", \"x\"",
            "/ipfs/bafkqaaa\ncar-dups=n&car-order=dfs&car-version=1&dag-scope=block\napplication/vnd.ipld.car; version=1; order=unk; dups=n",
        ]),
        "record" => records(),
        _ => return None,
    })
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
