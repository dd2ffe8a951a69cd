//! A hub as the fetch sees one: its API on one port, the storage that it
//! redirects to on another. Faults are put in by the test, and every request
//! is written down.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use pelago_hub::{Origin, OriginOptions, Token};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(crate) const REPOSITORY: &str = "org/name";
pub(crate) const TOKEN: &str = "hf_secret";
/// Entries of one page of a listing.
const PAGE: usize = 3;

/// What goes wrong with the next request for a path.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes of the body.
    Break(usize),
    /// The connection stays open after so many bytes of the body, and nothing follows.
    Hang(usize),
    /// One byte of the body is another.
    WrongByte(usize),
    /// A status, and the headers with it.
    Status(u16, Vec<(&'static str, String)>),
    /// Headers that are set on an answer that is otherwise right.
    Headers(Vec<(&'static str, String)>),
    /// A redirect.
    Redirect(String),
    /// The answer does not come.
    Silence,
}

/// A request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub at: &'static str,
    pub path: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub token: bool,
}

#[derive(Default)]
pub(crate) struct Content {
    /// Bytes by path, and whether they are in the large-file storage.
    pub files: BTreeMap<String, (Bytes, bool)>,
    pub commit: String,
    /// Of the storage's answers; the hub's own are the git blobs.
    pub etag: String,
    pub faults: BTreeMap<String, VecDeque<Fault>>,
    pub seen: Vec<Seen>,
    /// Replaces the listing.
    pub listing: Option<Value>,
    /// Where the storage is.
    storage: String,
    hub: String,
}

pub(crate) struct Hub {
    pub content: Arc<Mutex<Content>>,
    pub address: String,
    pub storage: String,
}

impl Hub {
    pub(crate) async fn start(files: &[(&str, Bytes, bool)]) -> Self {
        let content = Arc::new(Mutex::new(Content {
            files: files.iter().map(|(path, bytes, lfs)| ((*path).to_owned(), (bytes.clone(), *lfs))).collect(),
            commit: COMMIT.to_owned(),
            etag: "\"one\"".to_owned(),
            ..Content::default()
        }));
        let hub = serve(Router::new().fallback(hub).with_state(content.clone())).await;
        let storage = serve(Router::new().fallback(storage).with_state(content.clone())).await;
        {
            let mut content = content.lock().unwrap();
            content.storage = format!("http://{storage}");
            content.hub = format!("http://{hub}");
        }
        Self { content, address: hub, storage }
    }

    /// Options of a user who has a token, and waits that suit a test.
    pub(crate) fn options(&self) -> OriginOptions {
        let mut options = options(&format!("http://{}", self.address));
        options.token = Some(Token::new(TOKEN).unwrap());
        options.named_hosts = vec![self.storage.clone()];
        options
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::new(self.options()).unwrap()
    }

    pub(crate) fn fault(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.content.lock().unwrap().faults.entry(path.to_owned()).or_default().extend(faults);
    }

    /// The requests so far, and forgets them.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.content.lock().unwrap().seen)
    }

    /// Those for bytes of a file from the storage.
    pub(crate) fn transfers(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.at == "storage").collect()
    }
}

pub(crate) fn options(endpoint: &str) -> OriginOptions {
    let mut options = OriginOptions::new(endpoint).unwrap();
    options.back_off = std::time::Duration::from_millis(1);
    options
}

pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

type Shared = State<Arc<Mutex<Content>>>;

fn note(content: &mut Content, at: &'static str, request: &Request) -> Option<Fault> {
    let text = |name| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    let path = request.uri().path().to_owned();
    content.seen.push(Seen {
        at,
        path: path.clone(),
        range: text(header::RANGE),
        if_range: text(header::IF_RANGE),
        token: text(header::AUTHORIZATION).as_deref() == Some(&format!("Bearer {TOKEN}")[..]),
    });
    content.faults.get_mut(&path).and_then(VecDeque::pop_front)
}

async fn hub(State(content): Shared, request: Request) -> Response {
    let (fault, answer) = {
        let mut content = content.lock().unwrap();
        let fault = note(&mut content, "hub", &request);
        let answer = answer(&content, &request, fault.as_ref());
        (fault, answer)
    };
    finish(fault, answer).await
}

async fn finish(fault: Option<Fault>, mut answer: Response) -> Response {
    match fault {
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Status(status, headers)) => {
            let mut answer = StatusCode::from_u16(status).unwrap().into_response();
            set(answer.headers_mut(), headers);
            answer
        }
        Some(Fault::Redirect(to)) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Some(Fault::Headers(headers)) => {
            set(answer.headers_mut(), headers);
            answer
        }
        _ => answer,
    }
}

