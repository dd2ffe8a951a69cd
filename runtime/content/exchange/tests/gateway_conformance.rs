//! The raw and CAR expectations of ipfs/gateway-conformance v0.13
//! (`tests/trustless_gateway_raw_test.go`, `trustless_gateway_car_test.go`)
//! over its own fixtures, whose folder is named by `GATEWAY_CONFORMANCE`:
//!
//! ```text
//! GATEWAY_CONFORMANCE=… cargo test --test gateway_conformance -- --ignored
//! ```

#[path = "../../dag/tests/fixtures/mod.rs"]
mod fixtures;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use fixtures::Link;
use pelago_dag::{Blocks, CarLimits, CarReader, Cid, MemoryBlocks};
use pelago_exchange::gateway::{Gateway, GatewayOptions};
use reqwest::Response;

/// A fixture's root and its blocks.
struct Fixture {
    root: Cid,
    blocks: HashMap<Cid, Bytes>,
}

impl Fixture {
    fn links(&self, cid: &Cid) -> Vec<Link> {
        fixtures::links(&self.blocks[cid])
    }

    /// What a path through plain folders leads to.
    fn at(&self, path: &str) -> Cid {
        path.split('/').filter(|name| !name.is_empty()).fold(self.root, |cid, name| {
            let links = self.links(&cid);
            links.into_iter().find(|link| link.name.as_deref() == Some(name)).expect("an entry").cid()
        })
    }

    /// All below, depth first.
    fn below(&self, cid: &Cid) -> Vec<Cid> {
        if cid.codec() == fixtures::RAW || !self.blocks.contains_key(cid) {
            return Vec::new();
        }
        let links = self.links(cid);
        links.into_iter().flat_map(|link| [vec![link.cid()], self.below(&link.cid())].concat()).collect()
    }
}

impl Fixture {
    /// The shards below one, depth first. Their links have two hex digits for a name, entries more.
    fn shards(&self, cid: &Cid) -> Vec<Cid> {
        let links = self.links(cid).into_iter().filter(|link| link.name.as_ref().is_some_and(|n| n.len() == 2));
        links.flat_map(|link| [vec![link.cid()], self.shards(&link.cid())].concat()).collect()
    }

    /// From a shard to an entry, looked for everywhere.
    fn way(&self, cid: &Cid, name: &str) -> Option<Vec<Cid>> {
        self.links(cid).into_iter().find_map(|link| {
            let rest = link.name.clone()?.split_off(2);
            let below = match rest.as_str() {
                "" => self.way(&link.cid(), name)?,
                rest if rest == name => vec![link.cid()],
                _ => return None,
            };
            Some([vec![*cid], below].concat())
        })
    }
}

struct Suite {
    gateway: Gateway,
    client: reqwest::Client,
    blocks: Arc<MemoryBlocks>,
    folder: PathBuf,
}

impl Suite {
    async fn start() -> Self {
        let folder = std::env::var_os("GATEWAY_CONFORMANCE").expect("GATEWAY_CONFORMANCE names the fixtures' folder");
        let blocks = Arc::new(MemoryBlocks::default());
        let gateway = Gateway::start(blocks.clone(), GatewayOptions::default()).await.expect("it starts");
        Self { gateway, client: reqwest::Client::new(), blocks, folder: folder.into() }
    }

