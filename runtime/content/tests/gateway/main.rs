//! The gateway over real sockets: blocks, CARs, headers and refusals, as the
//! trustless gateway specification and its conformance tests have them.

mod codecs;
#[path = "../fixtures/mod.rs"]
mod fixtures;
mod refusals;

use std::time::Duration;

use fixtures::{Dag, RAW, identity, noise};
use pelago_content::{CarLimits, CarReader, Cid, Gateway, GatewayOptions};
use reqwest::{Client, Method, Response, StatusCode};

struct Served {
    gateway: Gateway,
    client: Client,
    dag: Dag,
}

impl Served {
    async fn start(dag: Dag) -> Self {
        Self::with(dag, GatewayOptions::default()).await
    }

    async fn with(dag: Dag, options: GatewayOptions) -> Self {
        let gateway = Gateway::start(dag.blocks(), options).await.expect("it starts");
        Self { gateway, client: Client::new(), dag }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let url = format!("http://{}{path}", self.gateway.addr());
        let mut request = self.client.request(method, url).timeout(Duration::from_secs(60));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, &[]).await
    }

    async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    /// The blocks of a CAR, in order.
    async fn car(&self, path: &str) -> Vec<Cid> {
        self.car_with(path, &[]).await
    }

    async fn car_with(&self, path: &str, headers: &[(&str, &str)]) -> Vec<Cid> {
        let response = self.send(Method::GET, path, headers).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        read_car(&response.bytes().await.expect("a whole body")).await
    }
}

