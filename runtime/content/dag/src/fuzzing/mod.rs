//! What must hold of any bytes whatever, in one function for each kind of
//! input from outside. A fuzzer calls them (see `fuzz/README.md`), and the tests
//! below call them with good inputs that were damaged.

#[cfg(test)]
mod damage;
mod seeds;

use bytes::Bytes;
use futures::FutureExt;

pub use self::seeds::seeds;
use crate::walk::{Order, Want};
use crate::{
    Blocks, CarLimits, CarReader, Cid, EntityBytes, MemoryBlocks, Span, cbor as documents, cid as cids, parse_address,
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
    let Ok(links) = documents::links(data) else { return };
    // Each takes its tag, its length and its CID.
    assert!(links.len() <= data.len() / 5);
    for names in [&[][..], &["a"], &["0"], &["1", "a"], &["a", "0", "b"]] {
        if let Ok(documents::Place::Link(cid, taken)) = documents::follow(data, names) {
            assert!(taken <= names.len() && links.contains(&cid));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::damage::{damaged, many};
    use super::*;

    proptest! {
        #![proptest_config(many())]

        #[test]
        fn damaged_addresses(data in damaged(seeds("cid"))) {
            cid(&data);
        }

        #[test]
        fn damaged_cars(data in damaged(seeds("car"))) {
            car(&data);
        }

        #[test]
        fn damaged_nodes(data in damaged(seeds("node"))) {
            node(&data);
        }

        #[test]
        fn damaged_documents(data in damaged(seeds("cbor"))) {
            cbor(&data);
        }
    }
}
