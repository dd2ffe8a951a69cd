//! The content store through its public interface: CIDs, ranges, damage, odd
//! folders. What happens to it when processes die is in `processes.rs`.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and say why")]

mod common;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use common::{noise, on};
use futures::StreamExt;
use pelago_dag::{BlockError, Cid, Profile, parse_address};
use pelago_store::{AddOptions, Added, Kind, Store, StoreError};
use proptest::prelude::*;
use sha2::Digest as _;

const MIB: usize = 1 << 20;

fn add(store: &Store, folder: &Path) -> Result<Added, StoreError> {
    on(store.add_folder(folder, |_| {}))
}

fn bytes(store: &Store, path: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>, StoreError> {
    on(async {
        let mut all = Vec::new();
        let mut stream = store.read(path, range).await?;
        while let Some(piece) = stream.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    })
}

fn extents(store: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(store.join("extents")).unwrap().map(|e| e.unwrap().path()).collect()
}

fn flip(path: &Path, at: u64) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// A ChaCha20 keystream with nonce 0 (RFC 8439), as the profiles' test vectors are made of.
fn keystream(seed: &str) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(sha2::Sha256::digest(seed).into())
}

fn check_vector_file(profile: Profile, seed: &str, size: usize, cid: &str) {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let mut file = std::fs::File::create(source.join("file")).unwrap();
    let (mut stream, mut buffer) = (keystream(seed), vec![0; MIB]);
    let mut left = size;
    while left > 0 {
        let n = left.min(MIB);
        stream.fill_bytes(&mut buffer[..n]);
        file.write_all(&buffer[..n]).unwrap();
        left -= n;
    }
    let store = Store::open(dir.path().join("store")).unwrap();
    let options = AddOptions { profile, ..AddOptions::default() };
    let added = on(store.add_folder_as(source, options, |_| {})).unwrap();
    let entry = on(store.stat(added.root, "file")).unwrap();
    assert_eq!((entry.cid.to_string().as_str(), entry.size), (cid, size as u64), "{seed} {size}");
    on(store.verify(added.root)).unwrap();
}

