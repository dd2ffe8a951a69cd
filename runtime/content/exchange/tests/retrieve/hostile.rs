//! DAGs that are built to do harm: every block is what its CID says, and the whole is refused.

use std::time::Duration;

use pelago_dag::{BlockError, Blocks, Cid};
use pelago_exchange::retrieve::{CarUse, FetchError, Limits, Options, ProviderError, Request, Scope};

use crate::dag::{Child, Dag, noise};
use crate::server::{Answer, Server};
use crate::{get, get_with, options};

async fn refused(dag: &Dag, root: Child, limits: Limits) -> FetchError {
    let server = Server::new(dag, |_| Answer::Right).await;
    get_with(Request::all(root.cid), vec![server.peer()], Options { limits, ..options() }).await.unwrap_err()
}

fn bad_node(error: &FetchError) -> bool {
    matches!(error, FetchError::Store(BlockError::Node { .. }))
}

#[tokio::test]
async fn links_that_repeat_are_followed_once() {
    // 2^100 paths to one leaf.
    let mut dag = Dag::default();
    let mut at = dag.raw("x");
    for _ in 0..100 {
        at = dag.folder(&[("a", at), ("b", at)]);
    }
    let server = Server::new(&dag, |_| Answer::Right).await;
    // The DAG says that it has 2^100 bytes; nobody is told to believe that beyond what a number holds.
    let limits = Limits { bytes: u64::MAX, ..Limits::default() };
    let (fetched, _) =
        get_with(Request::all(at.cid), vec![server.peer()], Options { limits, ..options() }).await.unwrap();
    assert_eq!(fetched.blocks, 101);
    assert!(matches!(refused(&dag, at, Limits::default()).await, FetchError::TooLarge { .. }));
}

#[tokio::test]
async fn depth_and_number_of_blocks_are_limited() {
    let mut dag = Dag::default();
    let mut at = dag.raw("x");
    for _ in 0..130 {
        at = dag.folder(&[("a", at)]);
    }
    assert!(matches!(refused(&dag, at, Limits::default()).await, FetchError::TooDeep { limit: 128, .. }));
    let mut dag = Dag::default();
    let many = dag.file_of(1, 200, 10);
    let limits = Limits { blocks: 100, ..Limits::default() };
    assert!(matches!(refused(&dag, many, limits).await, FetchError::TooManyBlocks { limit: 100, .. }));
}

#[tokio::test]
async fn more_bytes_than_accepted_are_refused_whether_the_dag_says_so_or_not() {
    let mut dag = Dag::default();
    let honest = dag.file_of(1, 50, 10_000);
    let limits = Limits { bytes: 100_000, ..Limits::default() };
    let error = refused(&dag, honest, limits).await;
    assert!(matches!(error, FetchError::TooLarge { bytes, .. } if bytes > 500_000), "{error}");
    let parts: Vec<Child> = (0..50).map(|n| Child { dag_size: 0, ..dag.raw(noise(n, 10_000)) }).collect();
    let liar = dag.file(&parts);
    let error = refused(&dag, liar, limits).await;
    assert!(matches!(error, FetchError::TooLarge { bytes, .. } if bytes < 120_000), "{error}");
}

#[tokio::test]
async fn parts_that_are_not_as_long_as_their_file_says_are_refused() {
    let mut dag = Dag::default();
    let part = dag.raw("four");
    let liar = dag.file(&[Child { size: 5, ..part }]);
    assert!(bad_node(&refused(&dag, liar, Limits::default()).await));
    let folder = dag.folder(&[("a", part)]);
    let liar = dag.file(&[folder]);
    assert!(bad_node(&refused(&dag, liar, Limits::default()).await));
}

#[tokio::test]
async fn names_that_lead_out_of_a_folder_are_refused() {
    for name in ["..", ".", "", "a/b", "/etc/passwd", "a\0"] {
        let mut dag = Dag::default();
        let file = dag.raw("x");
        let root = dag.folder(&[(name, file)]);
        let error = refused(&dag, root, Limits::default()).await;
        assert!(bad_node(&error), "{name:?}: {error}");
    }
}

#[tokio::test]
async fn an_entry_in_a_bucket_that_is_not_its_own_is_refused() {
    let mut dag = Dag::default();
    let file = dag.raw("x");
    let root = dag.shard(&[1], &[("01a.bin", file)]);
    assert!(bad_node(&refused(&dag, root, Limits::default()).await));
}

