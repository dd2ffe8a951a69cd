//! Content that is made to harm: each is refused with a clear error, in bounded time and memory.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use cid::multihash::Multihash;
use pelago_dag::{BlockError, Blocks, Cid, check_node, parse_address};
use pelago_store::{Entry, Kind, Store, StoreError, case_collisions, check_export};
use sha2::Digest as _;

const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;

fn on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap().block_on(future)
}

fn cid_of(codec: u64, bytes: &[u8]) -> Cid {
    Cid::new_v1(codec, Multihash::wrap(0x12, &sha2::Sha256::digest(bytes)).unwrap())
}

/// Blocks that are made by hand, in protobuf.
#[derive(Default)]
struct Maker(Vec<(Cid, Bytes)>);

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn node_bytes(links: &[(&str, Cid)], data: &[u8]) -> Vec<u8> {
    let link = |(name, cid): &(&str, Cid)| {
        field(2, &[field(1, &cid.to_bytes()), field(2, name.as_bytes()), number(3, 1)].concat())
    };
    [links.iter().flat_map(link).collect(), field(1, data)].concat()
}

impl Maker {
    fn raw(&mut self, bytes: &'static [u8]) -> Cid {
        let cid = cid_of(RAW, bytes);
        self.0.push((cid, Bytes::from_static(bytes)));
        cid
    }

    fn node(&mut self, links: &[(&str, Cid)], data: &[u8]) -> Cid {
        let bytes = node_bytes(links, data);
        let cid = cid_of(DAG_PB, &bytes);
        self.0.push((cid, bytes.into()));
        cid
    }

    fn folder(&mut self, links: &[(&str, Cid)]) -> Cid {
        self.node(links, &number(1, 1))
    }

    fn file(&mut self, parts: &[(Cid, u64)]) -> Cid {
        let sizes = parts.iter().flat_map(|(_, size)| number(4, *size)).collect();
        let total = parts.iter().map(|(_, size)| size).sum();
        let links: Vec<_> = parts.iter().map(|(cid, _)| ("", *cid)).collect();
        self.node(&links, &[number(1, 2), number(3, total), sizes].concat())
    }

    fn shard(&mut self, fanout: u64, links: &[(&str, Cid)], field_of: &[u8]) -> Cid {
        let data = [number(1, 5), field(2, field_of), number(5, 0x22), number(6, fanout)].concat();
        self.node(links, &data)
    }

    /// What the store says to the whole of it, and the store.
    fn finish(self, root: Cid) -> (Result<(), StoreError>, Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let result = on(async {
            let ingest = store.ingest(root).await?;
            for (cid, bytes) in self.0 {
                ingest.put(cid, bytes).await?;
            }
            ingest.flush().await?;
            ingest.finish().await.map(|_| ())
        });
        (result, store, dir)
    }

    fn check(self, root: Cid, said: &str) {
        let (result, store, _dir) = self.finish(root);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(said), "{error:?} does not say {said:?}");
        assert!(on(store.roots()).unwrap().is_empty());
    }
}

#[test]
fn folders_with_bad_names_are_refused() {
    for (name, said) in [
        ("..", "not names"),
        (".", "not names"),
        ("", "empty name"),
        ("a/b", "slash"),
        ("/etc", "slash"),
        ("a\0", "NUL"),
    ] {
        let mut maker = Maker::default();
        let leaf = maker.raw(b"x");
        let root = maker.folder(&[(name, leaf)]);
        maker.check(root, said);
    }
    let mut maker = Maker::default();
    let leaf = maker.raw(b"x");
    let root = maker.folder(&[("a", leaf), ("a", leaf)]);
    maker.check(root, "two entries are called \"a\"");
}

