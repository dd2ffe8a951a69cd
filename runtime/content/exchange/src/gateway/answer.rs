//! From a request to its answer.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::response::Builder;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use pelago_dag::{BlockError, Blocks, Walk, WalkOptions, car};
use pelago_http::Requested;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::accept::Format;
use super::body::{self, Body};
use super::coming;
use super::error::{RETRY_AFTER, Refusal};
use super::headers::{disposition, etag, has_already, value};
use super::options::Cors;
use super::request::Wanted;
use crate::retrieve::Bandwidth;

const IMMUTABLE: &str = "public, max-age=29030400, immutable";
const RAW_TYPE: &str = "application/vnd.ipld.raw";
const X_IPFS_PATH: HeaderName = HeaderName::from_static("x-ipfs-path");
const X_IPFS_ROOTS: HeaderName = HeaderName::from_static("x-ipfs-roots");
/// What a page may read beyond the few headers that it always may.
const EXPOSED: &str = "Content-Length, Content-Range, Content-Location, ETag, Retry-After, X-Ipfs-Path, X-Ipfs-Roots";

/// What all connections share.
pub(super) struct Shared {
    pub(super) blocks: Arc<dyn Blocks>,
    pub(super) requests: Arc<Semaphore>,
    pub(super) limit: Bandwidth,
    pub(super) cors: Cors,
    pub(super) node: Option<String>,
}

/// Answers a request. `turned_away` is one on a connection too many.
pub(super) async fn answer<B>(shared: &Shared, request: Request<B>, turned_away: bool) -> Response<Body> {
    let result = if turned_away { Err(Refusal::Busy) } else { content(shared, &request).await };
    let mut response = result.unwrap_or_else(|refusal| refuse(&refusal));
    if turned_away {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    allow_page(&shared.cors, request.headers(), response.headers_mut());
    response
}

async fn content<B>(shared: &Shared, request: &Request<B>) -> Result<Response<Body>, Refusal> {
    let head = match *request.method() {
        Method::GET => false,
        Method::HEAD => true,
        Method::OPTIONS => return Ok(options()),
        ref other => return Err(Refusal::Method(other.to_string())),
    };
    let uri = request.uri();
    let wanted = Wanted::read(uri.path(), uri.query(), request.headers())?;
    let permit = shared.requests.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
    let of_store = |error: BlockError| Refusal::of_store(&error, wanted.only_if_cached);
    match wanted.format {
        Format::Raw => raw(shared, &wanted, head, request.headers(), permit).await,
        Format::Car { dups } => {
            let options = WalkOptions { scope: wanted.scope, dups };
            let walk = Walk::open(shared.blocks.clone(), wanted.cid, &wanted.path, options).await.map_err(of_store)?;
            if walk.outside() {
                return Err(Refusal::Bad("the file has none of the bytes that `entity-bytes` names".to_owned()));
            }
            car(shared, &wanted, walk, head, request.headers(), permit).await
        }
    }
}

/// What answers of both formats say.
fn found(wanted: &Wanted, roots: &str) -> Builder {
    let mut response = Response::builder()
        .header(header::ETAG, value(&etag(wanted)))
        .header(header::CACHE_CONTROL, IMMUTABLE)
        .header(header::VARY, "Accept")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(X_IPFS_PATH, value(&wanted.sent))
        .header(X_IPFS_ROOTS, value(roots));
    if let Some(location) = &wanted.location {
        response = response.header(header::CONTENT_LOCATION, value(location));
    }
    response
}

/// The headers are ours and valid, so this cannot fail; if it did, it would be an error of the gateway.
fn finish(response: Builder, body: Body) -> Result<Response<Body>, Refusal> {
    response.body(body).map_err(|error| {
        tracing::error!(%error, "an answer could not be put together");
        Refusal::Store
    })
}

async fn raw(
    shared: &Shared,
    wanted: &Wanted,
    head: bool,
    headers: &HeaderMap,
    permit: OwnedSemaphorePermit,
) -> Result<Response<Body>, Refusal> {
    let of_store = |error: BlockError| Refusal::of_store(&error, wanted.only_if_cached);
    let tag = etag(wanted);
    let response = found(wanted, &wanted.cid.to_string());
    let known = has_already(headers, &tag);
    let described = |response: Builder| {
        response
            .header(header::CONTENT_TYPE, RAW_TYPE)
            .header(header::CONTENT_DISPOSITION, value(&disposition(wanted)))
            .header(header::ACCEPT_RANGES, "bytes")
    };
    if head || known {
        let missing = || BlockError::MissingBlock { cid: Box::new(wanted.cid) };
        let length = shared.blocks.length(&wanted.cid).await;
        let length = length.and_then(|found| found.ok_or_else(missing)).map_err(of_store)?;
        return match known {
            true => finish(response.status(StatusCode::NOT_MODIFIED), body::empty()),
            false => finish(described(response).header(header::CONTENT_LENGTH, length), body::empty()),
        };
    }
    let response = described(response);
    let block = shared.blocks.get(&wanted.cid).await.map_err(|error| match error {
        BlockError::MissingBlock { cid } if wanted.only_if_cached => {
            match coming::is_to_wait(shared.node.as_deref(), headers, &cid, shared.blocks.coming(&cid)) {
                true => Refusal::Coming(format!("block {cid}")),
                false => of_store(BlockError::MissingBlock { cid }),
            }
        }
        error => of_store(error),
    })?;
    let length = block.len() as u64;
    // A range of another version of the answer is of no use (RFC 9110, If-Range).
    let same = headers.get(header::IF_RANGE).is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let asked = headers.get(header::RANGE).filter(|_| same).and_then(|value| value.to_str().ok());
    let (response, bytes) = match asked.map_or(Requested::All, |asked| pelago_http::range(asked, length)) {
        Requested::All => (response, block),
        Requested::Unsatisfiable => {
            return Err(Refusal::Range { wanted: asked.unwrap_or_default().to_owned(), length });
        }
        Requested::Part(part) => {
            let said = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            let response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, said);
            (response, block.slice(part.start as usize..part.end as usize))
        }
    };
    let response = response.header(header::CONTENT_LENGTH, bytes.len());
    finish(response, body::paced(stream::iter([Ok(bytes)]), shared.limit.clone(), permit))
}