fn check_vector_folder(profile: Profile, seed: &str, files: usize, name: usize, last: usize, cid: &str) {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz01234567890-_";
    // All at once: the generator does not go on in the middle of a word.
    let mut letters = vec![0; (files - 1) * name + last];
    keystream(seed).fill_bytes(&mut letters);
    let (firsts, last) = letters.split_at((files - 1) * name);
    let entries: Vec<_> = firsts
        .chunks(name)
        .chain([last])
        .map(|name| {
            let name: String = name.iter().map(|b| alphabet[*b as usize % 39] as char).collect();
            (name, bytes::Bytes::from_static(b"x"))
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let options = AddOptions { profile, ..AddOptions::default() };
    let some = entries[files / 2].0.clone();
    let added = on(store.add_files_as(entries, Vec::new(), options)).unwrap();
    assert_eq!(added.root.to_string(), cid, "{files} names of {name}, the last of {}", last.len());
    assert_eq!(on(store.list(added.root)).unwrap().len(), files);
    assert_eq!(on(store.read_all(added.root, &some, 9)).unwrap(), "x");
}

/// The CIDs of IPIP-499, <https://github.com/ipfs/specs/pull/499>.
const V0: Profile = Profile::UnixfsV0_2015;
const V1: Profile = Profile::UnixfsV1_2025;

#[test]
fn files_have_the_cids_of_ipip_499() {
    check_vector_file(V0, "chunk-v0-seed", 262_144, "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE");
    check_vector_file(V0, "chunk-v0-seed", 262_145, "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ");
    check_vector_file(V0, "v0-seed", 45_613_056, "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2");
    check_vector_file(V0, "v0-seed", 45_613_057, "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW");
    let one_chunk = "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta";
    check_vector_file(V1, "chunk-v1-seed", 1_048_576, one_chunk);
    let two_chunks = "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64";
    check_vector_file(V1, "chunk-v1-seed", 1_048_577, two_chunks);
}

#[test]
fn large_files_have_the_cids_of_ipip_499() {
    let one_level = "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm";
    check_vector_file(V1, "v1-2025-seed", 1 << 30, one_level);
    let two_levels = "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe";
    check_vector_file(V1, "v1-2025-seed", (1 << 30) + 1, two_levels);
}

#[test]
fn folders_have_the_cids_of_ipip_499() {
    let (v0, v1) = ("hamt-unixfs-v0-2015", "hamt-unixfs-v1-2025");
    check_vector_folder(V0, v0, 4096, 30, 30, "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN");
    check_vector_folder(V0, v0, 4033, 31, 31, "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP");
    let plain = "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4";
    check_vector_folder(V1, v1, 4766, 11, 21, plain);
    let sharded = "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu";
    check_vector_folder(V1, v1, 4766, 11, 22, sharded);
}

#[test]
fn small_files_have_the_cids_of_the_profile() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let root = |bytes: &'static [u8]| on(store.add_bytes(bytes)).unwrap().root.to_string();
    assert_eq!(root(b"hello world"), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    assert_eq!(root(b""), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    let old = AddOptions { profile: V0, ..AddOptions::default() };
    let root_v0 = |bytes: &'static [u8]| on(store.add_bytes_as(bytes, old)).unwrap().root.to_string();
    assert_eq!(root_v0(b"hello world"), "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
    assert_eq!(root_v0(b""), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
    let folder = on(store.add_files(Vec::new(), Vec::new())).unwrap().root.to_string();
    assert_eq!(folder, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
}

#[test]
fn a_folder_is_sharded_only_above_the_threshold() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    // A link of a 4-byte name and a 36-byte CID is 49 bytes: 5,349 of them and the data stay under 256 KiB.
    let folder = |count: usize| {
        let files = (0..count).map(|i| (format!("{i:04}"), bytes::Bytes::from_static(b"x"))).collect();
        let root = on(store.add_files(files, Vec::new())).unwrap().root;
        assert_eq!(on(store.list(root)).unwrap().len(), count);
        assert_eq!(on(store.stat(root, "0042")).unwrap().size, 1);
        assert_eq!(on(store.stat(root, "")).unwrap().kind, Kind::Folder);
        on(store.verify(root)).unwrap().blocks
    };
    assert_eq!(folder(5000), 2, "one folder node, one leaf");
    assert!(folder(6000) > 20, "a HAMT of many shards");
}

#[derive(Clone, Debug)]
struct Tree(BTreeMap<String, (u64, usize)>);

fn trees() -> impl Strategy<Value = Tree> {
    let size = prop_oneof![3 => 0usize..2000, 1 => Just(MIB), 1 => MIB - 1..MIB + 2, 1 => 2 * MIB..5 * MIB / 2];
    let path = "([a-c]/){0,3}[a-zé漢 #%&]{1,8}x";
    prop::collection::btree_map(path, (0u64..4, size), 0..8).prop_map(Tree)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_added_is_what_is_read(tree in trees(), cuts in prop::collection::vec((0.0..1.0, 0.0..1.0), 4)) {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        std::fs::create_dir(&source).unwrap();
        for (path, (seed, size)) in &tree.0 {
            let path = source.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, noise(*seed, *size)).unwrap();
        }
        let store = Store::open(dir.path().join("store")).unwrap();
        let added = add(&store, &source).unwrap();
        let again = add(&store, &source).unwrap();
        prop_assert_eq!(added.root, again.root);
        prop_assert_eq!(again.new_bytes, 0);
        let listed: Vec<_> = on(store.list(added.root)).unwrap().into_iter().map(|e| (e.path, e.size as usize)).collect();
        let expected: Vec<_> = tree.0.iter().map(|(p, (_, s))| (p.clone(), *s)).collect();
        prop_assert_eq!(listed, expected);
        for (path, (seed, size)) in &tree.0 {
            let content = noise(*seed, *size);
            let address = format!("{}/{path}", added.root);
            for (a, b) in &cuts {
                let (a, b) = ((a * *size as f64) as usize, (b * *size as f64) as usize);
                let (a, b) = (a.min(b), a.max(b));
                prop_assert_eq!(&bytes(&store, &address, a as u64..b as u64).unwrap()[..], &content[a..b]);
            }
            prop_assert_eq!(&bytes(&store, &address, 0..*size as u64).unwrap()[..], &content[..]);
        }
        // The index is only an index: without it the extents give the same store.
        drop(store);
        for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
            let _ = std::fs::remove_file(dir.path().join("store").join(name));
        }
        let store = Store::open(dir.path().join("store")).unwrap();
        on(store.verify(added.root)).unwrap();
        prop_assert_eq!(on(store.roots()).unwrap().len(), 1);
        on(store.remove(added.root)).unwrap();
        prop_assert_eq!(extents(store.dir()).len(), 0);
    }
}

#[test]
fn no_byte_is_stored_twice() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let content = noise(1, 3 * MIB);
    std::fs::write(source.join("a"), &content).unwrap();
    std::fs::write(source.join("b"), &content).unwrap();
    std::fs::write(source.join("c"), [&content[..MIB], &noise(2, MIB)].concat()).unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    add(&store, &source).unwrap();
    let stored: u64 = extents(store.dir()).iter().map(|p| p.metadata().unwrap().len()).sum();
    assert!(stored < 4 * MIB as u64 + 10_000, "{stored} bytes for 4 MiB of distinct content");
}

#[test]
fn removing_a_root_keeps_what_others_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let weights = noise(1, 2 * MIB);
    let file = |name: &str, b: &bytes::Bytes| (name.to_owned(), b.clone());
    let first = on(store.add_files(vec![file("w", &weights), file("a", &"only here".into())], vec![])).unwrap();
    let weights_cid = on(store.stat(first.root, "w")).unwrap().cid;
    let derived =
        on(store.add_files(vec![file("graph/g", &"graph".into())], vec![("w".to_owned(), weights_cid)])).unwrap();
    assert!(derived.new_bytes < 1000, "a link takes no room: {}", derived.new_bytes);
    assert_eq!(derived.size, 2 * MIB as u64 + 5);
    on(store.remove(first.root)).unwrap();
    assert_eq!(bytes(&store, &format!("{}/w", derived.root), 0..2 * MIB as u64).unwrap(), weights);
    assert!(matches!(on(store.remove(first.root)), Err(StoreError::UnknownRoot { .. })));
    on(store.remove(derived.root)).unwrap();
    assert_eq!(extents(store.dir()).len(), 0);
    let links = vec![("w".to_owned(), weights_cid)];
    assert!(matches!(on(store.add_files(vec![], links)), Err(StoreError::MissingBlock { .. })));
}

#[test]
fn a_damaged_block_is_an_error_and_adding_again_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    let content = noise(7, 5 * MIB / 2);
    std::fs::write(source.join("w"), &content).unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    let added = add(&store, &source).unwrap();
    let address = format!("{}/w", added.root);
    // Read it first: that it was verified once must not hide what happens later.
    assert_eq!(bytes(&store, &address, 0..10).unwrap(), &content[..10]);
    let large = extents(store.dir()).into_iter().max_by_key(|p| p.metadata().unwrap().len()).unwrap();
    flip(&large, MIB as u64 + 5);
    assert_eq!(bytes(&store, &address, 0..10).unwrap(), &content[..10], "other blocks are as good as before");
    let error = bytes(&store, &address, MIB as u64..MIB as u64 + 1).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(matches!(on(store.verify(added.root)), Err(StoreError::MissingBlock { .. })));
    assert_eq!(add(&store, &source).unwrap().root, added.root);
    assert_eq!(bytes(&store, &address, 0..content.len() as u64).unwrap(), content);
    on(store.verify(added.root)).unwrap();
}