    async fn load(&self, name: &str) -> Fixture {
        let file = tokio::fs::File::open(self.folder.join(name)).await.expect("the fixture");
        let mut reader = CarReader::open(file, CarLimits::default()).await.expect("a CAR");
        let root = reader.roots()[0];
        let mut blocks = HashMap::new();
        while let Some((cid, bytes)) = reader.next().await.expect("a block") {
            self.blocks.put(cid, bytes.clone()).await.expect("it was verified");
            blocks.insert(cid, bytes);
        }
        Fixture { root, blocks }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.get(format!("http://{}{path}", self.gateway.addr()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    /// Asks by `format=car` and by the Accept header, and expects these blocks in this order.
    async fn car(&self, path: &str, expected: &[Cid]) {
        let sign = if path.contains('?') { '&' } else { '?' };
        let by_query = self.get(&format!("{path}{sign}format=car"), &[]).await;
        let by_header = self.get(path, &[("accept", "application/vnd.ipld.car")]).await;
        for response in [by_query, by_header] {
            assert_eq!(response.status(), 200, "{path}");
            for (name, value) in [("x-content-type-options", "nosniff"), ("accept-ranges", "none")] {
                assert_eq!(response.headers()[name], value, "{path}");
            }
            let text = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
            assert!(text("content-type").contains("application/vnd.ipld.car"));
            let disposition = text("content-disposition");
            assert!(disposition.starts_with("attachment; filename=\"") && disposition.ends_with(".car\""));
            assert!(!text("etag").is_empty());
            assert!(cids(response).await == expected, "{path} has other blocks, or another order");
        }
    }
}

async fn cids(response: Response) -> Vec<Cid> {
    let body = response.bytes().await.expect("a whole body");
    let mut reader = CarReader::open(&body[..], CarLimits::default()).await.expect("a CAR");
    let mut cids = Vec::new();
    while let Some((cid, _)) = reader.next().await.expect("a block") {
        cids.push(cid);
    }
    cids
}

fn join(parts: &[&[Cid]]) -> Vec<Cid> {
    parts.concat()
}

#[tokio::test]
#[ignore = "needs the fixtures of gateway-conformance"]
async fn raw_blocks() {
    let suite = Suite::start().await;
    let fixture = suite.load("gateway-raw-block.car").await;
    let (dir, ascii) = (fixture.at("dir"), fixture.at("dir/ascii.txt"));
    let accept = [("accept", "application/vnd.ipld.raw")];
    for response in
        [suite.get(&format!("/ipfs/{dir}?format=raw"), &[]).await, suite.get(&format!("/ipfs/{dir}"), &accept).await]
    {
        assert_eq!(response.status(), 200);
        assert_eq!(response.bytes().await.expect("a body"), fixture.blocks[&dir]);
    }
    let path = format!("/ipfs/{ascii}");
    let response = suite.get(&path, &accept).await;
    let headers = response.headers().clone();
    let content = &fixture.blocks[&ascii];
    assert_eq!(headers["content-type"], "application/vnd.ipld.raw");
    assert_eq!(headers["content-length"], content.len().to_string());
    assert!(headers["content-disposition"].to_str().expect("text").starts_with("attachment;"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers.contains_key("etag"));
    assert_eq!(headers["x-ipfs-path"], path);
    assert_eq!(headers["x-ipfs-roots"], ascii.to_string());
    assert_eq!(headers["cache-control"], "public, max-age=29030400, immutable");
    assert_eq!(response.bytes().await.expect("a body"), content);
    let response = suite.get(&format!("{path}?filename=foobar.bin"), &accept).await;
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"foobar.bin\"");

    let one = suite.get(&path, &[accept[0], ("range", "bytes=7-9")]).await;
    assert_eq!((one.status().as_u16(), &one.headers()["content-type"]), (206, &headers["content-type"]));
    assert_eq!(one.headers()["content-range"], format!("bytes 7-9/{}", content.len()));
    assert_eq!(one.bytes().await.expect("a body"), content[7..10]);
    let two = suite.get(&path, &[accept[0], ("range", "bytes=7-9,1-3")]).await;
    assert_eq!((two.status().as_u16(), &two.headers()["content-type"]), (200, &headers["content-type"]));
    assert_eq!(two.bytes().await.expect("a body"), content);

    for (format, other, expected) in
        [("car", "raw", "application/vnd.ipld.car"), ("raw", "car", "application/vnd.ipld.raw")]
    {
        let accept = format!("application/vnd.ipld.{other}");
        let response = suite.get(&format!("/ipfs/{dir}?format={format}"), &[("accept", &accept)]).await;
        assert!(response.headers()["content-type"].to_str().expect("text").starts_with(expected));
    }
}

#[tokio::test]
#[ignore = "needs the fixtures of gateway-conformance"]
async fn cars_by_path_and_scope() {
    let suite = Suite::start().await;
    let two = suite.load("subdir-with-two-single-block-files.car").await;
    let (root, sub, ascii) = (two.root, two.at("subdir"), two.at("subdir/ascii.txt"));
    suite.car(&format!("/ipfs/{root}/subdir/ascii.txt"), &[root, sub, ascii]).await;
    suite.car(&format!("/ipfs/{root}/subdir?dag-scope=block"), &[root, sub]).await;
    suite.car(&format!("/ipfs/{root}/subdir/ascii.txt?dag-scope=block"), &[root, sub, ascii]).await;
    suite.car(&format!("/ipfs/{root}?dag-scope=entity"), &[root]).await;
    let none = suite.get(&format!("/ipfs/{root}/subdir/i-do-not-exist?format=car"), &[]).await;
    assert_eq!(none.status(), 404);

    let mixed = suite.load("subdir-with-mixed-block-files.car").await;
    let (root, sub) = (mixed.root, mixed.at("subdir"));
    let (ascii, multi) = (mixed.at("subdir/ascii.txt"), mixed.at("subdir/multiblock.txt"));
    let chunks = mixed.below(&multi);
    suite.car(&format!("/ipfs/{root}/subdir/ascii.txt?dag-scope=entity"), &[root, sub, ascii]).await;
    let whole = join(&[&[root, sub, multi], &chunks]);
    for query in ["", "?dag-scope=entity", "?dag-scope=all", "?dag-scope=entity&entity-bytes=0:*"] {
        suite.car(&format!("/ipfs/{root}/subdir/multiblock.txt{query}"), &whole).await;
    }
    suite.car(&format!("/ipfs/{root}/subdir?dag-scope=all"), &join(&[&[root, sub], &mixed.below(&sub)])).await;
    for (range, part) in [
        ("512:*", 2..5),
        ("512:1023", 2..4),
        ("512:-256", 2..4),
        ("-5:*", 3..5),
        ("-9999:*", 0..5),
        ("-9999:-3", 0..4),
        ("0:0", 0..1),
    ] {
        let path = format!("/ipfs/{multi}?dag-scope=entity&entity-bytes={range}");
        suite.car(&path, &join(&[&[multi], &chunks[part]])).await;
    }

    let gap = suite.load("file-3k-and-3-blocks-missing-block.car").await;
    let parts = gap.below(&gap.root);
    assert_eq!(parts[0].to_string(), "QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF");
    assert_eq!(parts[2].to_string(), "QmWXY482zQdwecnfBsj78poUUuPXvyw2JAFAEMw4tzTavV");
    let path = format!("/ipfs/{}?dag-scope=entity&entity-bytes", gap.root);
    suite.car(&format!("{path}=0:1000"), &[gap.root, parts[0]]).await;
    suite.car(&format!("{path}=2200:*"), &[gap.root, parts[2]]).await;
}

#[tokio::test]
#[ignore = "needs the fixtures of gateway-conformance"]
async fn cars_of_sharded_folders() {
    let suite = Suite::start().await;
    let hamt = suite.load("single-layer-hamt-with-multi-block-files.car").await;
    let root = hamt.root;
    let shards = hamt.shards(&root);
    assert!(shards.len() > 200);
    for name in ["685.txt", "1.txt"] {
        let way = hamt.way(&root, name).expect("it has the entry");
        let (file, _) = way.split_last().expect("a way has an end");
        suite.car(&format!("/ipfs/{root}/{name}"), &join(&[&way, &hamt.below(file)])).await;
        suite.car(&format!("/ipfs/{root}/{name}?dag-scope=block"), &way).await;
    }
    for query in ["dag-scope=entity", "dag-scope=entity&entity-bytes=0:*"] {
        suite.car(&format!("/ipfs/{root}?{query}"), &join(&[&[root], &shards])).await;
    }
}

#[tokio::test]
#[ignore = "needs the fixtures of gateway-conformance"]
async fn cars_in_order_and_with_repeats() {
    let suite = Suite::start().await;
    let fixture = suite.load("dir-with-duplicate-files.car").await;
    let root = fixture.root;
    let at = |name| fixture.at(name);
    let (ascii, copy, hello, multi) = (at("ascii.txt"), at("ascii-copy.txt"), at("hello.txt"), at("multiblock.txt"));
    let chunks = fixture.below(&multi);
    // The order of the folder's links, in which the fixture's own test lists them too.
    let again = join(&[&[root, ascii, copy, hello, multi], &chunks]);
    let once = join(&[&[root, ascii, hello, multi], &chunks]);
    let path = format!("/ipfs/{root}");
    for (query, accept, dups, expected) in [
        ("", "application/vnd.ipld.car; version=1; order=dfs; dups=y", "dups=y", &again),
        ("", "application/vnd.ipld.car; version=1; order=dfs; dups=n", "dups=n", &once),
        ("", "application/vnd.ipld.car; version=1; order=unk", "order=dfs", &once),
        ("?format=car", "application/vnd.ipld.car; version=1; order=dfs; dups=y", "dups=y", &again),
        ("?format=car&car-order=dfs", "application/vnd.ipld.car; order=unk", "order=dfs", &once),
        ("?format=car&car-dups=y", "application/vnd.ipld.car; dups=n", "dups=y", &again),
    ] {
        let response = suite.get(&format!("{path}{query}"), &[("accept", accept)]).await;
        let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(content_type.contains("application/vnd.ipld.car") && content_type.contains(dups), "{content_type}");
        assert_eq!(&cids(response).await, expected, "{query} {accept}");
    }
    let identity = "/ipfs/bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa";
    let response = suite.get(identity, &[("accept", "application/vnd.ipld.car; dups=y")]).await;
    assert!(response.headers()["content-type"].to_str().expect("text").contains("dups=y"));
    assert_eq!(cids(response).await, []);
}

#[tokio::test]
#[ignore = "needs the fixtures of gateway-conformance"]
async fn cars_through_dag_cbor() {
    let suite = Suite::start().await;
    let fixture = suite.load("dir-with-dag-cbor-with-links.car").await;
    let (root, document) = (fixture.root, fixture.at("document"));
    assert_eq!(document.codec(), fixtures::DAG_CBOR);
    // `{"cats": null, "files": {"multiblock": <dag-pb>, "single": <raw>}, …}`: the one leaf that is "hello world".
    let single = fixtures::cid_of(fixtures::RAW, b"hello world\n");
    suite.car(&format!("/ipfs/{document}/files/single"), &[document, single]).await;
    suite.car(&format!("/ipfs/{root}/document?dag-scope=entity"), &[root, document]).await;
}
