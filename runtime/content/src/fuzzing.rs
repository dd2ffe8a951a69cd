//! What must hold of any bytes whatever, in one function for each kind of
//! input from outside. A fuzzer calls them (see `fuzz/README.md`), and the tests
//! below call them with good inputs that were damaged.

use bytes::Bytes;
use futures::FutureExt;

use crate::dag::{Order, Want};
use crate::{
    Blocks, CarLimits, CarReader, Cid, EntityBytes, MemoryBlocks, Span, cids, dagcbor, gateway, ipns, parse_address,
};

/// A CID, an address with a path, or a range of bytes, as text.
///
/// # Panics
///
/// Where what was read is not what the text says, or has parts that a path must not have.
pub fn cid(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok((cid, path)) = parse_address(&text) {
        assert_eq!(Cid::try_from(cid.to_string()).ok(), Some(cid));
        assert!(
            path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
        );
    }
    if let Ok(range) = text.parse::<EntityBytes>() {
        for size in [0, 1, 1 << 20, u64::MAX] {
            if let Span::Bytes(range) = range.within(size) {
                assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}

/// A CAR.
///
/// # Panics
///
/// Where a block is given that its CID does not name.
pub fn car(data: &[u8]) {
    let read = async {
        let Ok(mut reader) = CarReader::open(data, CarLimits::default()).await else { return };
        while let Ok(Some((cid, bytes))) = reader.next().await {
            assert!(cids::verify(&cid, &bytes).is_ok());
            assert!(reader.position() <= data.len() as u64);
        }
    };
    // Memory is never waited for.
    assert!(read.now_or_never().is_some());
}

/// A dag-pb block, decoded and walked in every way.
///
/// # Panics
///
/// Where the walk itself fails to be bounded.
pub fn node(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let cid = cids::of(cids::DAG_PB, &bytes);
    let blocks = MemoryBlocks::default();
    let walk = async {
        if blocks.put(cid, bytes).await.is_err() {
            return;
        }
        let range = EntityBytes { from: 1, to: Some(-2) };
        let part = Want::Part { size: 4, bytes: 1..3 };
        for want in [Want::One, Want::All, Want::Entity(None), Want::Entity(Some(range)), Want::Shards, part] {
            let mut order = Order::new([(cid, want)], false);
            let mut named = 0;
            while let Ok(Some(_)) = order.next(&blocks).await {
                named += 1;
                // Each link takes some bytes of the block.
                assert!(named <= 1 + data.len());
            }
        }
    };
    assert!(walk.now_or_never().is_some());
}

/// A block of DAG-CBOR, its links and where paths lead in it.
///
/// # Panics
///
/// Where a path leads to a link that the block does not have.
pub fn cbor(data: &[u8]) {
    let Ok(links) = dagcbor::links(data) else { return };
    // Each takes its tag, its length and its CID.
    assert!(links.len() <= data.len() / 5);
    for names in [&[][..], &["a"], &["0"], &["1", "a"], &["a", "0", "b"]] {
        if let Ok(dagcbor::Place::Link(cid, taken)) = dagcbor::follow(data, names) {
            assert!(taken <= names.len() && links.contains(&cid));
        }
    }
}

/// A request of the gateway: its path, query and Accept header, a line each.
///
/// # Panics
///
/// Where a request is read that could end a header or leave its path.
pub fn query(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (path, query) = (String::from_utf8_lossy(next()), String::from_utf8_lossy(next()));
    gateway::survive(&path, &query, next());
}

/// An IPNS address as text, and an IPNS record of the name whose one record the seeds have.
///
/// # Panics
///
/// Where a record is accepted that was not signed.
pub fn record(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(address) = text.parse::<ipns::Address>() {
        assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
    }
    let Ok(name) = RECORD_NAME.parse() else { unreachable!("it is a name") };
    if let Ok(record) = ipns::Record::verify(&name, data, chrono::DateTime::UNIX_EPOCH) {
        // Who has no key can repeat what was signed, and nothing else.
        assert_eq!((record.value.as_str(), record.sequence), RECORD_SIGNED);
    }
}

/// Whose record the seeds have, and what it says: made by Helia, see `tests/ipns/records.json`.
const RECORD_NAME: &str = "k51qzi5uqu5dh0a3pauvn3zc7jys76woq024zddnjb5gnlck1yq0i8wcdozs6e";
const RECORD_SIGNED: (&str, u64) = ("/ipns/k51qzi5uqu5djiq2pe4r3j2o73cb35xq94udkbmlfi7go7bsiya7fb7sk1vphy", 3);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{CarWriter, dagpb};

    const LEAF: &[u8] = b"leaf";

    /// A folder of two entries, a file of two parts and a shard, as blocks.
    fn nodes() -> Vec<Vec<u8>> {
        let leaf = cids::of(cids::RAW, LEAF);
        let link = |name: &str| dagpb::Link { cid: leaf, name: Some(name.to_owned()), size: Some(4) };
        let node = |data: &[u8], names: &[&str]| dagpb::encode(names.iter().map(|name| link(name)).collect(), data);
        vec![
            node(&[8, 1], &["a", "b"]),
            node(&[8, 2, 0x18, 8, 0x20, 4, 0x20, 4], &["", ""]),
            node(&[8, 5, 0x28, 0x22, 0x30, 0x80, 2], &["0Aname", "FF"]),
            node(&[8, 2, 0x12, 4, b'l', b'e', b'a', b'f', 0x18, 4], &[]),
        ]
    }

    fn cars() -> Vec<Vec<u8>> {
        let write = async {
            let mut writer = CarWriter::new(Vec::new(), &[cids::of(cids::RAW, LEAF)]).await?;
            writer.put(&cids::of(cids::RAW, LEAF), &Bytes::from_static(LEAF)).await?;
            for node in nodes() {
                writer.put(&cids::of(cids::DAG_PB, &node), &node.into()).await?;
            }
            writer.finish().await
        };
        let (car, length) = write.now_or_never().expect("memory is not waited for").expect("it is written");
        let v2 =
            [&b"\x0a\xa1\x67version\x02"[..], &[0; 16], &51u64.to_le_bytes(), &length.to_le_bytes(), &[0; 8], &car];
        vec![v2.concat(), car]
    }

    /// A map of a list of links, and a list that is in itself a link's neighbour.
    fn documents() -> Vec<Vec<u8>> {
        let cid = cids::of(cids::RAW, LEAF).to_bytes();
        let link = [&[0xd8, 42, 0x58, cid.len() as u8 + 1, 0], &cid[..]].concat();
        let map = [&[0xa2, 0x61, b'a', 0x82], &link[..], &link, &[0x61, b'b', 0xf6]].concat();
        vec![map, [&[0x82, 0x18, 0x20], &link[..]].concat()]
    }

    fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    /// The one record that its name's owner made, and addresses.
    fn records() -> Vec<Vec<u8>> {
        use base64::Engine as _;
        let all: serde_json::Value =
            serde_json::from_str(include_str!("../tests/ipns/records.json")).expect("it is JSON");
        let all = all.as_array().expect("a list");
        let made = all.iter().find(|made| made["name"] == RECORD_NAME).expect("it is there");
        let record = base64::engine::general_purpose::STANDARD.decode(made["record"].as_str().expect("a text"));
        let mut seeds = texts(&["ipns://docs.example.org/a/b", &format!("/ipns/{RECORD_NAME}/a"), RECORD_NAME]);
        seeds.push(record.expect("it is base 64"));
        seeds
    }

    /// A change to bytes: where (of 256 parts), how, and with what.
    type Change = (u8, u8, u8);

    fn damaged(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
        let changes = prop::collection::vec(any::<Change>(), 0..8);
        (prop::sample::select(seeds), changes).prop_map(|(mut bytes, changes)| {
            for (part, how, with) in changes {
                let at = bytes.len() * usize::from(part) / 256;
                match how % 6 {
                    0 if at < bytes.len() => bytes[at] = with,
                    1 if at < bytes.len() => bytes[at] ^= 1 << (with % 8),
                    2 => bytes.insert(at, with),
                    3 if at < bytes.len() => drop(bytes.remove(at)),
                    4 => bytes.truncate(at),
                    // A piece again, behind itself.
                    _ => {
                        let end = bytes.len().min(at + usize::from(with));
                        let piece = bytes[at..end].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            bytes
        })
    }

    /// As many cases as `PROPTEST_CASES` says, and some thousands at least.
    fn many() -> ProptestConfig {
        let config = ProptestConfig::default();
        ProptestConfig { cases: config.cases.max(4096), ..config }
    }

    proptest! {
        #![proptest_config(many())]

        #[test]
        fn damaged_addresses(data in damaged(texts(&[
            "bafybeicmg72kl3oknka6miiut4zme7vzisibokeotyyshukcutdzerqxue/a/b",
            "ipfs://bafkqaaa", "/ipfs/QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF/x", "499:-1000", "-5:*",
        ]))) {
            cid(&data);
        }

        #[test]
        fn damaged_cars(data in damaged(cars())) {
            car(&data);
        }

        #[test]
        fn damaged_nodes(data in damaged(nodes())) {
            node(&data);
        }

        #[test]
        fn damaged_documents(data in damaged(documents())) {
            cbor(&data);
        }

        #[test]
        fn damaged_records(data in damaged(records())) {
            record(&data);
        }

        #[test]
        fn damaged_requests(data in damaged(texts(&[
            "/ipfs/bafkqaaa/a%20b\nformat=car&dag-scope=entity&entity-bytes=0:*&filename=a%E2%82%AC\napplication/vnd.ipld.car;dups=y;q=0.5",
            "/ipfs/bafkqaaa\nformat=raw\n*/*, application/vnd.ipld.raw",
        ]))) {
            query(&data);
        }
    }
}
