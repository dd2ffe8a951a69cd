//! Pelagos that pull from each other: real blocks over HTTP, verified by who pulls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::future::BoxFuture;
use ipld_dagpb::PbNode;
use pelago_dag::{Blocks, Cid, MemoryBlocks};
use pelago_exchange::replicate::{
    HostError, PeerEngine, ReplicaEngine, ReplicaError, ReplicaHost, Replicas, ServerOptions, router,
};
use tokio::sync::Semaphore;
use url::Url;

use super::{DEADLINE, dag, order, serve};

const SHARED: &str = "0123456789abcdef-shared";

/// A host with blocks in memory.
struct Host {
    blocks: MemoryBlocks,
    held: Mutex<BTreeSet<Cid>>,
    free: AtomicU64,
    /// A pull waits for one of these.
    turns: Semaphore,
    panics: AtomicBool,
}

impl Host {
    fn new(free: u64) -> Arc<Self> {
        Arc::new(Self {
            blocks: MemoryBlocks::default(),
            held: Mutex::default(),
            free: AtomicU64::new(free),
            turns: Semaphore::new(1000),
            panics: AtomicBool::new(false),
        })
    }
}

/// The trait is on a handle, as futures outlive the call.
struct Handle(Arc<Host>);

impl ReplicaHost for Handle {
    fn pull(&self, root: Cid, from: Url) -> BoxFuture<'static, Result<(), HostError>> {
        let host = self.0.clone();
        Box::pin(async move {
            host.turns.acquire().await?.forget();
            assert!(!host.panics.load(Ordering::Relaxed), "as told");
            let mut wanted = vec![root];
            while let Some(cid) = wanted.pop() {
                let url = from.join(&format!("ipfs/{cid}?format=raw"))?;
                let bytes = reqwest::get(url).await?.error_for_status()?.bytes().await?;
                host.blocks.put(cid, bytes.clone()).await?;
                if cid.codec() == 0x70 {
                    let links = PbNode::from_bytes(bytes)?.links;
                    wanted.extend(links.iter().map(|link| Cid::try_from(link.cid.to_bytes()).unwrap()));
                }
            }
            host.held.lock().unwrap().insert(root);
            Ok(())
        })
    }

    fn holds(&self, root: Cid) -> BoxFuture<'static, Result<bool, HostError>> {
        let host = self.0.clone();
        Box::pin(async move { Ok(host.held.lock().unwrap().contains(&root)) })
    }

    fn release(&self, root: Cid) -> BoxFuture<'static, Result<(), HostError>> {
        let host = self.0.clone();
        Box::pin(async move {
            host.held.lock().unwrap().remove(&root);
            Ok(())
        })
    }

    fn free(&self) -> BoxFuture<'static, Result<u64, HostError>> {
        let free = self.0.free.load(Ordering::Relaxed);
        Box::pin(async move { Ok(free) })
    }
}