#[tokio::test]
async fn a_block_of_more_than_two_mebibytes_is_refused() {
    let mut dag = Dag::default();
    let root = dag.raw(noise(1, (2 << 20) + 1));
    let FetchError::Unavailable { sources, .. } = refused(&dag, root, Limits::default()).await else { panic!() };
    assert!(matches!(sources[0].error, ProviderError::TooLarge { .. }));
}

#[tokio::test]
async fn cids_that_cannot_be_verified_are_refused() {
    let mut dag = Dag::default();
    let sound = dag.raw("x");
    let hash = |code: u64, digest: &[u8]| cid::multihash::Multihash::wrap(code, digest).unwrap();
    let sha1 = Child { cid: Cid::new_v1(0x55, hash(0x11, &[1; 20])), ..sound };
    let cbor = Child { cid: Cid::new_v1(0x71, *sound.cid.hash()), ..sound };
    for weak in [sha1, cbor] {
        let root = dag.folder(&[("a", weak)]);
        let error = refused(&dag, root, Limits::default()).await;
        assert!(matches!(error, FetchError::Store(BlockError::Unsupported { .. })), "{error}");
    }
    // An identity CID carries its bytes: nobody is asked for it.
    let inline = Child { cid: Cid::new_v1(0x55, hash(0, b"inline")), size: 6, dag_size: 6 };
    let root = dag.folder(&[("a", inline)]);
    let server = Server::new(&dag, |_| Answer::Right).await;
    assert_eq!(get(root.cid, vec![server.peer()]).await.unwrap().0.blocks, 1);
}

#[tokio::test]
async fn a_block_of_any_codec_is_fetched_where_it_alone_is_wanted() {
    let mut dag = Dag::default();
    let cid = dag.put(0x0129, r#"{"a":1}"#.into());
    let folder = dag.folder(&[("document", Child { cid, size: 7, dag_size: 7 })]);
    let server = Server::new(&dag, |_| Answer::Right).await;
    let wanted = |root: Child, path: &str, scope: Scope| Request { scope, ..Request::at(root.cid, path) };
    let alone = Child { cid, size: 7, dag_size: 7 };
    for (request, blocks) in [
        (wanted(alone, "", Scope::Block), 1),
        (wanted(alone, "", Scope::Entity), 1),
        (wanted(folder, "document", Scope::Block), 2),
        (wanted(folder, "document", Scope::Entity), 2),
    ] {
        let (fetched, here) = get_with(request, vec![server.peer()], options()).await.unwrap();
        assert_eq!(fetched.blocks, blocks);
        assert_eq!(here.get(&cid).await.unwrap(), r#"{"a":1}"#);
    }
    let error = refused(&dag, alone, Limits::default()).await;
    assert!(matches!(error, FetchError::Store(BlockError::Unsupported { what: "codec", code: 0x0129, .. })), "{error}");
}

#[tokio::test]
async fn a_car_with_other_blocks_cut_off_or_wrong_is_no_harm() {
    use pelago_dag::CarWriter;
    let mut dag = Dag::default();
    let root = dag.file_of(1, 10, 20_000);
    let mut extra = Dag::default();
    extra.file_of(2, 300, 20_000);
    let mut cars = Vec::new();
    for blocks in [&extra, &dag] {
        let mut writer = CarWriter::new(Vec::new(), &[root.cid]).await.unwrap();
        for (cid, bytes) in &blocks.blocks {
            writer.put(cid, bytes).await.unwrap();
        }
        cars.push(writer.finish().await.unwrap().0);
    }
    let sound = cars[1].clone();
    cars.push(sound[..sound.len() / 2].to_vec());
    let mut flipped = sound.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    cars.push(flipped);
    cars.push(b"no car at all".to_vec());
    for (at, car) in cars.into_iter().enumerate() {
        let server =
            Server::new(&dag, move |asked| if asked.is_car() { Answer::Car(car.clone()) } else { Answer::Right }).await;
        let second = Server::throttled(&dag, None, Duration::from_millis(20), |_| Answer::Right).await;
        let with = Options { car: CarUse::Always, ..options() };
        let sources = vec![server.gateway(), second.gateway()];
        let (fetched, blocks) = get_with(Request::all(root.cid), sources, with).await.unwrap();
        assert_eq!(crate::count(&dag, &blocks), dag.blocks.len(), "{at}");
        let is_dropped = fetched.dropped.iter().any(|d| d.source == server.url);
        // Foreign blocks and wrong ones are held against the source; a CAR that cannot be read is not.
        assert_eq!(is_dropped, at == 0 || at == 3, "{at}: {:?}", fetched.dropped);
    }
}
