//! An answer whose tensors come beside it: checks what its header announces, then
//! reads the bodies, each into its place in one allocation a tensor.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, future::try_join_all};
use pelago_protocol::{Attachment, Header, Tensor, TensorError, TensorHeader};
use serde_json::Value;
use tokio::time::timeout;

use super::{Attachments, Expected, Upload};
use crate::link::{Answer, AttachmentError, FrameError, frame};

/// A page that goes away breaks its bodies before its socket says why. The
/// socket's reason is the better one, so a broken body waits for it this long.
const SOCKET_FIRST: Duration = Duration::from_millis(200);

/// An answer of which bodies are missing.
pub(in crate::link) struct Collection {
    data: Value,
    tensors: Vec<Awaited>,
    patience: Duration,
}

enum Awaited {
    Here(Tensor),
    Beside { header: TensorHeader, parts: Vec<Part> },
}

struct Part {
    expected: Expected,
    tensor: String,
    length: usize,
}

impl Collection {
    /// Expects what `header` announces. A body may take `patience` to begin, and
    /// may stand still for as long.
    ///
    /// # Errors
    /// [`FrameError`], where the header contradicts itself or goes over `limit` bytes in all.
    pub(in crate::link) fn announce(
        attachments: &Arc<Attachments>,
        header: Header,
        body: &Bytes,
        limit: usize,
        patience: Duration,
    ) -> Result<Self, FrameError> {
        let beside = header.attachments.iter().fold(0, |sum: usize, part| sum.saturating_add(part.byte_length));
        let size = body.len().saturating_add(beside);
        if size > limit {
            return Err(FrameError::TooLarge { size, limit });
        }
        let groups = group(header.attachments, header.tensors.len())?;
        let inside = header.tensors.iter().zip(&groups).filter(|(_, parts)| parts.is_empty());
        frame::check_overlap(inside.map(|(tensor, _)| tensor))?;
        let tensors = header.tensors.into_iter().zip(groups).map(|(header, parts)| {
            if parts.is_empty() {
                return Ok(Awaited::Here(frame::tensor(header, body)?));
            }
            check(&header, &parts)?;
            let part = |Attachment { id, byte_length, .. }: Attachment| {
                let id = id.parse().map_err(|_| FrameError::AttachmentId { id })?;
                Ok(Part { expected: attachments.expect(id)?, tensor: header.name.clone(), length: byte_length })
            };
            let parts = parts.into_iter().map(part).collect::<Result<_, FrameError>>()?;
            Ok(Awaited::Beside { header, parts })
        });
        let tensors = tensors.collect::<Result<_, FrameError>>()?;
        Ok(Self { data: header.data, tensors, patience })
    }

    /// Reads every body.
    ///
    /// # Errors
    /// [`AttachmentError`]: the first body that is not as announced. The others are let go of.
    pub(in crate::link) async fn collect(self) -> Result<Answer, AttachmentError> {
        let Self { data, tensors, patience } = self;
        let tensors = try_join_all(tensors.into_iter().map(async |tensor| match tensor {
            Awaited::Here(tensor) => Ok(tensor),
            Awaited::Beside { header: TensorHeader { name, dtype, shape, .. }, parts } => {
                Ok(Tensor { name, dtype, shape, bytes: whole(parts, patience).await? })
            }
        }));
        let collected = tensors.await;
        if let Err(AttachmentError::EndedEarly { .. }) = &collected {
            tokio::time::sleep(SOCKET_FIRST).await;
        }
        Ok(Answer { data, tensors: collected? })
    }
}

/// The attachments of each of `count` tensors.
fn group(attachments: Vec<Attachment>, count: usize) -> Result<Vec<Vec<Attachment>>, FrameError> {
    let mut groups: Vec<Vec<Attachment>> = std::iter::repeat_with(Vec::new).take(count).collect();
    let mut last = 0;
    for attachment in attachments {
        let tensor = attachment.tensor;
        match groups.get_mut(tensor) {
            Some(group) if tensor >= last => group.push(attachment),
            _ => return Err(FrameError::AttachmentOrder { tensor, count }),
        }
        last = tensor;
    }
    Ok(groups)
}

/// Whether the attachments make up their tensor, and that has the bytes of its shape.
fn check(header: &TensorHeader, parts: &[Attachment]) -> Result<(), FrameError> {
    let TensorHeader { name, dtype, shape, offset, byte_length } = header;
    let found = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.byte_length));
    if found != *byte_length || *offset != 0 || parts.iter().any(|part| part.byte_length == 0) {
        return Err(FrameError::AttachmentLength { name: name.clone(), byte_length: *byte_length, found });
    }
    let expected = shape.iter().try_fold(dtype.size(), |product, dimension| product.checked_mul(*dimension));
    if expected != Some(*byte_length) {
        let (name, shape, dtype, actual) = (name.clone(), shape.clone(), *dtype, *byte_length);
        return Err(TensorError::Length { name, shape, dtype, expected, actual }.into());
    }
    Ok(())
}

/// The bytes of a tensor, whose parts come side by side.
async fn whole(parts: Vec<Part>, patience: Duration) -> Result<Bytes, AttachmentError> {
    let mut rest = BytesMut::with_capacity(parts.iter().map(|part| part.length).sum());
    let parts = parts.into_iter().map(|part| {
        let after = rest.split_off(part.length);
        let place = std::mem::replace(&mut rest, after);
        read(part, place, patience)
    });
    let parts = parts.collect::<Vec<_>>();
    let mut filled = try_join_all(parts).await?.into_iter();
    let mut all = filled.next().unwrap_or_default();
    // They lie side by side in one allocation: nothing is copied.
    filled.for_each(|part| all.unsplit(part));
    Ok(all.freeze())
}

async fn read(part: Part, mut place: BytesMut, patience: Duration) -> Result<BytesMut, AttachmentError> {
    let Part { mut expected, tensor, length } = part;
    let upload = match timeout(patience, &mut expected.upload).await {
        Ok(Ok(upload)) => upload,
        // The page is gone, and with it whoever waits for this.
        Ok(Err(_)) => return Err(AttachmentError::EndedEarly { tensor, announced: length, actual: 0 }),
        Err(_) => return Err(AttachmentError::NeverCame { tensor, announced: length, waited: patience }),
    };
    let Upload { length: said, mut body, done } = upload;
    let filled = match said {
        Some(said) if said != length as u64 => {
            Err(AttachmentError::Length { tensor, announced: length, actual: usize::try_from(said).unwrap_or(usize::MAX) })
        }
        _ => fill(&mut place, &mut body, tensor, length, patience).await,
    };
    // Where nobody listens any more, the connection is gone.
    _ = done.send(filled.clone());
    filled.map(|()| place)
}

async fn fill(
    place: &mut BytesMut,
    body: &mut (impl Stream<Item = std::io::Result<Bytes>> + Unpin),
    tensor: String,
    announced: usize,
    patience: Duration,
) -> Result<(), AttachmentError> {
    loop {
        match timeout(patience, body.next()).await {
            Err(_) => {
                return Err(AttachmentError::Stalled { tensor, announced, actual: place.len(), waited: patience });
            }
            Ok(Some(Ok(chunk))) if place.len() + chunk.len() > announced => {
                return Err(AttachmentError::Length { tensor, announced, actual: place.len() + chunk.len() });
            }
            Ok(Some(Ok(chunk))) => place.extend_from_slice(&chunk),
            Ok(None) if place.len() == announced => return Ok(()),
            Ok(None | Some(Err(_))) => {
                return Err(AttachmentError::EndedEarly { tensor, announced, actual: place.len() });
            }
        }
    }
}
