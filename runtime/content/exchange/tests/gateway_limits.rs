//! What the gateway grants and what it cuts off: too many, too slow, too long, and damage in the middle.

#[path = "../../dag/tests/fixtures/mod.rs"]
mod fixtures;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fixtures::{Dag, noise};
use futures::future::BoxFuture;
use pelago_dag::{BlockError, Blocks, CarLimits, CarReader, Cid};
use pelago_exchange::gateway::{Gateway, GatewayError, GatewayOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const SOON: Duration = Duration::from_secs(60);

async fn start(blocks: Arc<dyn Blocks>, options: GatewayOptions) -> Gateway {
    Gateway::start(blocks, options).await.expect("it starts")
}

async fn connect(gateway: &Gateway) -> TcpStream {
    TcpStream::connect(gateway.addr()).await.expect("it listens")
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

/// Reads a head and gives it, with the bytes of the body that came along.
async fn read_head(socket: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let read = tokio::time::timeout(SOON, socket.read_buf(&mut bytes)).await.expect("in time").expect("an answer");
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return (String::from_utf8(bytes).expect("text").to_lowercase(), body);
        }
        assert!(read > 0, "the head is cut off: {:?}", String::from_utf8_lossy(&bytes));
    }
}

/// Reads until the other side ends, which it must.
async fn read_end(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(SOON, socket.read_to_end(&mut bytes)).await.expect("it ends");
    bytes
}

/// Blocks that are given only as permits are added.
struct Gated(Dag, Arc<Semaphore>);

impl Blocks for Gated {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, BlockError>> {
        self.0.0.has(cids)
    }
    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, BlockError>> {
        self.0.0.length(cid)
    }
    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, BlockError>> {
        Box::pin(async move {
            self.1.acquire().await.expect("it is never closed").forget();
            self.0.0.get(cid).await
        })
    }
    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), BlockError>> {
        self.0.0.put(cid, bytes)
    }
}

#[tokio::test]
async fn a_missing_block_in_the_middle_cuts_the_connection() {
    let dag = Dag::default();
    let first = dag.raw(&noise(1, 100_000)).await;
    let gone = fixtures::cid_of(fixtures::RAW, b"it was never put");
    let last = dag.raw(&noise(2, 100_000)).await;
    let file = dag.file(&[(first, 100_000), (gone, 16), (last, 100_000)]).await;
    let gateway = start(dag.blocks(), GatewayOptions::default()).await;

    let path = format!("/ipfs/{file}?format=car");
    let mut socket = connect(&gateway).await;
    socket.write_all(request(&path).as_bytes()).await.expect("it reads");
    let (head, mut body) = read_head(&mut socket).await;
    assert!(head.starts_with("http/1.1 200"));
    body.extend(read_end(&mut socket).await);
    assert!(!body.ends_with(b"0\r\n\r\n"), "the chunks must not end as if all were well");

    let response = reqwest::get(format!("http://{}{path}", gateway.addr())).await.expect("a head");
    assert!(response.bytes().await.is_err(), "a client must see that the body is cut off");
    // What came before is good, and what is asked for without the gap comes whole.
    let url = format!("http://{}{path}&entity-bytes=100016:*", gateway.addr());
    let whole = reqwest::get(url).await.expect("a head").bytes().await.expect("a whole body");
    let mut reader = CarReader::open(&whole[..], CarLimits::default()).await.expect("a CAR");
    let mut found = Vec::new();
    while let Some((cid, _)) = reader.next().await.expect("a block") {
        found.push(cid);
    }
    assert_eq!(found, [file, last]);
}

