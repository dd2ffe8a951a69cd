//! What a fetch does when all goes well: order, paths, ranges, several sources, resumption, cancelling.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pelago_dag::{BlockError, Blocks, CarWriter, MemoryBlocks};
use pelago_exchange::retrieve::{
    Bandwidth, CarUse, FetchError, Hints, Kind, Options, Progress, Request, Scope, Source, Sources, fetch,
};

use crate::dag::{Child, Dag};
use crate::server::{Answer, Server};
use crate::{count, get, get_with, options};

/// A model: a large file, a small one, and one in a folder.
fn model() -> (Dag, Child) {
    let mut dag = Dag::default();
    let (weights, config, vocabulary) = (dag.file_of(1, 40, 65_536), dag.raw("{}"), dag.file_of(2, 3, 1000));
    let inner = dag.folder(&[("vocab.txt", vocabulary)]);
    let root = dag.folder(&[("config.json", config), ("model.onnx", weights), ("tokenizer", inner)]);
    (dag, root)
}

#[tokio::test]
async fn all_of_a_dag_comes_from_several_sources_and_each_is_named() {
    let (dag, root) = model();
    let servers = [
        Server::throttled(&dag, Some(4_000_000), Duration::ZERO, |_| Answer::Right).await,
        Server::throttled(&dag, Some(4_000_000), Duration::ZERO, |_| Answer::Right).await,
    ];
    let gateway = Server::throttled(&dag, Some(400_000), Duration::ZERO, |_| Answer::Right).await;
    let (fetched, blocks) = get(root.cid, vec![servers[0].peer(), servers[1].peer(), gateway.gateway()]).await.unwrap();
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
    assert_eq!((fetched.bytes, fetched.blocks), (dag.bytes(), dag.blocks.len() as u64));
    assert_eq!(fetched.sources.iter().map(|s| s.bytes).sum::<u64>(), dag.bytes());
    assert!(servers.iter().all(|s| fetched.sources.iter().any(|f| f.name == s.url && f.bytes > 0)));
    assert_eq!(fetched.main_kind(), Some(Kind::Peer));
    assert!(fetched.p2p_optimized && fetched.dropped.is_empty() && fetched.bytes_before == 0);
    assert!(servers[0].heads().iter().all(|head| head.contains("cache-control: only-if-cached")));
    assert!(gateway.heads().iter().all(|head| !head.contains("only-if-cached")));
}

#[tokio::test]
async fn one_source_is_no_choice_and_what_is_here_costs_nothing() {
    let (dag, root) = model();
    let server = Server::new(&dag, |_| Answer::Right).await;
    let (fetched, blocks) = get(root.cid, vec![server.peer()]).await.unwrap();
    assert!(!fetched.p2p_optimized);
    let asked = server.heads().len();
    let again = fetch(Request::all(root.cid), blocks, vec![server.peer()], options()).await.unwrap();
    assert_eq!((again.bytes, again.bytes_before, again.main_kind()), (0, dag.bytes(), None));
    assert_eq!(server.heads().len(), asked);
}

#[tokio::test]
async fn a_fetch_goes_on_from_what_was_kept() {
    let (dag, root) = model();
    let blocks = Arc::new(MemoryBlocks::default());
    let server = Server::throttled(&dag, Some(1_000_000), Duration::ZERO, |_| Answer::Right).await;
    let half = Arc::new(tokio::sync::Notify::new());
    let told = half.clone();
    let progress = move |p: Progress| {
        if p.done > 1_000_000 {
            told.notify_one();
        }
    };
    let with = Options { progress: Some(Arc::new(progress)), ..options() };
    tokio::select! {
        ended = fetch(Request::all(root.cid), blocks.clone(), vec![server.peer()], with) => panic!("{ended:?}"),
        () = half.notified() => {}
    }
    // Dropping the fetch ended its transfers; only then are blocks counted.
    while server.open() > 0 {
        tokio::task::yield_now().await;
    }
    let (here, before) = (count(&dag, &blocks), server.heads().len());
    assert!(here > 10 && here < dag.blocks.len(), "{here}");
    let rest = fetch(Request::all(root.cid), blocks.clone(), vec![server.peer()], options()).await.unwrap();
    assert_eq!(rest.bytes + rest.bytes_before, dag.bytes());
    assert_eq!(server.heads().len() - before, dag.blocks.len() - here);
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
}