/// A gateway for these blocks.
async fn gateway(blocks: BTreeMap<Cid, Bytes>) -> String {
    async fn block(State(blocks): State<Arc<BTreeMap<Cid, Bytes>>>, Path(cid): Path<String>) -> Response {
        match cid.parse().ok().and_then(|cid: Cid| blocks.get(&cid).cloned()) {
            Some(bytes) => bytes.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
    serve(Router::new().route("/ipfs/{cid}", get(block)).with_state(Arc::new(blocks))).await
}

async fn peer(host: &Arc<Host>, id: &str, domain: &str) -> String {
    let options = ServerOptions::new(id, domain);
    serve(router(Arc::new(Handle(host.clone())), SHARED, options).unwrap()).await
}

fn engine(peers: &[String], gateway: &str) -> PeerEngine {
    PeerEngine::new(peers, gateway, SHARED, Box::new(|_| 1.0), DEADLINE).unwrap()
}

async fn until(engine: &PeerEngine, root: &Cid, there: impl Fn(&Replicas) -> bool) -> Replicas {
    loop {
        let replicas = engine.status(root).await.unwrap();
        if there(&replicas) {
            return replicas;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Four peers in three houses.
async fn four() -> (Vec<Arc<Host>>, Vec<String>) {
    let hosts: Vec<Arc<Host>> = (0..4).map(|_| Host::new(1 << 30)).collect();
    let mut peers = Vec::new();
    for (n, host) in hosts.iter().enumerate() {
        peers.push(peer(host, &format!("peer-{n}"), &format!("house-{}", n.min(2))).await);
    }
    (hosts, peers)
}

#[tokio::test]
async fn peers_pull_from_each_other() {
    let (root, blocks) = dag(20);
    let gateway = gateway(blocks.clone()).await;
    let (hosts, peers) = four().await;
    let engine = engine(&peers, &gateway);
    let first = engine.replicate(&order(root, 1, 3)).await.unwrap();
    assert_eq!(first.expected(), 3);
    let replicas = until(&engine, &root, |r| r.held() == 3).await;
    let holders: BTreeSet<&str> = replicas.replicas.iter().map(|r| &r.holder[..]).collect();
    assert!(holders.contains("peer-0") && holders.contains("peer-1"), "one in each house: {holders:?}");
    // Whoever says that it holds has every block.
    for host in hosts.iter().filter(|h| h.held.lock().unwrap().contains(&root)) {
        let all: Vec<Cid> = blocks.keys().copied().collect();
        assert!(host.blocks.has(&all).await.unwrap().into_iter().all(|has| has));
    }
    // Said again nothing moves; fewer lets some go; more adds to those that stay.
    assert_eq!(engine.replicate(&order(root, 1, 3)).await.unwrap(), replicas);
    let fewer = engine.replicate(&order(root, 1, 2)).await.unwrap();
    assert_eq!(fewer.held(), 2);
    assert!(fewer.replicas.iter().all(|r| holders.contains(&r.holder[..])));
    assert_eq!(engine.status(&root).await.unwrap(), fewer);
    engine.replicate(&order(root, 1, 4)).await.unwrap();
    until(&engine, &root, |r| r.held() == 4).await;
    engine.remove(&root).await.unwrap();
    assert_eq!(engine.status(&root).await.unwrap().replicas, []);
}

#[tokio::test]
async fn a_lost_peer_is_replaced_and_one_without_room_is_passed_over() {
    let (root, blocks) = dag(5);
    let gateway = gateway(blocks).await;
    let (hosts, mut peers) = four().await;
    hosts[1].free.store(10, Ordering::Relaxed);
    // One that does not answer costs nothing but the attempt.
    peers.push("http://127.0.0.1:9".to_owned());
    // And the same peer by another address is no second replica.
    peers.push(peers[0].clone());
    let engine = engine(&peers, &gateway);
    let replicas = engine.replicate(&order(root, 2, 6)).await.unwrap();
    let holders: Vec<&str> = replicas.replicas.iter().map(|r| &r.holder[..]).collect();
    assert_eq!(holders, ["peer-0", "peer-2", "peer-3"]);
    let left: Vec<String> = peers[1..4].to_vec();
    let left = self::engine(&left, &gateway);
    hosts[1].free.store(1 << 30, Ordering::Relaxed);
    assert_eq!(left.replicate(&order(root, 2, 3)).await.unwrap().expected(), 3);
    let error = engine.remove(&root).await.unwrap_err();
    assert!(matches!(&error, ReplicaError::Remains { peers, .. } if peers.len() == 1), "{error}");
}

#[tokio::test]
async fn a_pull_that_fails_is_told_and_can_be_ordered_again() {
    let (root, mut blocks) = dag(4);
    let leaf = *blocks.keys().find(|cid| cid.codec() == 0x55).unwrap();
    let whole = blocks.clone();
    blocks.insert(leaf, Bytes::from("another block"));
    let liar = gateway(blocks).await;
    let host = Host::new(1 << 30);
    let peers = [peer(&host, "peer", "house").await];
    engine(&peers, &liar).replicate(&order(root, 1, 1)).await.unwrap();
    let engine = engine(&peers, &gateway(whole).await);
    let failed = until(&engine, &root, |r| r.expected() == 0).await;
    let why = failed.replicas[0].detail.clone().unwrap();
    assert!(why.contains(&leaf.to_string()), "{why}");
    // A panic is a failure like another, and the next order is a new one.
    host.panics.store(true, Ordering::Relaxed);
    assert_eq!(engine.replicate(&order(root, 1, 1)).await.unwrap().expected(), 1);
    let failed = until(&engine, &root, |r| r.expected() == 0).await;
    assert_eq!(failed.replicas[0].detail.as_deref(), Some("the pull failed by a fault of this program"));
    host.panics.store(false, Ordering::Relaxed);
    engine.replicate(&order(root, 1, 1)).await.unwrap();
    until(&engine, &root, |r| r.held() == 1).await;
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn only_who_has_the_token_is_answered() {
    let host = Host::new(1 << 30);
    let address = peer(&host, "peer", "house").await;
    let (root, _) = dag(1);
    let client = reqwest::Client::new();
    for path in ["replicas".to_owned(), format!("replicas/{root}"), "replicas/nonsense".to_owned()] {
        let url = format!("{address}/pelago/v1/{path}");
        for token in ["", "wrong", &SHARED[..22], &format!("{SHARED}x"), "Bearer"] {
            assert_eq!(status(client.get(&url).bearer_auth(token)).await, 401, "{token}");
            assert_eq!(status(client.post(&url).bearer_auth(token).body("x".repeat(1 << 20))).await, 401);
            assert_eq!(status(client.delete(&url).bearer_auth(token)).await, 401);
        }
        assert_eq!(status(client.get(&url)).await, 401);
    }
    assert_eq!(status(client.get(format!("{address}/pelago/v1/replicas")).bearer_auth(SHARED)).await, 200);
    assert!(router(Arc::new(Handle(host.clone())), "short", ServerOptions::new("a", "b")).is_err());
    assert!(router(Arc::new(Handle(host)), "a token that has spaces", ServerOptions::new("a", "b")).is_err());
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let host = Host::new(1000);
    let address = peer(&host, "peer", "house").await;
    let (root, _) = dag(1);
    let client = reqwest::Client::new();
    let post = |cid: &str, body: &str| {
        client.post(format!("{address}/pelago/v1/replicas/{cid}")).bearer_auth(SHARED).body(body.to_owned())
    };
    let from = |url: &str| format!(r#"{{"from":"{url}","size":1}}"#);
    let root = root.to_string();
    assert_eq!(status(post("nonsense", &from("http://127.0.0.1/"))).await, 400);
    // SHA-1 and an identity of 129 bytes cannot be verified.
    let weak = Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0x11, &[0; 20]).unwrap()).to_string();
    assert_eq!(status(post(&weak, &from("http://127.0.0.1/"))).await, 400);
    assert_eq!(status(post(&root, "{")).await, 400);
    assert_eq!(status(post(&root, &from("file:///etc/passwd"))).await, 400);
    assert_eq!(status(post(&root, &from("http://user:pass@127.0.0.1/"))).await, 400);
    for elsewhere in [
        "http://169.254.169.254/",
        "http://10.0.0.1/",
        "http://localhost/",
        "http://127.0.0.2/",
        "https://example.org/",
    ] {
        assert_eq!(status(post(&root, &from(elsewhere))).await, 403, "{elsewhere}");
    }
    assert_eq!(status(post(&root, r#"{"from":"http://127.0.0.1/","size":1001}"#)).await, 507);
    assert_eq!(status(post(&root, &"x".repeat(17 << 10))).await, 413);
    let get = |cid: &str| client.get(format!("{address}/pelago/v1/replicas/{cid}")).bearer_auth(SHARED);
    assert_eq!((status(get(&root)).await, status(get("nonsense")).await), (404, 400));
    assert_eq!(status(client.delete(format!("{address}/pelago/v1/replicas/{root}")).bearer_auth(SHARED)).await, 204);
}

#[tokio::test]
async fn pulls_wait_in_a_bounded_queue_and_can_be_cancelled() {
    let host = Host::new(1 << 30);
    host.turns.forget_permits(1000);
    let mut options = ServerOptions::new("peer", "house");
    (options.running, options.queued) = (1, 2);
    let router = router(Arc::new(Handle(host.clone())), SHARED, options).unwrap();
    let address = serve(router).await;
    let client = reqwest::Client::new();
    let url = |n: usize| format!("{address}/pelago/v1/replicas/{}", dag(n).0);
    let (root, blocks) = dag(1);
    assert_eq!(url(1), format!("{address}/pelago/v1/replicas/{root}"));
    let body = format!(r#"{{"from":"{}"}}"#, gateway(blocks).await);
    let post = |n: usize| client.post(url(n)).bearer_auth(SHARED).body(body.clone());
    for n in [3, 4, 1] {
        assert_eq!(status(post(n)).await, 202);
    }
    // The same again joins; another is too many.
    assert_eq!(status(post(4)).await, 202);
    let full = post(5).send().await.unwrap();
    assert_eq!((full.status().as_u16(), full.headers()["retry-after"].to_str().unwrap()), (429, "60"));
    // Those ahead of it are cancelled, and it has its turn.
    for n in [3, 4] {
        assert_eq!(status(client.delete(url(n)).bearer_auth(SHARED)).await, 204);
        assert_eq!(status(client.get(url(n)).bearer_auth(SHARED)).await, 404);
    }
    host.turns.add_permits(1);
    let engine = engine(std::slice::from_ref(&address), "http://127.0.0.1/");
    until(&engine, &root, |r| r.held() == 1).await;
}

#[tokio::test]
async fn who_asks_from_elsewhere_is_refused_unless_allowed() {
    use axum::extract::{ConnectInfo, Request};
    use axum::middleware::{self, Next};
    for (remote, asking, expected) in [
        (false, Some("10.0.0.1:5"), 403),
        (false, None, 403),
        (false, Some("127.0.0.1:5"), 200),
        (false, Some("[::ffff:127.0.0.1]:5"), 200),
        (true, Some("10.0.0.1:5"), 200),
    ] {
        let mut options = ServerOptions::new("peer", "house");
        options.remote = remote;
        let routes = router(Arc::new(Handle(Host::new(1))), SHARED, options).unwrap();
        // As if the connection came from there.
        let routes = routes.layer(middleware::from_fn(move |mut request: Request, next: Next| {
            request.extensions_mut().remove::<ConnectInfo<std::net::SocketAddr>>();
            if let Some(asking) = asking {
                request.extensions_mut().insert(ConnectInfo::<std::net::SocketAddr>(asking.parse().unwrap()));
            }
            next.run(request)
        }));
        let url = format!("{}/pelago/v1/replicas", serve(routes).await);
        assert_eq!(status(reqwest::Client::new().get(url).bearer_auth(SHARED)).await, expected, "{remote} {asking:?}");
    }
}