#[tokio::test]
async fn more_answers_than_are_granted_are_429_and_places_come_back() {
    let dag = Dag::default();
    let leaf = dag.raw(b"leaf").await;
    let gate = Arc::new(Semaphore::new(0));
    let options = GatewayOptions { requests: 2, ..GatewayOptions::default() };
    let gateway = start(Arc::new(Gated(dag, gate.clone())), options).await;
    let path = format!("/ipfs/{leaf}?format=raw");
    let mut waiting = [connect(&gateway).await, connect(&gateway).await];
    for socket in &mut waiting {
        socket.write_all(request(&path).as_bytes()).await.expect("it reads");
    }
    // Both wait for their block; which of them has its place already only the gateway knows, so ask until it is full.
    let client = reqwest::Client::new();
    let url = format!("http://{}{path}", gateway.addr());
    let refused = loop {
        let ask = client.head(&url).send().await.expect("an answer");
        if ask.status() == 429 {
            break ask;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    // A bad request is told so even then.
    let bad = client.get(format!("http://{}/ipfs/x?format=raw", gateway.addr())).send().await.expect("an answer");
    assert_eq!(bad.status(), 400);
    gate.add_permits(3);
    for socket in &mut waiting {
        assert!(read_head(socket).await.0.starts_with("http/1.1 200"));
    }
    let again = client.get(&url).send().await.expect("an answer");
    assert_eq!((again.status().as_u16(), &again.bytes().await.expect("a body")[..]), (200, &b"leaf"[..]));
}

#[tokio::test]
async fn connections_above_the_limit_are_told_so_and_closed() {
    let dag = Dag::default();
    let leaf = dag.raw(b"leaf").await;
    let options = GatewayOptions { connections: 2, ..GatewayOptions::default() };
    let gateway = start(dag.blocks(), options).await;
    let path = format!("/ipfs/{leaf}?format=raw");
    let mut kept = [connect(&gateway).await, connect(&gateway).await];
    for socket in &mut kept {
        socket.write_all(request(&path).as_bytes()).await.expect("it reads");
        assert!(read_head(socket).await.0.starts_with("http/1.1 200"));
    }
    let mut third = connect(&gateway).await;
    third.write_all(request(&path).as_bytes()).await.expect("it reads");
    let (head, _) = read_head(&mut third).await;
    assert!(head.starts_with("http/1.1 429") && head.contains("retry-after: 1") && head.contains("connection: close"));
    read_end(&mut third).await;
    // A place that comes free is given again.
    drop(kept);
    let url = format!("http://{}{path}", gateway.addr());
    while reqwest::get(&url).await.expect("an answer").status() == 429 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let dag = Dag::default();
    let leaf = dag.raw(b"leaf").await;
    let options = GatewayOptions { head: Duration::from_millis(300), ..GatewayOptions::default() };
    let gateway = start(dag.blocks(), options).await;
    // Nothing at all; a head that trickles; and nothing after an answer.
    let mut silent = connect(&gateway).await;
    assert!(read_end(&mut silent).await.is_empty());
    let mut slow = connect(&gateway).await;
    let started = Instant::now();
    let mut sent = 0;
    for byte in request(&format!("/ipfs/{leaf}?format=raw")).bytes() {
        if slow.write_all(&[byte]).await.is_err() {
            break;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(sent < 60, "the whole request was waited for, {:?}", started.elapsed());
    let mut idle = connect(&gateway).await;
    idle.write_all(request(&format!("/ipfs/{leaf}?format=raw")).as_bytes()).await.expect("it reads");
    assert!(read_head(&mut idle).await.0.starts_with("http/1.1 200"));
    read_end(&mut idle).await;
}

#[tokio::test]
async fn heads_that_are_too_long_or_not_http_are_refused() {
    let dag = Dag::default();
    let leaf = dag.raw(b"leaf").await;
    let gateway = start(dag.blocks(), GatewayOptions::default()).await;
    let many = "X: y\r\n".repeat(100);
    for (head, expected) in [
        (format!("GET /ipfs/{leaf}/{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)), "http/1.1 4"),
        (format!("GET /ipfs/{leaf}?format=raw HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000)), "http/1.1 431"),
        (format!("GET /ipfs/{leaf}?format=raw HTTP/1.1\r\n{many}\r\n"), "http/1.1 431"),
        ("\x16\x03\x01 this is TLS\r\n\r\n".to_owned(), "http/1.1 400"),
    ] {
        let mut socket = connect(&gateway).await;
        // It may be refused before all of it is written.
        let _ = socket.write_all(head.as_bytes()).await;
        let answer = String::from_utf8_lossy(&read_end(&mut socket).await).to_lowercase();
        assert!(answer.is_empty() || answer.starts_with(expected), "{answer}");
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off_and_its_place_comes_back() {
    let dag = Dag::default();
    let file = dag.file_of(&noise(5, 24 << 20), 1 << 20, 1024).await;
    let options = GatewayOptions { stall: Duration::from_millis(300), requests: 1, ..GatewayOptions::default() };
    let gateway = start(dag.blocks(), options).await;
    let path = format!("/ipfs/{file}?format=car");
    let mut lazy = connect(&gateway).await;
    lazy.write_all(request(&path).as_bytes()).await.expect("it reads");
    assert!(read_head(&mut lazy).await.0.starts_with("http/1.1 200"));
    let url = format!("http://{}{path}", gateway.addr());
    let whole = loop {
        let response = reqwest::get(&url).await.expect("an answer");
        if response.status() == 200 {
            break response.bytes().await.expect("a whole body");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(whole.len() > 24 << 20);
    assert!(read_end(&mut lazy).await.len() < 24 << 20);
}

#[tokio::test]
async fn bytes_go_out_at_the_rate_over_all_connections() {
    let dag = Dag::default();
    let leaf = dag.raw(&noise(6, 200_000)).await;
    let options = GatewayOptions { rate: NonZeroU64::new(400_000), ..GatewayOptions::default() };
    let gateway = start(dag.blocks(), options).await;
    let url = format!("http://{}/ipfs/{leaf}?format=raw", gateway.addr());
    let started = Instant::now();
    let both = futures::future::join_all([0, 1].map(|_| async { reqwest::get(&url).await?.bytes().await })).await;
    for body in both {
        assert_eq!(body.expect("a body").len(), 200_000);
    }
    // 400 000 bytes, a quarter second's worth of them at once: it cannot be faster than this.
    assert!(started.elapsed() >= Duration::from_millis(740), "{:?}", started.elapsed());
}

#[tokio::test]
async fn closing_waits_for_answers_and_then_cuts_them_off() {
    let dag = Dag::default();
    let leaf = dag.raw(b"leaf").await;
    let path = format!("/ipfs/{leaf}?format=raw");
    for given in [true, false] {
        let gate = Arc::new(Semaphore::new(0));
        let gateway = start(Arc::new(Gated(dag.clone(), gate.clone())), GatewayOptions::default()).await;
        let addr = gateway.addr();
        let mut socket = connect(&gateway).await;
        socket.write_all(request(&path).as_bytes()).await.expect("it reads");
        // An answer on a second connection shows that the first one's request has been read.
        let probe = reqwest::get(format!("http://{addr}/")).await.expect("an answer");
        assert_eq!(probe.status(), 404);
        let within = if given { SOON } else { Duration::from_millis(50) };
        let close = tokio::spawn(gateway.close(within));
        if given {
            gate.add_permits(1);
            assert!(read_head(&mut socket).await.0.starts_with("http/1.1 200"));
            close.await.expect("it ends").expect("all was through");
        } else {
            assert!(matches!(close.await.expect("it ends"), Err(GatewayError::CutOff { .. })));
            assert!(read_end(&mut socket).await.is_empty());
        }
        assert!(TcpStream::connect(addr).await.is_err(), "it still listens");
    }
    let gateway = start(dag.blocks(), GatewayOptions::default()).await;
    let mut idle = connect(&gateway).await;
    drop(gateway);
    assert!(read_end(&mut idle).await.is_empty());
}
