//! `/attachments/<id>`: the page gets tensors that a message of the host names, and
//! posts those that a message of its own names. What they are is the link's business.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::oneshot;

use super::{Shared, error::Refusal};
use crate::link::{
    AttachmentId,
    attachments::{Attachments, Missing, Offer, Upload},
};

/// What is given to the connection at once. Between two of them a transfer is
/// ended whose request has ended.
const PIECE: usize = 1 << 20;

/// Answers GET and POST.
pub(super) async fn attachment(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    // A cookie would do for all pages of a browser profile; a tensor belongs to one page.
    let token = bearer(request.headers()).ok_or(Refusal::NoBearer)?;
    let attachments = shared.guests.attachments(token)?;
    let id = id.parse()?;
    match *request.method() {
        Method::GET => give(&attachments, id),
        Method::POST => receive(&attachments, id, request).await.map(IntoResponse::into_response),
        _ => Err(Refusal::Method { allowed: "GET and POST" }),
    }
}

fn give(attachments: &Attachments, id: AttachmentId) -> Result<Response, Refusal> {
    let offer = attachments.take(id).map_err(|missing| refusal(id, missing))?;
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
        let ended = ended.is_cancelled();
        async move {
            match rest.len() {
                0 => Ok(None),
                _ if ended => Err(std::io::ErrorKind::ConnectionAborted.into()),
                length => Ok(Some((rest.split_to(length.min(PIECE)), rest))),
            }
        }
    })
}

async fn receive(attachments: &Attachments, id: AttachmentId, request: Request) -> Result<StatusCode, Refusal> {
    // The layer around every route checked that an Origin is the right one, but not that there is one.
    if !request.headers().contains_key(header::ORIGIN) {
        return Err(Refusal::NoOrigin { what: "a POST" });
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
    let body = request.into_body().into_data_stream().map_err(std::io::Error::other).boxed();
    let (done, mut outcome) = oneshot::channel();
    attachments.arrive(id, Upload { length, body, done }).map_err(|missing| refusal(id, missing))?;
    let _early = Early { attachments, id };
    let outcome = match tokio::time::timeout(attachments.announcement_timeout, &mut outcome).await {
        Ok(outcome) => outcome,
        Err(_) if attachments.retract(id) => return Err(Refusal::NoAttachment { id }),
        // It was announced: whoever reads it has deadlines of its own.
        Err(_) => outcome.await,
    };
    outcome.map_err(|_| Refusal::AttachmentEnded { id })??;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes back a body that nobody announced when its connection ends.
struct Early<'a> {
    attachments: &'a Attachments,
    id: AttachmentId,
}

impl Drop for Early<'_> {
    fn drop(&mut self) {
        self.attachments.retract(self.id);
    }
}

fn refusal(id: AttachmentId, missing: Missing) -> Refusal {
    match missing {
        Missing::Unknown => Refusal::NoAttachment { id },
        Missing::Used => Refusal::AttachmentUsed { id },
        Missing::TooMany => Refusal::TooManyAttachments,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}