#[test]
fn sizes_that_do_not_agree_are_refused() {
    let mut maker = Maker::default();
    let leaf = maker.raw(b"hello");
    let root = maker.file(&[(leaf, 5), (leaf, 4)]);
    maker.check(root, "should have 4 bytes, but it has 5");
    let mut maker = Maker::default();
    let leaf = maker.raw(b"hello");
    let root = maker.node(&[("", leaf)], &[number(1, 2), number(3, 6), number(4, 5)].concat());
    maker.check(root, "they must agree");
    let mut maker = Maker::default();
    let leaf = maker.raw(b"hello");
    let root = maker.node(&[("", leaf), ("", leaf)], &[number(1, 2), number(3, 5), number(4, 5)].concat());
    maker.check(root, "2 links, 1 block sizes");
    let mut maker = Maker::default();
    let leaf = maker.raw(b"hello");
    let data = [number(1, 2), number(3, 4), number(4, u64::MAX), number(4, 5)].concat();
    let root = maker.node(&[("", leaf), ("", leaf)], &data);
    maker.check(root, "they must agree");
    let mut maker = Maker::default();
    let root = maker.node(&[], &[number(1, 2), field(2, b"hello"), number(3, 4)].concat());
    maker.check(root, "but 5 bytes");
    let mut maker = Maker::default();
    let folder = maker.folder(&[]);
    let root = maker.file(&[(folder, 5)]);
    maker.check(root, "but it is no file");
    let mut maker = Maker::default();
    let root = maker.node(&[], &number(3, 4));
    maker.check(root, "no type");
}

#[test]
fn a_read_of_a_lying_file_gives_no_byte_too_many() {
    let mut maker = Maker::default();
    let leaf = maker.raw(b"hello");
    let root = maker.file(&[(leaf, 3)]);
    let (result, store, _dir) = maker.finish(root);
    assert!(matches!(result, Err(StoreError::Block(BlockError::Node { .. }))));
    let error = on(store.read_all(root, "", 10)).unwrap_err();
    assert!(error.to_string().contains("its parent says 3 bytes, it has 5"), "{error}");
}

#[test]
fn a_file_that_expands_exponentially_is_read_in_parts() {
    // 16 levels of 1000 links to the same node: 5 × 10^48 bytes would not fit, 10^3^6 × 5 do.
    let mut maker = Maker::default();
    let mut at = (maker.raw(b"hello"), 5u64);
    for _ in 0..6 {
        at = (maker.file(&vec![at; 1000]), at.1 * 1000);
    }
    let (root, size) = at;
    let (result, store, _dir) = maker.finish(root);
    result.unwrap();
    on(async {
        use futures::StreamExt;
        assert_eq!(store.stat_dag(root).await.unwrap().blocks, 7);
        let mut stream = store.read(&root.to_string(), 0..size).await.unwrap();
        for _ in 0..1000 {
            assert_eq!(stream.next().await.unwrap().unwrap(), "hello");
        }
        drop(stream);
        let mut stream = store.read(&root.to_string(), size - 7..size).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), "lo");
        assert_eq!(stream.next().await.unwrap().unwrap(), "hello");
        assert!(stream.next().await.is_none());
    });
}

#[test]
fn folders_that_expand_exponentially_are_refused() {
    let mut maker = Maker::default();
    let mut at = maker.raw(b"x");
    let names: Vec<String> = (0..100).map(|i| format!("{i:02}")).collect();
    for _ in 0..8 {
        let links: Vec<_> = names.iter().map(|name| (name.as_str(), at)).collect();
        at = maker.folder(&links);
    }
    let (result, store, _dir) = maker.finish(at);
    assert!(matches!(result, Err(StoreError::Block(BlockError::Limit { what: "files and folders", .. }))));
    assert!(matches!(on(store.list(at)), Err(StoreError::Block(BlockError::Limit { what: "files and folders", .. }))));
}

#[test]
fn depth_bombs_are_refused() {
    let mut maker = Maker::default();
    let mut at = maker.raw(b"x");
    for _ in 0..70 {
        at = maker.folder(&[("d", at)]);
    }
    maker.check(at, "more than 64 folders in each other");
    let mut maker = Maker::default();
    let mut at = maker.folder(&[]);
    for _ in 0..2_000 {
        at = maker.folder(&[("d", at)]);
    }
    maker.check(at, "more than 512 levels");
    let mut maker = Maker::default();
    let mut at = maker.raw(b"x");
    for _ in 0..17 {
        at = maker.file(&[(at, 1)]);
    }
    let (result, store, _dir) = maker.finish(at);
    assert!(matches!(result, Err(StoreError::Block(BlockError::Limit { what: "levels of a file's tree", .. }))));
    assert!(on(store.read_all(at, "", 10)).unwrap_err().to_string().contains("too deep"));
}