#[tokio::test]
async fn a_path_brings_what_leads_to_it_and_what_is_under_it() {
    let (dag, root) = model();
    let server = Server::new(&dag, |_| Answer::Right).await;
    let at = |path: &str| Request::at(root.cid, path);
    let (fetched, _) = get_with(at("tokenizer/vocab.txt"), vec![server.peer()], options()).await.unwrap();
    // Two folders, a file node, three leaves.
    assert_eq!(fetched.blocks, 6);
    let entity = Request { scope: Scope::Entity, ..at("tokenizer") };
    let (fetched, _) = get_with(entity, vec![server.peer()], options()).await.unwrap();
    assert_eq!(fetched.blocks, 2);
    let range = Request { bytes: Some(65_000..140_000), ..at("model.onnx") };
    let (fetched, _) = get_with(range, vec![server.peer()], options()).await.unwrap();
    assert_eq!(fetched.blocks, 2 + 3);
    let missing = get_with(at("tokenizer/no.txt"), vec![server.peer()], options()).await.unwrap_err();
    assert!(matches!(&missing, FetchError::Store(BlockError::NoEntry { path, .. }) if path == "tokenizer/no.txt"));
    let file = get_with(at("config.json/x"), vec![server.peer()], options()).await.unwrap_err();
    assert!(matches!(file, FetchError::Store(BlockError::NotFolder { .. })));
}

#[tokio::test]
async fn a_name_is_found_in_a_sharded_folder() {
    let mut dag = Dag::default();
    let (a, b) = (dag.file_of(3, 2, 100), dag.raw("b"));
    // The names' hashes (murmur3-x64-64) begin with bf28 and de7c; that of c.bin with 57dd.
    let (first, second) = (dag.shard(&[0x28], &[("28a.bin", a)]), dag.shard(&[0x7c], &[("7Cb.bin", b)]));
    let root = dag.shard(&[0xbf, 0xde], &[("BF", first), ("DE", second)]);
    let server = Server::new(&dag, |_| Answer::Right).await;
    let (fetched, _) = get_with(Request::at(root.cid, "b.bin"), vec![server.peer()], options()).await.unwrap();
    assert_eq!(fetched.blocks, 3);
    let (fetched, _) = get(root.cid, vec![server.peer()]).await.unwrap();
    assert_eq!(fetched.blocks as usize, dag.blocks.len());
    let missing = get_with(Request::at(root.cid, "c.bin"), vec![server.peer()], options()).await.unwrap_err();
    assert!(matches!(missing, FetchError::Store(BlockError::NoEntry { .. })));
}

#[tokio::test]
async fn a_preferred_file_comes_first() {
    let (dag, root) = model();
    let mut own = Dag::default();
    let wanted = own.file_of(2, 3, 1000);
    let server = Server::throttled(&dag, Some(2_000_000), Duration::ZERO, |_| Answer::Right).await;
    let hints = Hints::default();
    hints.prefer("tokenizer/vocab.txt");
    get_with(Request::all(root.cid), vec![server.peer()], Options { hints, ..options() }).await.unwrap();
    let heads = server.heads();
    let place = |cid: &pelago_dag::Cid| heads.iter().position(|head| head.contains(&cid.to_string())).unwrap();
    let last = own.blocks.keys().map(place).max().unwrap();
    assert!(own.blocks.contains_key(&wanted.cid));
    // Root, the folder and the file's own; beside them at most what was asked for together with them.
    assert!(2 * last < heads.len(), "{last} of {}", heads.len());
}