async fn car(
    shared: &Shared,
    wanted: &Wanted,
    walk: Walk,
    head: bool,
    headers: &HeaderMap,
    permit: OwnedSemaphorePermit,
) -> Result<Response<Body>, Refusal> {
    let roots: Vec<_> = walk.roots().iter().map(ToString::to_string).collect();
    let response = found(wanted, &roots.join(","));
    if has_already(headers, &etag(wanted)) {
        return finish(response.status(StatusCode::NOT_MODIFIED), body::empty());
    }
    let content_type = match wanted.format {
        Format::Car { dups: true } => "application/vnd.ipld.car; version=1; order=dfs; dups=y",
        _ => "application/vnd.ipld.car; version=1; order=dfs; dups=n",
    };
    // Ranges are `none`: a CAR's bytes are not promised to be the same twice.
    let response = response
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CONTENT_DISPOSITION, value(&disposition(wanted)))
        .header(header::ACCEPT_RANGES, "none");
    let mut blocks = walk.stream().boxed();
    // The first block is read before the status goes out, so that it can still be told what is wrong with it.
    let first = match head {
        true => None,
        false => blocks.next().await.transpose().map_err(|e| Refusal::of_store(&e, wanted.only_if_cached))?,
    };
    let opening = car::header(&[wanted.cid]).map_err(|error| {
        tracing::error!(%error, "a CAR's header could not be written");
        Refusal::Store
    })?;
    let cid = wanted.cid;
    let rest = stream::iter(first.map(Ok)).chain(blocks).flat_map(move |block| match block {
        Ok((cid, bytes)) => stream::iter(vec![Ok(car::prefix(&cid, bytes.len())), Ok(bytes)]),
        Err(error) => {
            tracing::warn!(%error, root = %cid, "a CAR was cut off in the middle");
            stream::iter(vec![Err(error)])
        }
    });
    let pieces = stream::iter([Ok::<Bytes, BlockError>(opening)]).chain(rest);
    finish(response, body::paced(pieces, shared.limit.clone(), permit))
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    let mut response = Response::new(body::text(format!("{refusal}\n")));
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What is not here now may be later.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match refusal {
        Refusal::Coming(_) => drop(headers.insert(coming::COMING, HeaderValue::from(coming::AGAIN_MS))),
        Refusal::Busy => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER))),
        Refusal::Method(_) => drop(headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"))),
        Refusal::Range { length, .. } => {
            drop(headers.insert(header::CONTENT_RANGE, value(&format!("bytes */{length}"))));
        }
        _ => {}
    }
    response
}

fn options() -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

/// Lets a page read the answer where its origin is allowed to.
fn allow_page(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) {
    let allowed = match (cors, request.get(header::ORIGIN)) {
        (Cors::Anybody, Some(_)) => HeaderValue::from_static("*"),
        (Cors::Origins(origins), Some(origin)) => {
            response.append(header::VARY, HeaderValue::from_static("Origin"));
            if !origins.iter().any(|known| known.as_bytes() == origin.as_bytes()) {
                return;
            }
            origin.clone()
        }
        _ => return,
    };
    response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    if request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Cache-Control, If-None-Match, Range"),
            (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        ] {
            response.insert(name, HeaderValue::from_static(value));
        }
    }
}