#[test]
fn shards_are_where_their_names_belong() {
    let place = |fanout: u64, digits: usize, bucket: u64, fill: &[u8]| {
        let mut maker = Maker::default();
        let leaf = maker.raw(b"x");
        let name = format!("{bucket:0digits$X}a");
        let root = maker.shard(fanout, &[(&name, leaf)], fill);
        maker.finish(root)
    };
    let bits = |bucket: u64| {
        let mut bytes = vec![0; bucket as usize / 8 + 1];
        bytes[0] = 1 << (bucket % 8);
        bytes
    };
    // The first three bits of the hash are found by trying; the buckets of a larger fan-out lie within.
    let (mut shift, mut known) = (3, 0);
    for (fanout, digits) in [(8u64, 1), (16, 1), (64, 2), (256, 2), (1024, 3)] {
        let more = fanout.ilog2() + 3 - shift;
        let tried = (known << more)..(known << more) + if fanout == 8 { 8 } else { 1 << more };
        let right: Vec<u64> = tried.filter(|b| place(fanout, digits, *b, &bits(*b)).0.is_ok()).collect();
        assert_eq!(right.len(), 1, "one bucket of {fanout} is right: {right:?}");
        (shift, known) = (fanout.ilog2() + 3, right[0]);
        let (result, store, _dir) = place(fanout, digits, right[0], &bits(right[0]));
        result.unwrap();
        let root = on(store.roots()).unwrap()[0].cid;
        assert_eq!(on(store.read_all(root, "a", 9)).unwrap(), "x");
        assert!(matches!(on(store.stat(root, "b")), Err(StoreError::NoEntry { .. })));
        let error = place(fanout, digits, right[0], &bits((right[0] + 1) % fanout)).0.unwrap_err();
        assert!(error.to_string().contains("bitfield"), "{error}");
    }
    for fanout in [0, 1, 3, 4, 255, 2048, 1 << 40] {
        let error = place(fanout, 2, 1, &[2]).0.unwrap_err();
        assert!(error.to_string().contains("fan-out of 8 to 1024"), "{error}");
    }
}

#[test]
fn shards_that_lead_to_themselves_or_to_nothing_are_refused() {
    let mut maker = Maker::default();
    let empty = maker.shard(256, &[], &[]);
    let root = maker.shard(256, &[("00", empty)], &[1]);
    maker.check(root, "without entries");
    let mut maker = Maker::default();
    let leaf = maker.raw(b"x");
    let folder = maker.folder(&[("a", leaf)]);
    let root = maker.shard(256, &[("00", folder)], &[1]);
    maker.check(root, "a shard of a folder was expected");
    let mut maker = Maker::default();
    let leaf = maker.raw(b"x");
    let below = maker.shard(256, &[("00a", leaf)], &[1]);
    let root = maker.shard(256, &[("00", below), ("01", below)], &[3]);
    let (result, ..) = maker.finish(root);
    assert!(matches!(result, Err(StoreError::Block(BlockError::Node { .. }))));
    for (links, said) in
        [(["01a", "01b"], "bucket is taken"), (["02a", "01b"], "no bucket"), (["0ga", "zzb"], "no bucket")]
    {
        let mut maker = Maker::default();
        let leaf = maker.raw(b"x");
        let root = maker.shard(256, &links.map(|name| (name, leaf)), &[2]);
        let error = maker.finish(root).0.unwrap_err().to_string();
        assert!(error.contains(said) || error.contains("out of order"), "{error}");
    }
}