#[tokio::test]
async fn a_small_dag_comes_in_one_car_and_what_the_car_lacks_in_blocks() {
    let (dag, root) = model();
    let mut all: Vec<_> = dag.blocks.iter().map(|(cid, bytes)| (*cid, bytes.clone())).collect();
    // Parents first, as a gateway sends them.
    all.sort_by_key(|(cid, _)| (cid.codec() == 0x55, *cid != root.cid));
    let lacking = all[all.len() - 1].0;
    let mut writer = CarWriter::new(Vec::new(), &[root.cid]).await.unwrap();
    for (cid, bytes) in all.iter().filter(|(cid, _)| *cid != lacking) {
        writer.put(cid, bytes).await.unwrap();
    }
    let car = writer.finish().await.unwrap().0;
    let server =
        Server::new(&dag, move |asked| if asked.is_car() { Answer::Car(car.clone()) } else { Answer::Right }).await;
    let with = Options { car: CarUse::Auto, ..options() };
    let (fetched, blocks) = get_with(Request::all(root.cid), vec![server.gateway()], with).await.unwrap();
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
    assert!(fetched.car_bytes > 0 && fetched.car_bytes < fetched.bytes);
    let heads = server.heads();
    assert!(heads.len() < dag.blocks.len() / 2, "{}", heads.len());
    let car = heads.iter().find(|head| head.contains("format=car")).unwrap();
    assert!(car.contains("dag-scope=all") && car.contains("application/vnd.ipld.car; version=1; order=dfs; dups=n"));
}

#[tokio::test]
async fn progress_ends_with_all_and_never_goes_back() {
    let (dag, root) = model();
    let server = Server::throttled(&dag, Some(4_000_000), Duration::ZERO, |_| Answer::Right).await;
    let told: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let to = told.clone();
    let progress: Arc<dyn Fn(Progress) + Send + Sync> = Arc::new(move |p| to.lock().unwrap().push(p));
    get_with(Request::all(root.cid), vec![server.peer()], Options { progress: Some(progress), ..options() })
        .await
        .unwrap();
    let told = told.lock().unwrap();
    let last = told.last().unwrap();
    assert_eq!((last.done, last.total, last.before), (dag.bytes(), Some(dag.bytes()), 0));
    assert!(told.windows(2).all(|two| two[0].done <= two[1].done));
    assert_eq!(last.sources[0].bytes, dag.bytes());
}

#[tokio::test]
async fn the_users_limit_holds_for_all_sources_together() {
    let mut dag = Dag::default();
    let root = dag.file_of(5, 16, 65_536);
    let servers = [Server::new(&dag, |_| Answer::Right).await, Server::new(&dag, |_| Answer::Right).await];
    let bandwidth = Bandwidth::limited(1_000_000);
    let sources = servers.iter().map(Server::peer).collect();
    let (fetched, _) = get_with(Request::all(root.cid), sources, Options { bandwidth, ..options() }).await.unwrap();
    // 1 MiB, less the burst of a quarter of a second, at 1 MB/s: no machine is so slow that this fails, only too fast.
    assert!(fetched.elapsed > Duration::from_millis(750), "{:?}", fetched.elapsed);
}

#[tokio::test]
async fn sources_that_are_found_on_the_way_are_asked() {
    let (dag, root) = model();
    let server = Server::new(&dag, |_| Answer::Right).await;
    let empty = Server::new(&Dag::default(), |_| Answer::Right).await;
    let late = server.peer();
    let found = futures::stream::once(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        late
    });
    let sources = Sources { known: vec![empty.peer()], found: Some(Box::pin(found)) };
    let blocks = Arc::new(MemoryBlocks::default());
    let fetched = fetch(Request::all(root.cid), blocks, sources, options()).await.unwrap();
    assert_eq!(fetched.bytes, dag.bytes());
}

#[tokio::test]
async fn a_last_resort_is_asked_only_for_what_others_lack() {
    let (dag, root) = model();
    let mut part = dag.clone();
    let missing = part.blocks.keys().find(|cid| cid.codec() == 0x55).copied().unwrap();
    part.blocks.remove(&missing);
    let (peer, origin) = (Server::new(&part, |_| Answer::Right).await, Server::new(&dag, |_| Answer::Right).await);
    let sources: Vec<Source> = vec![peer.peer(), origin.gateway().last_resort()];
    let (fetched, blocks) = get(root.cid, sources).await.unwrap();
    assert_eq!(count(&dag, &blocks), dag.blocks.len());
    assert_eq!(origin.heads().len(), 1);
    assert_eq!(fetched.sources[0].kind, Kind::Peer);
    assert_eq!(blocks.length(&missing).await.unwrap(), Some(dag.blocks[&missing].len() as u64));
}

#[tokio::test]
async fn nobody_to_ask_is_said_at_once() {
    let (_, root) = model();
    let said = get(root.cid, Vec::new()).await.unwrap_err();
    assert!(matches!(said, FetchError::NoSources { .. }));
}
