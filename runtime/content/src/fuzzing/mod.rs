//! What must hold of any bytes whatever, in one function for each kind of
//! input from outside. A fuzzer calls them (see `fuzz/README.md`), and the tests
//! below call them with good inputs that were damaged.

mod seeds;

use bytes::Bytes;
use futures::FutureExt;

use self::seeds::{RECORD_NAME, RECORD_SIGNED};
pub use self::seeds::{seeds, sow};
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

/// A request of the gateway: its path, query, Accept and If-None-Match headers, a line each.
///
/// # Panics
///
/// Where a request is read that could end a header or leave its path.
pub fn query(data: &[u8]) {
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (path, query) = (String::from_utf8_lossy(next()), String::from_utf8_lossy(next()));
    gateway::survive(&path, &query, next(), next());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A change to bytes: where (of 256 parts), how, and with what.
    type Change = (u8, u8, u8);

    fn damaged(target: &str) -> impl Strategy<Value = Vec<u8>> {
        let changes = prop::collection::vec(any::<Change>(), 0..8);
        (prop::sample::select(seeds(target)), changes).prop_map(|(mut bytes, changes)| {
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
        fn damaged_addresses(data in damaged("cid")) {
            cid(&data);
        }

        #[test]
        fn damaged_cars(data in damaged("car")) {
            car(&data);
        }

        #[test]
        fn damaged_nodes(data in damaged("node")) {
            node(&data);
        }

        #[test]
        fn damaged_documents(data in damaged("cbor")) {
            cbor(&data);
        }

        #[test]
        fn damaged_records(data in damaged("record")) {
            record(&data);
        }

        #[test]
        fn damaged_requests(data in damaged("query")) {
            query(&data);
        }
    }
}
