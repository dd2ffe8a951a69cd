//! Finding sources: delegated routing, and the local network.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use pelago_exchange::retrieve::{Announcement, Discovery, Extent, ProviderError, Reach, Routing, Source};

use crate::dag::Dag;
use crate::get;
use crate::server::{Answer, Server, options};

/// A routing service that answers so, and what is made of it.
async fn found(kind: &str, body: String, reach: Reach) -> Result<Vec<String>, ProviderError> {
    let body: &'static str = body.leak();
    let headers = format!("content-type: {kind}\r\n");
    let server = Server::new(&Dag::default(), move |_| Answer::Status(200, headers.clone(), body)).await;
    let routing = Routing::new(&server.url, &options()).unwrap().reaching(reach);
    let cid = Dag::default().raw("x").cid;
    let sources: Vec<Source> = routing.providers(cid).try_collect().await?;
    let head = &server.heads()[0];
    assert!(head.starts_with(&format!("get /routing/v1/providers/{cid}?filter-protocols=transport-ipfs-gateway-http")));
    Ok(sources.iter().map(|s| format!("{s:?}")).collect())
}

const RECORDS: [&str; 6] = [
    r#"{"Schema":"peer","ID":"12D3KooA","Addrs":["/dns4/a.example/tcp/443/tls/http","/ip4/1.2.3.4/udp/1/quic-v1"],"Protocols":["transport-ipfs-gateway-http"],"Extra":1}"#,
    r#"{"Schema":"peer","ID":"12D3KooB","Addrs":["/ip4/192.168.1.1/tcp/80/http"],"Protocols":["transport-ipfs-gateway-http"]}"#,
    r#"{"Schema":"peer","ID":"12D3KooC","Addrs":["/dns4/bitswap.example/tcp/4001"],"Protocols":["transport-bitswap"]}"#,
    r#"{"Schema":"bitswap","Protocol":"transport-bitswap","ID":"12D3KooD"}"#,
    r#"{"Schema":"peer","ID":"12D3KooE","Addrs":null,"Protocols":null}"#,
    r#"{"Schema":"peer","Addrs":["/dns4/a.example/tcp/443/https"]}"#,
];

#[tokio::test]
async fn providers_are_read_from_json_and_from_lines() {
    let json = format!(r#"{{"Providers":[{},17]}}"#, RECORDS.join(","));
    let lines = RECORDS.join("\n") + "\n\n{\"Schema\":\"unknown\"}";
    // One gateway by two records is one; a private address that a stranger names is none.
    for (kind, body) in [("application/json", json), ("application/x-ndjson; charset=utf-8", lines)] {
        let public = found(kind, body.clone(), Reach::Public).await.unwrap();
        assert_eq!(public, ["gateway https://a.example"], "{kind}");
        let named = found(kind, body, Reach::Named).await.unwrap();
        assert_eq!(named, ["gateway https://a.example", "gateway http://192.168.1.1"], "{kind}");
    }
    assert!(found("application/json", r#"{"Providers":null}"#.to_owned(), Reach::Public).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_none_is_told() {
    let bad = found("application/json", "<html>".to_owned(), Reach::Public).await;
    assert!(matches!(bad, Err(ProviderError::Unexpected { .. })), "{bad:?}");
    let long = found("application/x-ndjson", "x".repeat(100_000), Reach::Public).await;
    assert!(matches!(long, Err(ProviderError::TooLarge { .. })), "{long:?}");
    let server = Server::new(&Dag::default(), |_| Answer::Status(404, String::new(), "")).await;
    let routing = Routing::new(&server.url, &options()).unwrap();
    assert!(routing.providers(Dag::default().raw("x").cid).next().await.is_none());
}

#[tokio::test]
async fn two_nodes_on_one_machine_find_each_other() {
    let mut dag = Dag::default();
    let root = dag.file_of(1, 4, 1000);
    let server = Server::new(&dag, |_| Answer::Right).await;
    let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
    let start = |node: &str, port: u16| {
        let own = Announcement { node: format!("{node}-{}", std::process::id()), port };
        Discovery::start(own, Extent::Machine, options()).unwrap()
    };
    let (one, other) = (start("one", port), start("other", 1));
    // Another run of the tests may be on this machine, too.
    let mut peers = other.peers().unwrap();
    let found = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let peer = peers.next().await.unwrap();
            if format!("{peer:?}") == format!("peer {}", server.url) {
                return peer;
            }
        }
    });
    let peer = found.await.expect("the other node announces itself");
    assert_eq!(get(root.cid, vec![peer]).await.unwrap().0.blocks, 5);
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test]
async fn who_only_listens_finds_others() {
    let node = format!("listened-{}", std::process::id());
    let listening = Discovery::listen(Extent::Machine, options()).unwrap();
    let mut peers = listening.peers().unwrap();
    let one = Discovery::start(Announcement { node, port: 7 }, Extent::Machine, options()).unwrap();
    let found = tokio::time::timeout(Duration::from_secs(30), async {
        while let Some(peer) = peers.next().await {
            if format!("{peer:?}") == "peer http://127.0.0.1:7" {
                return;
            }
        }
    });
    found.await.expect("what is announced is heard");
    one.close().await.unwrap();
    listening.close().await.unwrap();
}

#[tokio::test]
async fn a_node_needs_a_name() {
    for node in ["", "a.b", "with space", &"x".repeat(64)] {
        let own = Announcement { node: node.to_owned(), port: 1 };
        let refused = Discovery::start(own, Extent::Machine, options());
        assert!(matches!(refused, Err(ProviderError::Discovery { .. })), "{node}");
    }
}