fn set(to: &mut HeaderMap, headers: Vec<(&'static str, String)>) {
    for (name, value) in headers {
        to.insert(name, value.parse().unwrap());
    }
}

fn answer(content: &Content, request: &Request, fault: Option<&Fault>) -> Response {
    let path = request.uri().path();
    if let Some(revision) = path.strip_prefix(&format!("/api/models/{REPOSITORY}/revision/")) {
        return match revision {
            "main" | "v1.0" | "refs%2Fpr%2F1" => reply(&json!({ "sha": content.commit })),
            commit if commit == content.commit => reply(&json!({ "sha": content.commit })),
            _ => (StatusCode::NOT_FOUND, [("x-error-code", "RevisionNotFound")]).into_response(),
        };
    }
    if path == format!("/api/models/{REPOSITORY}/refs") {
        return reply(&json!({ "branches": [{ "name": "main" }], "tags": [{ "name": "v1.0" }] }));
    }
    if path == format!("/api/models/{REPOSITORY}/tree/{}", content.commit) {
        return page(content, request);
    }
    let Some(file) = path.strip_prefix(&format!("/{REPOSITORY}/resolve/{}/", content.commit)) else {
        return (StatusCode::NOT_FOUND, [("x-error-code", "RepoNotFound")]).into_response();
    };
    match content.files.get(file) {
        None => (StatusCode::NOT_FOUND, [("x-error-code", "EntryNotFound")]).into_response(),
        Some((bytes, true)) => {
            let to = format!("{}/{file}?signature=secret", content.storage);
            let headers = [
                ("location", to),
                ("x-repo-commit", content.commit.clone()),
                ("x-linked-size", bytes.len().to_string()),
                ("x-linked-etag", format!("\"{}\"", sha256(bytes))),
            ];
            (StatusCode::FOUND, headers).into_response()
        }
        Some((bytes, false)) => {
            let etag = format!("\"{}\"", blob(bytes));
            let mut answer = ranged(bytes, &etag, request.headers(), fault);
            answer.headers_mut().insert("x-repo-commit", content.commit.parse().unwrap());
            answer
        }
    }
}

fn reply(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// A page of the listing, folders included, with a link to the next.
fn page(content: &Content, request: &Request) -> Response {
    if let Some(listing) = &content.listing {
        return reply(listing);
    }
    let query = request.uri().query().unwrap_or_default();
    assert!(query.contains("recursive=true"), "{query}");
    let start: usize =
        query.split('&').find_map(|part| part.strip_prefix("cursor=")).map_or(0, |cursor| cursor.parse().unwrap());
    let entries = entries(content);
    let mut answer = reply(&json!(entries[start..entries.len().min(start + PAGE)]));
    if start + PAGE < entries.len() {
        let link =
            format!("<{}{}?recursive=true&cursor={}>; rel=\"next\"", content.hub, request.uri().path(), start + PAGE);
        answer.headers_mut().insert("link", link.parse().unwrap());
    }
    answer
}

pub(crate) fn entries(content: &Content) -> Vec<Value> {
    let folders: std::collections::BTreeSet<&str> =
        content.files.keys().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder).collect();
    let folders =
        folders.into_iter().map(|path| json!({ "type": "directory", "oid": "0".repeat(40), "size": 0, "path": path }));
    let files = content.files.iter().map(|(path, (bytes, lfs))| {
        let mut entry = json!({ "type": "file", "oid": blob(bytes), "size": bytes.len(), "path": path });
        if *lfs {
            // The entry's own hash is that of the pointer, so it must not be used.
            entry["oid"] = json!("f".repeat(40));
            entry["lfs"] = json!({ "oid": sha256(bytes), "size": bytes.len(), "pointerSize": 134 });
        }
        entry
    });
    folders.chain(files).collect()
}

async fn storage(State(content): Shared, request: Request) -> Response {
    let (fault, answer) = {
        let mut content = content.lock().unwrap();
        let fault = note(&mut content, "storage", &request);
        let file = request.uri().path().trim_start_matches('/');
        let answer = match content.files.get(file) {
            Some((bytes, _)) => ranged(bytes, &content.etag, request.headers(), fault.as_ref()),
            None => StatusCode::NOT_FOUND.into_response(),
        };
        (fault, answer)
    };
    finish(fault, answer).await
}

/// Bytes, or a range of them where the condition holds.
fn ranged(bytes: &Bytes, etag: &str, headers: &HeaderMap, fault: Option<&Fault>) -> Response {
    let text = |name| headers.get(name).map(|v| v.to_str().unwrap());
    let same = text(header::IF_RANGE).is_none_or(|condition| condition == etag);
    let start = text(header::RANGE).filter(|_| same);
    let start = start.map(|range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap());
    let from: usize = start.unwrap_or(0);
    if from > bytes.len() {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let mut wanted = bytes.slice(from..);
    if let Some(Fault::WrongByte(at)) = fault {
        let mut wrong = wanted.to_vec();
        wrong[*at] ^= 1;
        wanted = wrong.into();
    }
    let mut answer = Response::builder().header(header::ETAG, etag).header(header::CONTENT_LENGTH, wanted.len());
    if start.is_some() {
        let range = format!("bytes {from}-{}/{}", bytes.len().saturating_sub(1), bytes.len());
        answer = answer.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, range);
    }
    answer.body(body(wanted, fault)).unwrap()
}

fn body(bytes: Bytes, fault: Option<&Fault>) -> Body {
    let (end, hangs) = match fault {
        Some(Fault::Break(after)) => (*after, false),
        Some(Fault::Hang(after)) => (*after, true),
        _ => return Body::from(bytes),
    };
    let first = futures::stream::iter([Ok(bytes.slice(..end.min(bytes.len())))]);
    let then = futures::stream::once(async move {
        // What was sent must have left before the connection is cut.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if hangs {
            std::future::pending::<()>().await;
        }
        Err(std::io::Error::other("cut"))
    });
    Body::from_stream(first.chain(then))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn blob(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new_with_prefix(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes that repeat nowhere.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}
