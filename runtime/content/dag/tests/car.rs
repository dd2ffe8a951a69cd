//! CAR files: what is written is read, and nothing wrong is read from what is damaged.

use bytes::Bytes;
use cid::multihash::Multihash;
use expect_test::{Expect, expect};
use pelago_dag::{CarError, CarLimits, CarReader, CarWriter, Cid};
use proptest::prelude::*;
use sha2::Digest;

fn raw(bytes: &[u8]) -> (Cid, Bytes) {
    let hash = Multihash::wrap(0x12, &sha2::Sha256::digest(bytes)).expect("32 bytes fit");
    (Cid::new_v1(0x55, hash), Bytes::copy_from_slice(bytes))
}

async fn write(roots: &[Cid], blocks: &[(Cid, Bytes)]) -> Vec<u8> {
    let mut writer = CarWriter::new(Vec::new(), roots).await.expect("a header");
    for (cid, bytes) in blocks {
        writer.put(cid, bytes).await.expect("a block");
    }
    let (bytes, length) = writer.finish().await.expect("an end");
    assert_eq!(length, bytes.len() as u64);
    bytes
}

async fn read(bytes: &[u8], limits: CarLimits) -> (Vec<(Cid, Bytes)>, Result<Vec<Cid>, CarError>) {
    let mut blocks = Vec::new();
    let mut reader = match CarReader::open(bytes, limits).await {
        Ok(reader) => reader,
        Err(error) => return (blocks, Err(error)),
    };
    loop {
        match reader.next().await {
            Ok(Some(block)) => blocks.push(block),
            Ok(None) => return (blocks, Ok(reader.roots().to_vec())),
            Err(error) => {
                assert!(matches!(reader.next().await, Err(CarError::GivenUp { .. })));
                return (blocks, Err(error));
            }
        }
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

/// Reads bytes and shows what came of it.
fn check(bytes: &[u8], expect: Expect) {
    let (blocks, end) = run(read(bytes, CarLimits::default()));
    let end = end.map_or_else(|error| error.to_string(), |roots| format!("{} roots", roots.len()));
    expect.assert_eq(&format!("{} blocks, {end}", blocks.len()));
}

fn three() -> Vec<u8> {
    let blocks = [raw(b"one"), raw(b""), raw(b"three")];
    run(write(&[blocks[0].0], &blocks))
}

#[test]
fn no_damage_at_any_byte_gives_a_wrong_block() {
    let whole = three();
    let (good, end) = run(read(&whole, CarLimits::default()));
    assert_eq!((good.len(), end.expect("it is whole").len()), (3, 1));
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            let (blocks, _) = run(read(&damaged, CarLimits::default()));
            for block in &blocks {
                assert!(pelago_dag::verify(&block.0, &block.1).is_ok());
                // The codec alone can become another: the bytes are still those of the digest.
                let written = good.iter().any(|good| good.1 == block.1 && good.0.hash() == block.0.hash());
                assert!(written, "byte {at}: a block that was never written");
            }
        }
    }
}

