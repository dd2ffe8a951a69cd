//! What `/ipfs/…` gives: bytes by CID. The server knows neither blocks nor
//! gateways; whoever implements [`Content`] verifies every byte it yields.

use std::ops::Range;

use async_trait::async_trait;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use pelago_http::Requested;

use super::{error::plain, range};

/// The store is this machine's cache: a browser that kept model bytes too would
/// write every model to its profile once more, unverified when read again.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// Verified bytes by path.
#[async_trait]
pub trait Content: Send + Sync + 'static {
    /// What is at `path`, which is `<cid>` or `<cid>/<name>/…`, decoded.
    ///
    /// # Errors
    /// [`ContentError`], where there is no file.
    async fn stat(&self, path: &str) -> Result<ContentInfo, ContentError>;

    /// The bytes `range` of the file at `path`; `range` lies inside its size.
    /// The stream yields exactly these bytes or an error. It is dropped when the
    /// page goes away.
    ///
    /// # Errors
    /// [`ContentError`], where the first bytes cannot be had.
    async fn read(&self, path: &str, range: Range<u64>) -> Result<ContentStream, ContentError>;
}

/// Bytes as they come.
pub type ContentStream = BoxStream<'static, Result<Bytes, ContentError>>;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentInfo {
    /// Bytes.
    pub size: u64,
    /// CID of the file itself, in text; its ETag.
    pub cid: String,
    /// MIME type, e.g. `application/octet-stream`.
    pub mime: String,
}

/// Why bytes cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The path is not one.
    #[error("{path:?} is not a CID with a path below it: {reason}")]
    InvalidPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The DAG has nothing of that name, or this machine does not hold the CID.
    #[error("{path:?} is not in this session's store: add the model first")]
    NotFound {
        /// The path.
        path: String,
    },
    /// A folder, where a file was asked for.
    #[error("{path:?} is a folder: ask for a file in it")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// A block is not what its CID says.
    #[error("block {cid} of {path:?} is damaged: its bytes do not match its CID; remove the model and add it again")]
    Unverified {
        /// The path.
        path: String,
        /// CID of the block.
        cid: String,
    },
    /// The bytes cannot be read now.
    #[error("{path:?} cannot be read: {source}")]
    Unavailable {
        /// The path.
        path: String,
        /// What is in the way.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// More or fewer bytes than the file has.
    #[error("{path:?} gave {actual} bytes where {expected} were due")]
    Length {
        /// The path.
        path: String,
        /// Bytes due.
        expected: u64,
        /// Bytes given; when there are too many, those up to the first too many.
        actual: u64,
    },
}

impl ContentError {
    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidPath { .. } => StatusCode::BAD_REQUEST,
            Self::NotFound { .. } | Self::NotAFile { .. } => StatusCode::NOT_FOUND,
            Self::Unverified { .. } | Self::Unavailable { .. } | Self::Length { .. } => StatusCode::BAD_GATEWAY,
        }
    }
}

/// Answers a GET or HEAD for `path`.
pub(super) async fn respond(content: &dyn Content, method: &Method, headers: &HeaderMap, path: &str) -> Response {
    match answer(content, method, headers, path).await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(%error, "content refused");
            plain(error.status(), &error)
        }
    }
}

async fn answer(
    content: &dyn Content,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
) -> Result<Response, ContentError> {
    let info = content.stat(path).await?;
    let etag = format!("\"{}\"", info.cid);
    let mut fixed = HeaderMap::new();
    fixed.insert(header::CACHE_CONTROL, NOT_KEPT);
    fixed.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(&mut fixed, header::ETAG, &etag);
    if range::matches_none(headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    insert(&mut fixed, header::CONTENT_TYPE, &info.mime);

    let (status, range) = match range::requested(method, headers, &etag, info.size) {
        Requested::All => (StatusCode::OK, 0..info.size),
        Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Requested::Unsatisfiable => {
            let mut refused = plain(
                StatusCode::RANGE_NOT_SATISFIABLE,
                &format_args!("{path:?} has {} bytes, none in the range asked for", info.size),
            );
            insert(refused.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{}", info.size));
            return Ok(refused);
        }
    };
    if status == StatusCode::PARTIAL_CONTENT {
        insert(&mut fixed, header::CONTENT_RANGE, &format!("bytes {}-{}/{}", range.start, range.end - 1, info.size));
    }
    let length = range.end - range.start;
    fixed.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if method == Method::HEAD || length == 0 {
        return Ok((status, fixed).into_response());
    }
    let bytes = content.read(path, range).await?;
    Ok((status, fixed, Body::from_stream(exactly(bytes, length, path.to_owned()))).into_response())
}

/// An error in a body aborts the connection, so that the page never takes a part
/// for the whole. A stream of the wrong length is such an error too.
fn exactly(bytes: ContentStream, length: u64, path: String) -> ContentStream {
    let state = (bytes, 0_u64, path);
    futures::stream::try_unfold(state, move |(mut bytes, before, path)| async move {
        let wrong = |actual| ContentError::Length { path: path.clone(), expected: length, actual };
        let result = match bytes.next().await {
            Some(Ok(chunk)) => match before + chunk.len() as u64 {
                actual if actual > length => Err(wrong(actual)),
                after => Ok(Some((chunk, after))),
            },
            Some(Err(error)) => Err(error),
            None if before < length => Err(wrong(before)),
            None => Ok(None),
        };
        if let Err(error) = &result {
            tracing::error!(%error, "a transfer to the page was aborted");
        }
        Ok(result?.map(|(chunk, after)| (chunk, (bytes, after, path))))
    })
    .boxed()
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => _ = headers.insert(name, value),
        Err(error) => tracing::warn!(%name, %error, "a header left out"),
    }
}
