//! The link to a page in a real Chromium: what a browser itself does to sockets,
//! workers and wasm under this server's headers.
//!
//! `cargo test -p pelago-browser --test link_browser -- --ignored --nocapture`
//! prints how fast it is.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failure here is a failed test; figures are printed")]

mod server_support;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use pelago_browser::{
    assets::Asset,
    link::{GoneReason, Link, LinkOptions, Message, RequestOptions},
    server::{Server, ServerOptions},
};
use pelago_protocol::{DType, PROTOCOL_VERSION, Tensor};
use serde_json::{Value, json};
use server_support::{LONG, MemoryAssets, MemoryContent};
use tokio::process::{Child, Command};

/// Echoes every message as its answer, without taking it apart; `facts` is
/// answered with what the page finds out about itself. `PROTOCOL_VERSION` is
/// defined before it.
const PAGE: &str = r#"
const pageId = crypto.randomUUID();
const pad = (text) => text + " ".repeat((8 - ((4 + text.length) % 8)) % 8);
const frame = (header, body) => {
  const json = new TextEncoder().encode(pad(JSON.stringify(header)));
  const out = new Uint8Array(4 + json.length + (body?.length ?? 0));
  new DataView(out.buffer).setUint32(0, json.length, true);
  out.set(json, 4);
  if (body) out.set(body, 4 + json.length);
  return out;
};
const tries = async (what) => { try { return await what(); } catch (error) { return String(error); } };
const facts = async () => ({
  isolated: crossOriginIsolated,
  wasm: await tries(async () => (await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))) instanceof WebAssembly.Module),
  worker: await tries(() => new Promise((resolve, reject) => {
    const worker = new Worker(URL.createObjectURL(new Blob(["postMessage(self.crossOriginIsolated)"], { type: "text/javascript" })), { type: "module" });
    worker.onmessage = (event) => resolve(event.data);
    worker.onerror = () => reject("worker refused");
  })),
  model: await tries(async () => (await (await fetch("/ipfs/cid/model")).text())),
  part: await tries(async () => (await (await fetch("/ipfs/cid/model", { headers: { Range: "bytes=2-4" } })).text())),
  bad: await tries(async () => (await (await fetch("/ipfs/cid/bad")).text())),
  cookie: document.cookie,
});
const token = new URLSearchParams(location.search).get("token");
const attachment = (id) => fetch(`/attachments/${id}`, { headers: { Authorization: `Bearer ${token}` } });
const open = () => {
  const socket = new WebSocket(`ws://${location.host}/link${location.search}`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => socket.send(frame({ id: 0, type: "hello", data: { protocol_version: PROTOCOL_VERSION, user_agent: navigator.userAgent, page_id: pageId } }));
  socket.onmessage = async ({ data }) => {
    const length = new DataView(data).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    if (header.type === "reload") return location.reload();
    if (header.type === "drop") return socket.close();
    header.type = header.type === "ping" ? "pong" : "result";
    if (header.data?.facts) header.data = await facts();
    const beside = header.attachments ?? [];
    const bodies = await Promise.all(beside.map(async ({ id }) => (await attachment(id)).arrayBuffer()));
    delete header.attachments;
    if (beside.length > 0) header.following = beside.map(({ tensor }) => tensor);
    socket.send(frame(header, new Uint8Array(data, 4 + length)));
    bodies.forEach((body) => socket.send(body));
  };
  socket.onclose = ({ code }) => { if (code < 4000) setTimeout(open, 50); };
};
open();
"#;

struct Browser {
    server: Server,
    link: Link,
    process: Child,
    _profile: tempfile::TempDir,
}

async fn open(options: LinkOptions) -> Browser {
    let asset = |mime: &str, text: String| Asset { bytes: text.into(), mime: mime.into(), tag: "1".into() };
    let index = "<!doctype html><script type=module src=/echo.js></script>";
    let page = format!("const PROTOCOL_VERSION = {PROTOCOL_VERSION};\n{PAGE}");
    let assets = MemoryAssets(HashMap::from([
        ("index.html", asset("text/html", index.to_owned())),
        ("echo.js", asset("text/javascript", page)),
    ]));
    let (assets, content) = (Arc::new(assets), Arc::new(MemoryContent));
    let server = Server::start(ServerOptions { port: 0, assets, content, link: options }).await.unwrap();
    let invitation = server.invite(LONG).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let chromium = ["chromium", "google-chrome", "chromium-browser"].iter().find_map(|name| which::which(name).ok());
    let process = Command::new(chromium.expect("these tests need Chromium: apt-get install chromium"))
        .args(["--headless=new", "--no-sandbox", "--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--disable-quic", "--disable-gpu"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(invitation.url())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let link = invitation.link().await.unwrap();
    Browser { server, link, process, _profile: profile }
}

async fn ask(link: &Link, kind: &str, data: Value, tensors: Vec<Tensor>) -> pelago_browser::link::Answer {
    let options = RequestOptions::within(LONG);
    let message = Message { kind: kind.into(), data, tensors, ..Message::default() };
    link.request(message, options).await.unwrap()
}

#[tokio::test]
async fn a_page_has_what_onnxruntime_needs_and_nothing_more() {
    let browser = open(LinkOptions::default()).await;
    let mut facts = ask(&browser.link, "echo", json!({"facts": true}), Vec::new()).await.data;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert!(text(&facts["bad"]).contains("TypeError"), "a broken transfer looked whole: {facts}");
    facts.as_object_mut().unwrap().retain(|name, _| name != "bad");
    let expected = json!({
        "isolated": true, "wasm": true, "worker": true, "model": "0123456789", "part": "234", "cookie": ""
    });
    assert_eq!(facts, expected);
}

#[tokio::test]
async fn tensors_come_back_bit_for_bit_also_over_a_new_socket() {
    let browser = open(LinkOptions::default()).await;
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let tensors = vec![
        Tensor::new("odd", DType::UInt8, vec![bytes.len()], bytes.into()).unwrap(),
        Tensor::from_f32("x", vec![2], &[f32::NAN, -0.0]).unwrap(),
    ];
    assert_eq!(ask(&browser.link, "echo", Value::Null, tensors.clone()).await.tensors, tensors);
    // The page drops its socket instead of an answer: the request comes again, twice, then is given up.
    let options = RequestOptions::within(LONG);
    let dropped = browser.link.request(Message { kind: "drop".into(), ..Message::default() }, options).await;
    assert!(dropped.unwrap_err().is_repeatable());
    assert_eq!(ask(&browser.link, "echo", Value::Null, tensors.clone()).await.tensors, tensors);
}

#[tokio::test]
async fn a_reloaded_page_is_gone_at_once() {
    let browser = open(LinkOptions::default()).await;
    let options = RequestOptions { repeat_safe: false, ..RequestOptions::within(LONG) };
    let reload = Message { kind: "reload".into(), ..Message::default() };
    browser.link.request(reload, options).await.unwrap_err();
    assert_eq!(browser.link.closed().await, GoneReason::PageLeft);
}

#[tokio::test]
async fn a_killed_browser_is_noticed() {
    let reconnect_grace = Duration::from_millis(200);
    let mut browser = open(LinkOptions { reconnect_grace, ..LinkOptions::default() }).await;
    browser.process.kill().await.unwrap();
    let reason = browser.link.closed().await;
    assert!(matches!(reason, GoneReason::PageLeft | GoneReason::Lost { .. }), "{reason}");
    browser.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures; run it by name on a quiet machine"]
async fn how_fast_it_is() {
    let browser = open(LinkOptions::default()).await;
    measure("Chromium", &browser.link).await;
    let (_server, _, link, page) = server_support::linked(LinkOptions::default()).await;
    tokio::spawn(page.echo());
    measure("Rust client", &link).await;
}

async fn measure(name: &str, link: &Link) {
    for (bytes, runs) in [(0, 2000), (4 << 10, 2000), (1 << 20, 100), (16 << 20, 30)] {
        let tensor = Tensor::new("x", DType::UInt8, vec![bytes], vec![7; bytes].into()).unwrap();
        for _ in 0..runs / 10 {
            ask(link, "echo", Value::Null, vec![tensor.clone()]).await;
        }
        let mut times = Vec::new();
        for _ in 0..runs {
            let start = Instant::now();
            ask(link, "echo", Value::Null, vec![tensor.clone()]).await;
            times.push(start.elapsed());
        }
        times.sort();
        let p50 = times[runs / 2];
        println!(
            "{name}: {bytes} bytes: min {:?} p50 {p50:?} p99 {:?}; {:.0} MB/s (payload once, p50)",
            times[0],
            times[runs * 99 / 100],
            bytes as f64 / p50.as_secs_f64() / 1e6
        );
    }
}
