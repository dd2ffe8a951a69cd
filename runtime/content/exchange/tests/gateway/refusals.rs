//! What the gateway refuses, and to whom.

use std::sync::Arc;
use std::time::Duration;

use pelago_exchange::gateway::{Cors, Gateway, GatewayError, GatewayOptions};
use reqwest::{Method, StatusCode};

use crate::fixtures::{self, Dag, RAW};
use crate::served::{Served, header};

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_its_reason() {
    let dag = Dag::default();
    let leaf = dag.raw(b"leaf").await;
    let folder = dag.folder(&[("a", leaf)]).await;
    let unknown = fixtures::cid_of(RAW, b"unknown");
    let part = dag.file(&[(unknown, 7)]).await;
    let served = Served::start(dag).await;
    for (path, expected) in [
        (format!("/ipfs/{leaf}x?format=raw"), 400),
        ("/ipfs/?format=raw".to_owned(), 400),
        (format!("/ipfs/{}?format=raw", "b".repeat(5000)), 400),
        (format!("/ipfs/{folder}/a?format=raw"), 400),
        (format!("/ipfs/{folder}"), 406),
        (format!("/ipfs/{folder}?format=tar"), 406),
        (format!("/ipfs/{folder}?format=car&car-version=2"), 406),
        (format!("/ipfs/{folder}?format=car&car-order=bfs"), 406),
        (format!("/ipfs/{folder}?format=car&format=raw"), 400),
        (format!("/ipfs/{folder}?format=car&dag-scope=some"), 400),
        (format!("/ipfs/{folder}?format=car&entity-bytes=x"), 400),
        (format!("/ipfs/{folder}//a?format=car"), 400),
        (format!("/ipfs/{folder}/%2e%2e/a?format=car"), 400),
        (format!("/ipfs/{folder}/a%2Fb?format=car"), 400),
        (format!("/ipfs/{folder}/a%00?format=car"), 400),
        (format!("/ipfs/{folder}/%ff?format=car"), 400),
        (format!("/ipfs/{folder}/b?format=car"), 404),
        (format!("/ipfs/{folder}/a/b?format=car"), 404),
        (format!("/ipfs/{unknown}?format=raw"), 404),
        (format!("/ipfs/{unknown}?format=car"), 404),
        (format!("/ipns/{leaf}?format=raw"), 404),
        ("/".to_owned(), 404),
    ] {
        let response = served.send(Method::GET, &path, &[("accept", "*/*")]).await;
        assert_eq!(response.status().as_u16(), expected, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
        let reason = response.text().await.expect("a reason");
        assert!(reason.len() > 10 && reason.len() < 1000, "{path}: {reason}");
    }
    // reqwest sends `*/*` unless told otherwise; with no Accept at all nothing can be chosen.
    assert_eq!(bare(&served, &format!("GET /ipfs/{leaf} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await, 400);
    for (path, cached) in [
        (format!("/ipfs/{unknown}?format=raw"), 412),
        (format!("/ipfs/{unknown}?format=car"), 412),
        (format!("/ipfs/{leaf}?format=raw"), 200),
        (format!("/ipfs/{part}?format=car&dag-scope=block"), 200),
    ] {
        let response = served.send(Method::GET, &path, &[("cache-control", "max-age=0, Only-If-Cached")]).await;
        assert_eq!(response.status().as_u16(), cached, "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let response = served.send(method, &format!("/ipfs/{leaf}?format=raw"), &[]).await;
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET, HEAD, OPTIONS"));
    }
    let response = served.send(Method::GET, &format!("/ipfs/{leaf}?format=raw"), &[("service-worker", "script")]).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

/// The status of an answer to bytes that no client library would send.
async fn bare(served: &Served, request: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(served.gateway.addr()).await.expect("it listens");
    socket.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("it answers");
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

#[tokio::test]
async fn pages_read_only_where_they_are_allowed_to() {
    let leaf = Dag::default().raw(b"leaf").await;
    let mine = "https://mine.example";
    let others = "https://others.example";
    let origins = Cors::Origins(vec![mine.to_owned()]);
    for (cors, origin, expected) in
        [(Cors::Nobody, mine, ""), (origins.clone(), mine, mine), (origins, others, ""), (Cors::Anybody, others, "*")]
    {
        let dag = Dag::default();
        dag.raw(b"leaf").await;
        let served = Served::with(dag, GatewayOptions { cors, ..GatewayOptions::default() }).await;
        let path = format!("/ipfs/{leaf}?format=raw");
        let response = served.send(Method::GET, &path, &[("origin", origin)]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "access-control-allow-origin"), expected);
        let ask = [("origin", origin), ("access-control-request-method", "GET")];
        let response = served.send(Method::OPTIONS, &path, &ask).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(header(&response, "access-control-allow-origin"), expected);
        assert_eq!(response.headers().contains_key("access-control-allow-methods"), !expected.is_empty());
    }
}

#[tokio::test]
async fn it_listens_beyond_loopback_only_when_told_to() {
    let blocks: Arc<_> = Dag::default().blocks();
    let listen = "0.0.0.0:0".parse().expect("an address");
    let options = GatewayOptions { listen, ..GatewayOptions::default() };
    assert!(matches!(Gateway::start(blocks.clone(), options.clone()).await, Err(GatewayError::Public { .. })));
    let options = GatewayOptions { beyond_loopback: true, ..options };
    let gateway = Gateway::start(blocks.clone(), options).await.expect("it was allowed");
    let taken = GatewayOptions { listen: ([127, 0, 0, 1], gateway.addr().port()).into(), ..GatewayOptions::default() };
    assert!(matches!(Gateway::start(blocks, taken).await, Err(GatewayError::Listen { .. })));
    gateway.close(Duration::from_secs(10)).await.expect("nothing is open");
}
