//! The checks of `Host` and `Origin` that every request passes before a route
//! sees it, and the headers that every answer carries. Tokens, cookies and
//! routes are not known here.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error::Refusal;

/// `127.0.0.1:PORT` and what follows from it.
#[derive(Debug)]
pub(super) struct OwnOrigin {
    host: String,
    origin: String,
    policy: HeaderValue,
}

impl OwnOrigin {
    pub(super) fn new(port: u16) -> Self {
        let host = format!("127.0.0.1:{port}");
        // onnxruntime compiles wasm and starts its threads from scripts or blobs,
        // and its WebNN provider calls JavaScript through functions that it makes
        // with `new Function`. Only this server's own files can ask for any of it.
        let policy = format!(
            "default-src 'none'; script-src 'self' 'unsafe-eval' blob:; worker-src 'self' blob:; \
             connect-src 'self' ws://{host} blob: data:; img-src 'self' blob: data:; media-src 'self' blob: data:; \
             style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"));
        Self { origin: format!("http://{host}"), host, policy }
    }

    fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
        // A foreign name that resolves to 127.0.0.1 would make this server part of a foreign origin.
        let host = text(headers, header::HOST).unwrap_or_default();
        if host != self.host {
            return Err(Refusal::Host { expected: self.host.clone(), found: host });
        }
        if let Some(found) = text(headers, header::ORIGIN).filter(|origin| *origin != self.origin) {
            return Err(Refusal::Origin { found });
        }
        // `none` is an address typed in, or opened by WebDriver.
        let site = text(headers, HeaderName::from_static("sec-fetch-site"));
        if let Some(found) = site.filter(|site| site != "same-origin" && site != "none") {
            return Err(Refusal::Site { found });
        }
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::Method);
        }
        Ok(())
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The layer around every route.
pub(super) async fn only_own(State(own): State<Arc<OwnOrigin>>, request: Request, next: Next) -> Response {
    let mut response = match own.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(path = request.uri().path(), %refusal, "a request was refused");
            refusal.into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, own.policy.clone());
    response
}
