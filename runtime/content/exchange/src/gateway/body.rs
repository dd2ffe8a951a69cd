//! Bodies: bytes at the rate that is granted, holding a place among the answers being sent.

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use pelago_dag::BlockError;
use tokio::sync::OwnedSemaphorePermit;

use crate::retrieve::Bandwidth;

/// A body; an error in it cuts the connection.
pub(super) type Body = UnsyncBoxBody<Bytes, BlockError>;

pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn text(text: String) -> Body {
    whole(text.into())
}

pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Sends pieces as the limit lets them; the permit is given back when the body has ended or is dropped.
pub(super) fn paced(
    pieces: impl Stream<Item = Result<Bytes, BlockError>> + Send + 'static,
    limit: Bandwidth,
    permit: OwnedSemaphorePermit,
) -> Body {
    let frames = match limit.piece() {
        None => pieces.boxed(),
        Some(most) => {
            let cut = pieces.flat_map(move |piece| stream::iter(cut(piece, most)));
            cut.then(move |piece| {
                let limit = limit.clone();
                async move {
                    if let Ok(bytes) = &piece {
                        limit.take(bytes.len()).await;
                    }
                    piece
                }
            })
            .boxed()
        }
    };
    let held = frames.map(move |piece| {
        let _held = &permit;
        piece.map(Frame::data)
    });
    StreamBody::new(held).boxed_unsync()
}

fn cut(piece: Result<Bytes, BlockError>, most: usize) -> impl Iterator<Item = Result<Bytes, BlockError>> {
    let mut rest = Some(piece);
    std::iter::from_fn(move || match rest.take()? {
        Ok(mut bytes) if bytes.len() > most => {
            let first = bytes.split_to(most);
            rest = Some(Ok(bytes));
            Some(Ok(first))
        }
        last => Some(last),
    })
}