async fn read_car(bytes: &[u8]) -> Vec<Cid> {
    let mut reader = CarReader::open(bytes, CarLimits::default()).await.expect("a CAR");
    let mut cids = Vec::new();
    while let Some((cid, _)) = reader.next().await.expect("a block") {
        cids.push(cid);
    }
    cids
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn a_raw_block_comes_with_the_headers_of_the_specification() {
    let dag = Dag::default();
    let content = noise(1, 1000);
    let cid = dag.raw(&content).await;
    let served = Served::start(dag).await;
    for (path, headers) in [
        (format!("/ipfs/{cid}?format=raw"), vec![]),
        (format!("/ipfs/{cid}"), vec![("accept", "application/vnd.ipld.raw")]),
        (format!("/ipfs/{cid}/?format=raw"), vec![]),
        (format!("/ipfs/{cid}?format=raw"), vec![("accept", "application/vnd.ipld.car")]),
    ] {
        let response = served.send(Method::GET, &path, &headers).await;
        assert_eq!(response.status(), StatusCode::OK);
        for (name, expected) in [
            ("content-type", "application/vnd.ipld.raw".to_owned()),
            ("content-length", "1000".to_owned()),
            ("content-disposition", format!("attachment; filename=\"{cid}.bin\"")),
            ("x-content-type-options", "nosniff".to_owned()),
            ("etag", format!("\"{cid}.raw\"")),
            ("cache-control", "public, max-age=29030400, immutable".to_owned()),
            ("accept-ranges", "bytes".to_owned()),
            ("vary", "Accept".to_owned()),
            ("x-ipfs-path", path.split('?').next().expect("a path").to_owned()),
            ("x-ipfs-roots", cid.to_string()),
        ] {
            assert_eq!(header(&response, name), expected, "{name} of {path}");
        }
        let located = if path.contains("format") { String::new() } else { format!("/ipfs/{cid}?format=raw") };
        assert_eq!(header(&response, "content-location"), located);
        assert_eq!(response.bytes().await.expect("a body"), content);
    }
}

#[tokio::test]
async fn a_download_has_the_name_that_is_asked_for() {
    let dag = Dag::default();
    let cid = dag.raw(b"hello").await;
    let served = Served::start(dag).await;
    for (asked, expected) in [
        ("foobar.bin", r#"attachment; filename="foobar.bin""#),
        ("a%20b.bin", r#"attachment; filename="a b.bin""#),
        ("test%D1%82%D0%B5.pdf", r#"attachment; filename="test__.pdf"; filename*=UTF-8''test%D1%82%D0%B5.pdf"#),
        ("a%22%0D%0Ab", r#"attachment; filename="a___b"; filename*=UTF-8''a%22%0D%0Ab"#),
    ] {
        let response = served.get(&format!("/ipfs/{cid}?format=raw&filename={asked}")).await;
        assert_eq!(header(&response, "content-disposition"), expected);
    }
    assert_eq!(served.status(&format!("/ipfs/{cid}?format=raw&filename={}", "x".repeat(256))).await, 400);
}

#[tokio::test]
async fn ranges_of_a_raw_block() {
    let dag = Dag::default();
    let content = noise(2, 100);
    let cid = dag.raw(&content).await;
    let served = Served::start(dag).await;
    let path = format!("/ipfs/{cid}?format=raw");
    for (asked, expected) in
        [("bytes=7-9", 7..10), ("bytes=-5", 95..100), ("bytes=90-", 90..100), ("bytes=99-200", 99..100)]
    {
        let response = served.send(Method::GET, &path, &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        let said = format!("bytes {}-{}/100", expected.start, expected.end - 1);
        assert_eq!(header(&response, "content-range"), said);
        assert_eq!(header(&response, "content-length"), expected.len().to_string());
        assert_eq!(response.bytes().await.expect("a body"), content[expected]);
    }
    // Several ranges, or none that is understood: the whole, as RFC 9110 allows.
    for asked in ["bytes=7-9,1-3", "bytes=x", "rows=1-2"] {
        let response = served.send(Method::GET, &path, &[("range", asked)]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.bytes().await.expect("a body"), content);
    }
    let response = served.send(Method::GET, &path, &[("range", "bytes=100-")]).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-range")), (416, "bytes */100"));
    let tag = format!("\"{cid}.raw\"");
    for (known, expected) in [(tag.as_str(), 206), ("\"another\"", 200), ("W/\"weak\"", 200)] {
        let response = served.send(Method::GET, &path, &[("range", "bytes=0-1"), ("if-range", known)]).await;
        assert_eq!(response.status().as_u16(), expected);
    }
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let dag = Dag::default();
    let cid = dag.raw(b"hello").await;
    let folder = dag.folder(&[("a", cid)]).await;
    let served = Served::start(dag).await;
    let mut tags = Vec::new();
    for path in [
        format!("/ipfs/{cid}?format=raw"),
        format!("/ipfs/{cid}?format=car"),
        format!("/ipfs/{folder}?format=car"),
        format!("/ipfs/{folder}/a?format=car"),
        format!("/ipfs/{folder}?format=car&car-dups=y"),
        format!("/ipfs/{folder}?format=car&dag-scope=block"),
        format!("/ipfs/{folder}?format=car&dag-scope=entity"),
        format!("/ipfs/{folder}?format=car&entity-bytes=0:1"),
        format!("/ipfs/{folder}?format=car&entity-bytes=0:*"),
    ] {
        let tag = header(&served.get(&path).await, "etag").to_owned();
        assert_eq!(tag.starts_with("W/"), path.contains("car"), "{tag}");
        assert!(!tags.contains(&tag), "{tag} stands for two answers");
        for (known, expected) in [
            (tag.clone(), 304),
            (format!("\"x\", {tag}"), 304),
            (tag.trim_start_matches("W/").to_owned(), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
        ] {
            let response = served.send(Method::GET, &path, &[("if-none-match", &known)]).await;
            assert_eq!(response.status().as_u16(), expected, "{known}");
            assert_eq!(header(&response, "etag"), tag);
            assert_eq!(header(&response, "cache-control"), "public, max-age=29030400, immutable");
            assert_eq!(response.bytes().await.expect("a body").is_empty(), expected == 304);
        }
        tags.push(tag);
    }
    let unknown = fixtures::cid_of(RAW, b"it is not here");
    let response = served.send(Method::GET, &format!("/ipfs/{unknown}?format=raw"), &[("if-none-match", "*")]).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn head_says_what_get_says() {
    let dag = Dag::default();
    let file = dag.file_of(&noise(3, 5000), 1000, 3).await;
    let leaf = dag.raw(b"hello").await;
    let folder = dag.folder(&[("file", file), ("leaf", leaf)]).await;
    let served = Served::start(dag).await;
    for path in [
        format!("/ipfs/{leaf}?format=raw"),
        format!("/ipfs/{folder}?format=raw"),
        format!("/ipfs/{folder}?format=car"),
        format!("/ipfs/{folder}/file?format=car&entity-bytes=0:10"),
        format!("/ipfs/{folder}/none?format=car"),
        format!("/ipfs/{folder}/file?format=raw"),
        "/ipfs/bafkqaaa?format=raw".to_owned(),
        "/ipfs/bafkqaaa?format=car".to_owned(),
        "/ipfs/bafy?format=car".to_owned(),
        "/".to_owned(),
    ] {
        let [get, head] = [Method::GET, Method::HEAD].map(|method| served.send(method, &path, &[]));
        let (get, head) = tokio::join!(get, head);
        assert_eq!(get.status(), head.status(), "{path}");
        let without = |response: &Response| {
            let mut headers = response.headers().clone();
            headers.remove("date");
            // Says how a body is sent; hyper leaves it out where none is.
            headers.remove("transfer-encoding");
            headers
        };
        assert_eq!(without(&get), without(&head), "{path}");
        assert!(head.bytes().await.expect("no body").is_empty());
    }
}

#[tokio::test]
async fn cars_hold_the_way_and_the_scope_in_order() {
    let dag = Dag::default();
    let file = dag.file_of(&noise(4, 1026), 256, 10).await;
    let chunks: Vec<Cid> = noise(4, 1026).chunks(256).map(|chunk| fixtures::cid_of(RAW, chunk)).collect();
    let ascii = dag.raw(b"ascii").await;
    let sub = dag.folder(&[("ascii.txt", ascii), ("copy.txt", ascii), ("multiblock.txt", file)]).await;
    let root = dag.folder(&[("subdir", sub)]).await;
    let served = Served::start(dag).await;
    let tail = |first: &[Cid], more: &[Cid]| [first, more].concat();
    for (query, expected) in [
        ("?format=car", tail(&[root, sub, ascii, file], &chunks)),
        ("?format=car&dag-scope=entity", vec![root]),
        ("?format=car&dag-scope=block", vec![root]),
        ("/subdir/?format=car&car-dups=y", tail(&[root, sub, ascii, ascii, file], &chunks)),
        ("/subdir?format=car&dag-scope=entity", vec![root, sub]),
        ("/subdir/ascii.txt?format=car", vec![root, sub, ascii]),
        ("/subdir/ascii%2Etxt?format=car&dag-scope=block", vec![root, sub, ascii]),
        ("/subdir/multiblock.txt?format=car&dag-scope=block", vec![root, sub, file]),
        ("/subdir/multiblock.txt?format=car&dag-scope=entity", tail(&[root, sub, file], &chunks)),
        ("/subdir/multiblock.txt?format=car&entity-bytes=0:*", tail(&[root, sub, file], &chunks)),
        ("/subdir/multiblock.txt?format=car&entity-bytes=512:*", tail(&[root, sub, file], &chunks[2..])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=512:1023", tail(&[root, sub, file], &chunks[2..4])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=512:-256", tail(&[root, sub, file], &chunks[2..4])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=-5:*", tail(&[root, sub, file], &chunks[3..])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=-9999:-3", tail(&[root, sub, file], &chunks[..4])),
        ("/subdir/multiblock.txt?format=car&entity-bytes=5:4", vec![root, sub, file]),
        ("/subdir?format=car&entity-bytes=0:9", vec![root, sub]),
        ("/subdir/ascii.txt?format=car&entity-bytes=1:2", vec![root, sub, ascii]),
    ] {
        assert_eq!(served.car(&format!("/ipfs/{root}{query}")).await, expected, "{query}");
    }
    let response = served.get(&format!("/ipfs/{root}/subdir/ascii.txt?format=car")).await;
    assert_eq!(header(&response, "x-ipfs-roots"), format!("{root},{sub},{ascii}"));
    assert_eq!(header(&response, "content-disposition"), format!("attachment; filename=\"{root}.car\""));
    assert_eq!(header(&response, "accept-ranges"), "none");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    for (accept, dups) in
        [("", "n"), ("application/vnd.ipld.car;dups=y", "y"), ("application/vnd.ipld.car;order=unk", "n")]
    {
        let query = if accept.is_empty() { "?format=car" } else { "" };
        let response = served.send(Method::GET, &format!("/ipfs/{root}{query}"), &[("accept", accept)]).await;
        let expected = format!("application/vnd.ipld.car; version=1; order=dfs; dups={dups}");
        assert_eq!(header(&response, "content-type"), expected);
        let location =
            if accept.is_empty() { String::new() } else { format!("/ipfs/{root}?format=car&car-dups={dups}") };
        assert_eq!(header(&response, "content-location"), location);
    }
    assert_eq!(served.status(&format!("/ipfs/{root}/subdir/multiblock.txt?format=car&entity-bytes=1026:*")).await, 400);
}

#[tokio::test]
async fn a_sharded_folder_gives_its_way_and_not_all_of_itself() {
    let dag = Dag::default();
    let mut entries = Vec::new();
    for n in 0..1000u32 {
        entries.push((format!("{n}.txt"), dag.raw(&n.to_le_bytes()).await));
    }
    let (root, shards) = dag.sharded(&entries).await;
    let served = Served::start(dag).await;
    for (name, cid) in entries.iter().step_by(37) {
        let found = served.car(&format!("/ipfs/{root}/{name}?format=car")).await;
        assert_eq!((found.first(), found.last()), (Some(&root), Some(cid)));
        assert!(found.len() <= 4 && found[1..found.len() - 1].iter().all(|shard| shards.contains(shard)));
    }
    let mut listed = served.car(&format!("/ipfs/{root}?format=car&dag-scope=entity")).await;
    assert_eq!(listed.remove(0), root);
    let sorted = |mut cids: Vec<Cid>| {
        cids.sort();
        cids
    };
    assert_eq!(sorted(listed), sorted(shards));
    assert_eq!(served.status(&format!("/ipfs/{root}/1000.txt?format=car")).await, 404);
}

#[tokio::test]
async fn the_probe_and_other_identity_cids() {
    let served = Served::start(Dag::default()).await;
    for method in [Method::GET, Method::HEAD] {
        for format in ["raw", "car"] {
            let response = served.send(method.clone(), &format!("/ipfs/bafkqaaa?format={format}"), &[]).await;
            assert_eq!(response.status(), StatusCode::OK);
        }
    }
    let response = served.get("/ipfs/bafkqaaa?format=raw").await;
    assert!(response.bytes().await.expect("a body").is_empty());
    let body = served.get("/ipfs/bafkqaaa?format=car").await.bytes().await.expect("a body");
    let reader = CarReader::open(&body[..], CarLimits::default()).await.expect("a CAR");
    assert_eq!(reader.roots(), ["bafkqaaa".parse::<Cid>().expect("a CID")]);
    // An identity block is never sent: its parent, or the CID itself, has it.
    let own = identity(RAW, b"carried by its own CID");
    assert_eq!(served.car_with(&format!("/ipfs/{own}"), &[("accept", "application/vnd.ipld.car; dups=y")]).await, []);
    let leaf = served.dag.raw(b"a leaf").await;
    let folder = served.dag.folder(&[("leaf", leaf), ("own", own)]).await;
    assert_eq!(served.car(&format!("/ipfs/{folder}?format=car")).await, [folder, leaf]);
    assert_eq!(served.car(&format!("/ipfs/{folder}/own?format=car")).await, [folder]);
}