#[test]
fn a_truncated_extent_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let added = on(store.add_bytes(noise(3, 3 * MIB))).unwrap();
    let large = extents(store.dir()).into_iter().max_by_key(|p| p.metadata().unwrap().len()).unwrap();
    std::fs::set_permissions(&large, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::OpenOptions::new().write(true).open(&large).unwrap().set_len(MIB as u64 + 100).unwrap();
    let error = bytes(&store, &added.root.to_string(), 0..3 * MIB as u64).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[test]
fn folders_that_cannot_be_added_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    let case = |name: &str, make: &dyn Fn(&Path)| {
        let source = dir.path().join(name);
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("plain"), "x").unwrap();
        make(&source);
        add(&store, &source)
    };
    let outside = dir.path().join("outside");
    std::fs::write(&outside, "secret").unwrap();
    let error = case("out", &|s| symlink(&outside, s.join("link")).unwrap()).unwrap_err();
    assert!(matches!(&error, StoreError::Link { reason: "outside the folder", .. }), "{error}");
    let error = case("dangling", &|s| symlink("nothing", s.join("link")).unwrap()).unwrap_err();
    assert!(matches!(&error, StoreError::Link { reason: "there is nothing", .. }), "{error}");
    let error = case("loop", &|s| symlink(".", s.join("link")).unwrap()).unwrap_err();
    assert!(matches!(&error, StoreError::Link { reason: "a folder", .. }), "{error}");
    let error = case("socket", &|s| drop(std::os::unix::net::UnixListener::bind(s.join("s")).unwrap())).unwrap_err();
    assert!(matches!(&error, StoreError::Special { .. }), "{error}");
    let error = case("bytes", &|s| {
        use std::os::unix::ffi::OsStrExt;
        std::fs::write(s.join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
    })
    .unwrap_err();
    assert!(matches!(&error, StoreError::Name { reason: "not UTF-8", .. }), "{error}");
    let inside = case("inside", &|s| symlink("plain", s.join("link")).unwrap()).unwrap();
    assert_eq!(inside.files, 2, "a link to a file inside is that file");
    let hidden = case("hidden", &|s| std::fs::write(s.join(".cache"), "x").unwrap()).unwrap();
    assert_eq!((hidden.files, hidden.hidden.len()), (1, 1));
    assert!(matches!(add(&store, &dir.path().join("absent")), Err(StoreError::Io { .. })));
    assert!(matches!(add(&store, &outside), Err(StoreError::NotFolder { .. })));
    for path in ["", ".", "..", "a/../b", "/a", "a//b", "a\0b"] {
        let files = vec![(path.to_owned(), bytes::Bytes::from_static(b"x"))];
        assert!(matches!(on(store.add_files(files, vec![])), Err(StoreError::Name { .. })), "{path:?}");
    }
    let twice = vec![("a".to_owned(), "x".into()), ("a/b".to_owned(), "x".into())];
    assert!(matches!(on(store.add_files(twice, vec![])), Err(StoreError::Name { .. })));
    assert_eq!(on(store.roots()).unwrap().len(), 2, "the refused left nothing");
}

