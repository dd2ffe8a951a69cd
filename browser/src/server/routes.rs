//! What is where: `/` the page, `/link` its socket, `/attachments/…` tensors that
//! are too large for that, `/ipfs/…` model files, all else the page's own files.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::any,
};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::{
    Shared, attachments, content,
    error::{Refusal, plain},
    greet,
    invite::Secret,
    origin::{self, OwnOrigin},
    range,
};
use crate::assets::{Asset, INDEX};

type Parameters = Query<HashMap<String, String>>;

/// The page's own addresses hold the versions or hashes of what is there.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const NEVER: HeaderValue = HeaderValue::from_static("no-store");

pub(super) fn router(shared: Arc<Shared>, port: u16) -> Router {
    Router::new()
        .route("/", any(index))
        .route("/link", any(link))
        .route("/attachments/{id}", any(attachments::attachment))
        .route("/ipfs/{*path}", any(ipfs))
        .fallback(asset)
        .layer(middleware::from_fn_with_state(Arc::new(OwnOrigin::new(port)), origin::only_own))
        .with_state(shared)
}

async fn index(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Parameters,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let token = parameters.get("token").ok_or(Refusal::NoToken)?;
    let page = file(&shared, INDEX.to_owned()).await?;
    if method == Method::HEAD {
        // Looking does not use an invitation up.
        shared.guests.has_token(token)?;
        return Ok(page_response(page, Body::empty(), NEVER));
    }
    let fresh = match Secret::new() {
        Ok(fresh) => fresh,
        Err(error) => return Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, &error)),
    };
    let cookie = shared.guests.load(token, fresh, cookie(&headers, &shared.cookie_name))?;
    let body = Body::from(page.bytes.clone());
    let mut response = page_response(page, body, NEVER);
    let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", shared.cookie_name, cookie.expose());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn link(
    State(shared): State<Arc<Shared>>,
    Query(parameters): Parameters,
    mut request: Request,
) -> Result<Response, Refusal> {
    // The layer around every route checked that an Origin is the right one, but not that there is one.
    if !request.headers().contains_key(header::ORIGIN) {
        return Err(Refusal::NoOrigin);
    }
    let token = parameters.get("token").ok_or(Refusal::NoToken)?.clone();
    shared.guests.has_token(&token)?;
    let response = create_response_with_body(&request, Body::empty)
        .map_err(|error| Refusal::Handshake { message: error.to_string() })?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => greet::greet(&shared, &token, Box::new(TokioIo::new(upgraded))).await,
            Err(error) => tracing::debug!(%error, "a socket was lost before it was open"),
        }
    });
    Ok(response)
}

async fn ipfs(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    match cookie(&headers, &shared.cookie_name) {
        Some(cookie) if shared.guests.has_cookie(cookie) => {
            Ok(content::respond(&*shared.content, &method, &headers, &path).await)
        }
        _ => Err(Refusal::Cookie),
    }
}

/// The page's own files are no secret; the layer around every route sees to it that only
/// this origin reads them.
async fn asset(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let path = uri.path().trim_start_matches('/').to_owned();
    if path == INDEX {
        return Err(Refusal::NoToken);
    }
    let caching = if names_its_version(&path) { FOREVER } else { ASK_AGAIN };
    let asset = file(&shared, path).await?;
    let etag = format!("\"{}\"", asset.tag);
    let known = range::matches_none(&headers, &etag);
    let body = if known || method == Method::HEAD { Body::empty() } else { Body::from(asset.bytes.clone()) };
    let mut response = page_response(asset, body, caching);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    if known {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    Ok(response)
}

async fn file(shared: &Arc<Shared>, path: String) -> Result<Asset, Refusal> {
    let assets = Arc::clone(&shared.assets);
    let name = path.clone();
    // A debug build reads it from disk.
    let found = tokio::task::spawn_blocking(move || assets.get(&name)).await;
    found.ok().flatten().ok_or(Refusal::NotFound { path })
}

fn page_response(asset: Asset, body: Body, caching: HeaderValue) -> Response {
    // The wrong guess of a MIME type makes a browser refuse modules and wasm streaming.
    let mime = match asset.mime.as_str() {
        "application/javascript" | "application/x-javascript" => "text/javascript",
        mime => mime,
    };
    let mime = HeaderValue::from_str(mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let length = HeaderValue::from(asset.bytes.len());
    ([(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, caching), (header::CONTENT_LENGTH, length)], body)
        .into_response()
}

/// Whether a path holds a version (`ort-1.30.0/…`) or one of esbuild's hashes
/// (`chunk-3MQVDYS5.js`): what is there never changes then, and browsers keep
/// its compiled code only if they need not ask.
fn names_its_version(path: &str) -> bool {
    let is_version = |part: &str| {
        let mut numbers = part.splitn(3, '.');
        let digits =
            |text: Option<&str>| text.is_some_and(|text| text.starts_with(|first: char| first.is_ascii_digit()));
        digits(numbers.next()) && digits(numbers.next()) && digits(numbers.next())
    };
    let is_hash = |part: &str| {
        let stem = part.split('.').next().unwrap_or_default();
        stem.len() == 8 && stem.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
    };
    path.split(['/', '-', '@']).any(|part| is_version(part) || is_hash(part))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_its_version_is_kept_for_ever() {
        for path in ["ort-1.30.0/ort.jspi.wasm", "ort@1.30.0.wasm", "chunk-3MQVDYS5.js", "1.31.0-dev/x.wasm"] {
            assert!(names_its_version(path), "{path}");
        }
        for path in ["page.js", "ort-wasm-simd-threaded.jspi.wasm", "a-1.2/x.js", "index.html", "PAGE.js"] {
            assert!(!names_its_version(path), "{path}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers =
            HeaderMap::from_iter([(header::COOKIE, "apelago_1=x; pelago_1=secret; pelago_12=y".parse().unwrap())]);
        assert_eq!(cookie(&headers, "pelago_1"), Some("secret"));
        assert_eq!(cookie(&headers, "pelago_12"), Some("y"));
        assert_eq!(cookie(&headers, "pelago_2"), None);
    }
}
