//! `/attachments/<id>`: tensors that a message to the page names. What they are is
//! the link's business.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, stream};

use super::{Shared, error::Refusal};
use crate::link::attachments::{Missing, Offer};

/// What is given to the connection at once. Between two of them a transfer is
/// ended whose request has ended.
const PIECE: usize = 1 << 20;

pub(super) async fn attachment(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    // The cookie would do for all pages of a browser profile; a tensor belongs to one page.
    let token = bearer(&headers).ok_or(Refusal::NoBearer)?;
    let attachments = shared.guests.attachments(token)?;
    let id = id.parse()?;
    if method != Method::GET {
        // Looking at it would use it up.
        return Err(Refusal::AttachmentMethod);
    }
    let offer = attachments.take(id).map_err(|missing| match missing {
        Missing::Unknown => Refusal::NoAttachment { id },
        Missing::Used => Refusal::AttachmentUsed { id },
    })?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_LENGTH, HeaderValue::from(offer.bytes.len())),
    ];
    Ok((headers, Body::from_stream(pieces(offer))).into_response())
}

/// The bytes of an offer, not copied. Fails, and so ends the connection, once its request has ended.
fn pieces(Offer { bytes, ended }: Offer) -> impl Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold(bytes, move |mut rest| {
        let has_ended = ended.is_cancelled();
        async move {
            match rest.len() {
                0 => Ok(None),
                _ if has_ended => Err(std::io::ErrorKind::ConnectionAborted.into()),
                length => Ok(Some((rest.split_to(length.min(PIECE)), rest))),
            }
        }
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}