#[test]
fn addresses_and_ranges_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let root = on(store.add_files(vec![("a/b".to_owned(), "hello".into())], vec![])).unwrap().root;
    for address in [format!("{root}/a/b"), format!("ipfs://{root}/a/b"), format!("/ipfs/{root}/a/b")] {
        assert_eq!(bytes(&store, &address, 1..3).unwrap(), b"el", "{address}");
    }
    assert!(matches!(bytes(&store, &format!("{root}/a"), 0..0), Err(StoreError::IsFolder { .. })));
    assert!(matches!(bytes(&store, &format!("{root}/a/c"), 0..0), Err(StoreError::NoEntry { .. })));
    assert!(matches!(bytes(&store, &format!("{root}/a/b/c"), 0..0), Err(StoreError::NoEntry { .. })));
    assert!(matches!(bytes(&store, &format!("{root}/a/b"), 0..6), Err(StoreError::Range { size: 5, .. })));
    assert!(matches!(bytes(&store, &format!("{root}/../b"), 0..1), Err(StoreError::Address { .. })));
    assert!(matches!(parse_address("bafynonsense"), Err(BlockError::Address { .. })));
    // sha1 and dag-cbor are not verified here, so they are not accepted.
    let sha1 = Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0x11, &[0; 20]).unwrap());
    assert!(matches!(parse_address(&sha1.to_string()), Err(BlockError::Unsupported { what: "hash", .. })));
    let cbor = Cid::new_v1(0x71, *root.hash());
    assert!(matches!(parse_address(&cbor.to_string()), Err(BlockError::Unsupported { what: "codec", .. })));
    let identity = Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0, b"inline").unwrap());
    assert_eq!(bytes(&store, &identity.to_string(), 2..6).unwrap(), b"line");
}

#[test]
fn a_dropped_import_stops_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir(&source).unwrap();
    std::fs::write(source.join("w"), noise(1, 40 * MIB)).unwrap();
    let store = Store::open(dir.path().join("store")).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    // Ending the runtime waits for the worker, which must have noticed.
    on(async {
        let import = store.add_folder(&source, move |p| sender.send(p.done).unwrap_or(()));
        tokio::select! {
            biased;
            () = async { tokio::task::spawn_blocking(move || receiver.recv()).await.unwrap().unwrap(); } => {}
            added = import => drop(added.unwrap()),
        }
    });
    let roots = on(store.roots()).unwrap().len();
    assert_eq!(extents(store.dir()).is_empty(), roots == 0, "all of it or nothing");
}