#[test]
fn a_symbolic_link_is_shown_and_never_followed() {
    let mut maker = Maker::default();
    let link = maker.node(&[], &[number(1, 4), field(2, b"../../etc/passwd")].concat());
    let leaf = maker.raw(b"x");
    let root = maker.folder(&[("link", link), ("plain", leaf)]);
    let (result, store, _dir) = maker.finish(root);
    result.unwrap();
    let entries = on(store.list(root)).unwrap();
    assert_eq!(
        entries.iter().map(|e| (e.path.as_str(), e.kind)).collect::<Vec<_>>(),
        [("link", Kind::Symlink), ("plain", Kind::File)]
    );
    let error = on(store.read(&format!("{root}/link"), 0..0)).err().unwrap();
    assert!(matches!(&error, StoreError::Symlink { target, .. } if target == "../../etc/passwd"), "{error}");
    assert!(matches!(on(store.read(&format!("{root}/link/x"), 0..0)), Err(StoreError::NoEntry { .. })));
}

#[test]
fn names_that_differ_in_case_are_told() {
    let mut maker = Maker::default();
    let leaf = maker.raw(b"x");
    let upper = maker.folder(&[("x", leaf)]);
    let root = maker.folder(&[("A", upper), ("a", upper), ("b", leaf)]);
    let (result, store, _dir) = maker.finish(root);
    result.unwrap();
    let entries: Vec<Entry> = on(store.list(root)).unwrap();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(case_collisions(&entries), [pair("A", "a"), pair("A/x", "a/x")]);
    let error = check_export(&entries).unwrap_err();
    assert!(error.to_string().contains("\"A\" and \"a\" differ only in case"), "{error}");
    check_export(&entries[..1]).unwrap();
}

#[test]
fn identity_cids_carry_a_few_bytes() {
    let text = |length: usize| {
        let bytes = [vec![1, RAW as u8, 0], varint(length as u64), vec![7; length]].concat();
        format!("f{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
    };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    for length in [0, 1, 64, 65, 128] {
        let (cid, _) = parse_address(&text(length)).unwrap();
        assert_eq!(on(store.read_all(cid, "", 200)).unwrap(), vec![7; length]);
    }
    for length in [129, 200] {
        let error = parse_address(&text(length)).unwrap_err();
        assert!(matches!(error, BlockError::Address { .. }), "{error}");
    }
    // As a link, so that it comes from others: the parts of a file.
    let part = |length: u8| [vec![1, RAW as u8, 0], varint(length.into()), vec![7; length.into()]].concat();
    let file = |length: u8| {
        let link = field(2, &[field(1, &part(length)), field(2, b""), number(3, length.into())].concat());
        let data = [number(1, 2), number(3, length.into()), number(4, length.into())].concat();
        Bytes::from([link, field(1, &data)].concat())
    };
    let node = file(128);
    let root = cid_of(DAG_PB, &node);
    let (result, store, _dir) = Maker(vec![(root, node)]).finish(root);
    result.unwrap();
    assert_eq!(on(store.read_all(root, "", 200)).unwrap(), vec![7; 128]);
    let node = file(129);
    let error = check_node(&cid_of(DAG_PB, &node), node).unwrap_err();
    assert!(error.to_string().contains("Hash is no CID"), "{error}");
}

#[test]
fn a_node_is_checked_by_itself() {
    let bytes = Bytes::from(node_bytes(&[], &number(1, 1)));
    check_node(&cid_of(DAG_PB, &bytes), bytes.clone()).unwrap();
    let cut = bytes.slice(..bytes.len() - 1);
    assert!(matches!(check_node(&cid_of(DAG_PB, &cut), cut.clone()), Err(BlockError::Node { .. })));
    proptest::proptest!(|(bytes in proptest::collection::vec(0u8..=255, 0..200))| {
        let _ = check_node(&cid_of(DAG_PB, &bytes), bytes.clone().into());
    });
}

#[test]
fn published_negative_vectors_are_refused() {
    let Ok(folder) = std::env::var("PELAGO_TEST_VECTORS") else { return };
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join("dag-pb/decode-edges.json")).unwrap();
    let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    for vector in &all {
        let hex = vector["hex"].as_str().unwrap();
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
        let error = check_node(&cid_of(DAG_PB, &bytes), bytes.into()).unwrap_err();
        assert!(matches!(error, BlockError::Node { .. }), "{}: {error}", vector["name"]);
    }
    assert!(all.len() >= 9);
}