#[test]
fn an_end_anywhere_but_between_blocks_is_an_error_that_says_where() {
    let whole = three();
    let ends: Vec<usize> = {
        let blocks = [raw(b"one"), raw(b""), raw(b"three")];
        (0..=3).map(|n| run(write(&[blocks[0].0], &blocks[..n])).len()).collect()
    };
    for length in 0..whole.len() {
        let (blocks, end) = run(read(&whole[..length], CarLimits::default()));
        match end {
            Ok(_) => assert!(ends.contains(&length), "{length} bytes read as a whole CAR"),
            Err(CarError::Truncated { at, .. }) => {
                assert!(!ends.contains(&length));
                assert_eq!(at, length as u64);
                assert_eq!(blocks.len(), ends[1..].iter().filter(|end| **end <= length).count());
            }
            Err(other) => panic!("{length} bytes: {other}"),
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let whole = three();
    check(b"", expect!["0 blocks, the CAR ends at byte 0, within the header: it is cut off; fetch or export it again"]);
    check(
        &[0xff; 20],
        expect!["0 blocks, the CAR has no valid length at byte 0 (input bytes exceed maximum): it is damaged"],
    );
    check(
        &[0x80, 0x00],
        expect!["0 blocks, the CAR has no valid length at byte 0 (encoding is not minimal): it is damaged"],
    );
    check(
        &[0xff, 0xff, 0xff, 0x7f],
        expect!["0 blocks, the CAR announces the header of 268435455 bytes at byte 0, at most 65536 are accepted"],
    );
    check(&[0], expect!["0 blocks, the CAR has no valid length at byte 0 (it is 0): it is damaged"]);
    check(
        b"\x05hello",
        expect![
            "0 blocks, the CAR's header is not valid (a map of `roots` and `version` in DAG-CBOR was expected): is this a CAR file?"
        ],
    );
    let with = |tail: &[u8]| [&whole[..], tail].concat();
    check(&with(&[0]), expect!["3 blocks, the CAR has no valid length at byte 178 (it is 0): it is damaged"]);
    check(
        &with(&[0x80, 0x80, 0x80, 0x80, 0x10]),
        expect!["3 blocks, the CAR announces a block of 4294967296 bytes at byte 178, at most 2097316 are accepted"],
    );
    check(
        &with(&[3, 1, 0x55, 0x12]),
        expect!["3 blocks, the CAR has no valid CID at byte 179: Failed to parse multihash"],
    );
    check(
        &with(&[5, 1, 0x55, 0x00, 1, b'x']),
        expect![
            "3 blocks, the CAR has a block at byte 178 that is refused: what was given for block bafkqaaly is refused (its bytes are those of bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku): do not use its source again"
        ],
    );
    // BLAKE3 cannot be verified here.
    check(
        &with(&[5, 1, 0x55, 0x1e, 1, b'x']),
        expect![
            "3 blocks, the CAR has a block at byte 178 that is refused: bafkr4aly uses hash 0x1e, which is not accepted: sha2-256 with raw or dag-pb is"
        ],
    );
}

#[test]
fn limits_hold() {
    let whole = three();
    let small = CarLimits { block: 4, ..CarLimits::default() };
    let (blocks, end) = run(read(&whole, small));
    assert_eq!(blocks.len(), 2);
    assert!(matches!(end, Err(CarError::TooLong { what: "a block", length: 5, limit: 4, .. })));
    let short = CarLimits { total: whole.len() as u64 - 1, ..CarLimits::default() };
    assert!(matches!(run(read(&whole, short)).1, Err(CarError::TooLong { what: "the whole", .. })));
    let header = CarLimits { header: 10, ..CarLimits::default() };
    assert!(matches!(run(read(&whole, header)).1, Err(CarError::TooLong { what: "the header", limit: 10, .. })));
    // A block of the greatest length is read, one byte more is not, whatever limit is asked for.
    let asked = CarLimits { block: u64::MAX / 2, ..CarLimits::default() };
    for (length, accepted) in [(2 << 20, true), ((2 << 20) + 1, false)] {
        let block = raw(&vec![7; length]);
        let car = run(write(&[block.0], &[block]));
        assert_eq!(run(read(&car, asked)).1.is_ok(), accepted);
    }
}

/// A CAR of version 2 around one of version 1.
fn v2(inner: &[u8], offset: u64, size: u64) -> Vec<u8> {
    let mut file = b"\x0a\xa1\x67version\x02".to_vec();
    file.extend([0; 16]);
    for number in [offset, size, offset + size] {
        file.extend(number.to_le_bytes());
    }
    file.resize(file.len().max((offset as usize).min(1 << 20)), 0);
    file.extend(inner);
    file.extend(b"an index that is not read");
    file
}

#[test]
fn version_two_is_read_up_to_its_index() {
    let inner = three();
    let length = inner.len() as u64;
    for offset in [51, 64, 200_000] {
        check(&v2(&inner, offset, length), expect!["3 blocks, 1 roots"]);
    }
    // Its data said to be shorter or longer than they are, or before the header.
    check(
        &v2(&inner, 51, length - 1),
        expect!["2 blocks, the CAR ends at byte 228, within a block: it is cut off; fetch or export it again"],
    );
    check(
        &v2(&inner, 51, length + 4),
        expect!["3 blocks, the CAR ends at byte 233, within a block: it is cut off; fetch or export it again"],
    );
    check(
        &v2(&inner, 51, length + 1000),
        expect!["3 blocks, the CAR ends at byte 254, within a block: it is cut off; fetch or export it again"],
    );
    check(
        &v2(&inner, 50, length),
        expect![
            "0 blocks, the CAR's header is not valid (its data cannot be 178 bytes from byte 50): is this a CAR file?"
        ],
    );
    check(
        &v2(&inner, u64::MAX - length, length),
        expect![
            "0 blocks, the CAR ends at byte 1048779, within what lies before the data: it is cut off; fetch or export it again"
        ],
    );
    check(
        &v2(&v2(&inner, 51, length), 51, length + 51),
        expect!["0 blocks, the CAR has version 2, versions 1 and 2 are read: export it again as version 1"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2000 }))]

    #[test]
    fn what_is_written_is_read(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..40),
        roots in 0usize..5,
    ) {
        let blocks: Vec<_> = contents.iter().map(|c| raw(c)).collect();
        let roots: Vec<_> = blocks.iter().take(roots).map(|b| b.0).collect();
        let bytes = run(write(&roots, &blocks));
        let (found, end) = run(read(&bytes, CarLimits::default()));
        prop_assert_eq!(found, blocks);
        prop_assert_eq!(end.expect("it is whole"), roots);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = run(read(&bytes, CarLimits::default()));
        // The same behind a good header.
        let (blocks, _) = run(read(&[&three()[..], &bytes].concat(), CarLimits::default()));
        prop_assert!(blocks.len() >= 3);
    }
}
