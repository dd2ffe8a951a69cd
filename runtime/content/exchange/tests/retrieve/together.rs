//! Several nodes that fetch the same at the same time, behind one origin: it gives each block once.

use std::sync::Arc;
use std::time::Duration;

use pelago_dag::Cid;
use pelago_exchange::gateway::{Gateway, GatewayOptions};
use pelago_exchange::retrieve::{Fetched, HttpOptions, HttpProvider, Reach, Request, Source, fetch};
use pelago_store::Store;

use crate::dag::Dag;
use crate::options;
use crate::server::{self, Answer, Server};

struct Node {
    name: String,
    store: Store,
    gateway: Gateway,
    _home: tempfile::TempDir,
}

impl Node {
    async fn start(name: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let served = GatewayOptions { node: Some(name.to_owned()), ..GatewayOptions::default() };
        let gateway = Gateway::start(Arc::new(store.clone()), served).await.unwrap();
        Self { name: name.to_owned(), store, gateway, _home: home }
    }

    /// Fetches a root from the other nodes, and what they do not have from the origin.
    async fn fetch(&self, root: Cid, nodes: &[Self], origin: &Server) -> Fetched {
        let http = HttpOptions { node: Some(self.name.clone()), ..server::options() };
        let peer = |url: &str| Source::new(Arc::new(HttpProvider::peer(url, Reach::Named, &http).unwrap()));
        let others = nodes.iter().filter(|node| node.name != self.name);
        let mut sources: Vec<_> = others.map(|node| peer(&format!("http://{}/", node.gateway.addr()))).collect();
        sources.push(peer(&origin.url).last_resort());
        let ingest = self.store.ingest(root).await.unwrap();
        let fetched = fetch(Request::all(root), Arc::new(ingest.clone()), sources, options()).await.unwrap();
        ingest.finish().await.unwrap();
        fetched
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_origin_gives_each_block_about_once() {
    let mut dag = Dag::default();
    let file = dag.file_of(3, 128, 1 << 16);
    let root = dag.folder(&[("weights.bin", file)]).cid;
    let origin = Server::throttled(&dag, Some(10_000_000), Duration::ZERO, |_| Answer::Right).await;
    let nodes = [Node::start("one").await, Node::start("two").await, Node::start("three").await];
    let all = futures::future::join_all(nodes.iter().map(|node| node.fetch(root, &nodes, &origin))).await;
    for (node, fetched) in nodes.iter().zip(&all) {
        assert_eq!(fetched.bytes, dag.bytes());
        assert_eq!(node.store.verify(root).await.unwrap().bytes, dag.bytes());
    }
    // Without telling each other they would have asked for three times as much.
    assert!(origin.sent() * 10 <= dag.bytes() * 12, "{} of {}", origin.sent(), dag.bytes());

    // One that comes later finds all of it with the others.
    let sent = origin.sent();
    let late = Node::start("late").await;
    late.fetch(root, &nodes, &origin).await;
    assert_eq!(origin.sent(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_begin_later_wait_for_what_the_first_one_will_bring() {
    let mut dag = Dag::default();
    let file = dag.file_of(4, 128, 1 << 16);
    let root = dag.folder(&[("weights.bin", file)]).cid;
    let origin = Server::throttled(&dag, Some(2_000_000), Duration::ZERO, |_| Answer::Right).await;
    let nodes = [Node::start("one").await, Node::start("two").await, Node::start("three").await];
    let later = async |node: &Node, tenths: u64| {
        while origin.sent() * 10 < dag.bytes() * tenths {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        node.fetch(root, &nodes, &origin).await
    };
    let all = tokio::join!(later(&nodes[0], 0), later(&nodes[1], 1), later(&nodes[2], 2));
    for fetched in [all.0, all.1, all.2] {
        assert_eq!(fetched.bytes, dag.bytes());
    }
    assert!(origin.sent() * 10 <= dag.bytes() * 12, "{} of {}", origin.sent(), dag.bytes());
}
