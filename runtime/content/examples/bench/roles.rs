//! What the processes do that are measured. Each says what it found as a line of JSON.

use std::io::BufRead;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use pelago_content::retrieve::{self, CarUse, HttpOptions, HttpProvider, Options, Reach, Request, Source};
use pelago_content::{BlockError, Blocks, Cid, Gateway, GatewayOptions, Store};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::Failure;

/// Plays a role: its name and what it needs.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["hash", mib] => hash(mib.parse()?),
        ["copy", from, to] => copy(Path::new(from), Path::new(to)),
        ["import", source, store] => runtime.block_on(import(source, store)),
        ["verify", store, root] => runtime.block_on(verify(store, root.parse()?)),
        ["serve", store, rate] => runtime.block_on(serve(store, rate.parse()?)),
        ["fetch", store, root, ref sources @ ..] => runtime.block_on(fetch(store, root.parse()?, sources)),
        ["join", store, root, origin] => runtime.block_on(join(store, root.parse()?, origin)),
        _ => Err(format!("no role {arguments:?}").into()),
    }
}

/// A process before its work.
struct Before {
    idle_kib: f64,
    began: Instant,
}

impl Before {
    fn now() -> Self {
        Self { idle_kib: resident("VmRSS:"), began: Instant::now() }
    }

    /// Says what the work took, and more.
    fn say(&self, more: serde_json::Value) {
        let seconds = self.began.elapsed().as_secs_f64();
        let mut said = json!({ "seconds": seconds, "idle_kib": self.idle_kib, "peak_kib": resident("VmHWM:") });
        if let (Some(said), serde_json::Value::Object(more)) = (said.as_object_mut(), more) {
            said.extend(more);
        }
        println!("{said}");
    }
}

/// KiB, from a line of `/proc/self/status`; 0 where there is none.
fn resident(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|l| l.strip_prefix(line)?.split_whitespace().next()?.parse().ok());
    found.unwrap_or_default()
}

/// SHA-256 by itself, on one core: blocks of 1 MiB that are in memory.
fn hash(mib: u64) -> Result<(), Failure> {
    let block = vec![7; 1 << 20];
    let before = Before::now();
    for _ in 0..mib {
        std::hint::black_box(Sha256::digest(std::hint::black_box(&block)));
    }
    before.say(json!({}));
    Ok(())
}

/// A copy as any program would make it, brought to the disk.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let before = Before::now();
    let (mut from, mut to) = (std::fs::File::open(from)?, std::fs::File::create(to)?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut from, &mut buffer)? {
            0 => break,
            n => std::io::Write::write_all(&mut to, &buffer[..n])?,
        }
    }
    to.sync_all()?;
    before.say(json!({}));
    Ok(())
}

async fn import(source: &str, store: &str) -> Result<(), Failure> {
    let store = Store::open(store)?;
    let before = Before::now();
    let added = store.add_folder(source, |_| {}).await?;
    before.say(json!({ "root": added.root.to_string() }));
    Ok(())
}

async fn verify(store: &str, root: Cid) -> Result<(), Failure> {
    let store = Store::open(store)?;
    let before = Before::now();
    store.verify(root).await?;
    before.say(json!({}));
    Ok(())
}

/// A gateway, of so many bytes a second or without a limit if 0, until the standard input ends.
async fn serve(store: &str, rate: u64) -> Result<(), Failure> {
    let blocks = Counted::new(Store::open(store)?);
    let options = GatewayOptions { rate: NonZeroU64::new(rate), ..GatewayOptions::default() };
    let gateway = Gateway::start(blocks.clone(), options).await?;
    let before = Before::now();
    println!("{}", json!(gateway.addr().to_string()));
    told().await?;
    before.say(json!({ "served": blocks.served.load(Ordering::Relaxed) }));
    Ok(())
}

/// Fetches a root from peers into a store.
async fn fetch(store: &str, root: Cid, peers: &[&str]) -> Result<(), Failure> {
    let store = Store::open(store)?;
    let sources = peers.iter().map(|peer| source(peer, &HttpOptions::default())).collect::<Result<Vec<_>, _>>()?;
    let before = Before::now();
    fetch_into(&store, root, sources).await?;
    before.say(json!({}));
    Ok(())
}

fn source(address: &str, options: &HttpOptions) -> Result<Source, Failure> {
    Ok(Source::new(Arc::new(HttpProvider::peer(&format!("http://{address}/"), Reach::Named, options)?)))
}

async fn fetch_into(store: &Store, root: Cid, sources: Vec<Source>) -> Result<(), Failure> {
    let ingest = store.ingest(root).await?;
    let options = Options { car: CarUse::Never, ..Options::default() };
    retrieve::fetch(Request::all(root), Arc::new(ingest.clone()), sources, options).await?;
    ingest.finish().await?;
    Ok(())
}

/// One of several that fetch a root at the same time: serves what it has, says where, is told of the
/// others, and fetches from them and from the origin.
async fn join(store: &str, root: Cid, origin: &str) -> Result<(), Failure> {
    let store = Store::open(store)?;
    let node = Some(format!("node-{}", std::process::id()));
    let served = GatewayOptions { node: node.clone(), ..GatewayOptions::default() };
    let gateway = Gateway::start(Arc::new(store.clone()), served).await?;
    println!("{}", json!(gateway.addr().to_string()));
    let others = told().await?;
    let options = HttpOptions { node, ..HttpOptions::default() };
    let mut sources = others.split_whitespace().map(|peer| source(peer, &options)).collect::<Result<Vec<_>, _>>()?;
    sources.push(source(origin, &options)?.last_resort());
    let before = Before::now();
    fetch_into(&store, root, sources).await?;
    before.say(json!({}));
    // The others may still want something of it.
    told().await?;
    gateway.close(Duration::from_secs(1)).await?;
    Ok(())
}

/// The next line of the standard input, or nothing at its end.
async fn told() -> Result<String, Failure> {
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    Ok(line.await??)
}

/// A store, and how many bytes of blocks were read from it.
struct Counted {
    store: Store,
    served: AtomicU64,
}

impl Counted {
    fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, served: AtomicU64::new(0) })
    }
}

impl Blocks for Counted {
    fn has<'a>(&'a self, cids: &'a [Cid]) -> BoxFuture<'a, Result<Vec<bool>, BlockError>> {
        self.store.has(cids)
    }

    fn length<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Option<u64>, BlockError>> {
        self.store.length(cid)
    }

    fn get<'a>(&'a self, cid: &'a Cid) -> BoxFuture<'a, Result<Bytes, BlockError>> {
        Box::pin(async move {
            let bytes = self.store.get(cid).await?;
            self.served.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(bytes)
        })
    }

    fn put(&self, cid: Cid, bytes: Bytes) -> BoxFuture<'_, Result<(), BlockError>> {
        self.store.put(cid, bytes)
    }
}
