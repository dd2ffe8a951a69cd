//! A message as bytes: `u32` little-endian length of the header, the header as
//! JSON, spaces up to a multiple of 8, then the bytes of its tensors, each at a
//! multiple of 8 from the end of the header.
//!
//! A tensor of [`ATTACHMENT_BYTES`] or more is no part of these bytes. In a message
//! to the page the header names an attachment for it, which travels beside the
//! message; in one of the page it follows as a message of its own.
//!
//! Knows nothing of sockets. Tensors are never copied here: a frame to send
//! holds them as they came, and a received one is sliced.

use std::sync::Arc;

use bytes::Bytes;
use pelago_protocol::{ATTACHMENT_BYTES, Attachment, Header, Tensor, TensorHeader};
use serde::Deserialize;

use super::{AttachmentId, FrameError};

const LENGTH_BYTES: usize = 4;
const ALIGNMENT: usize = 8;
static ZEROS: [u8; ALIGNMENT] = [0; ALIGNMENT];

/// A message that is ready to be sent: its parts follow each other on the wire.
#[derive(Clone, Debug)]
pub struct Frame {
    parts: Vec<Bytes>,
    size: usize,
    /// What travels beside it; `None` where that is nothing.
    beside: Option<Arc<Beside>>,
}

#[derive(Debug)]
struct Beside {
    attachments: Vec<(AttachmentId, Bytes)>,
    /// The message itself, to name its attachments anew.
    header: Header,
    tensors: Vec<Tensor>,
}

impl Frame {
    /// Puts a header and tensors in a frame. It has at most `limit` bytes, those
    /// of its attachments included. The header's own `tensors` and `attachments`
    /// are written anew from `tensors`.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`]; [`FrameError::Header`] where the header has no JSON form; [`FrameError::Random`].
    pub fn encode(mut header: Header, tensors: Vec<Tensor>, limit: usize) -> Result<Self, FrameError> {
        let mut offset = 0_usize;
        let mut beside = 0_usize;
        let mut attachments = Vec::new();
        header.tensors.clear();
        header.attachments.clear();
        header.following.clear();
        for (index, tensor) in tensors.iter().enumerate() {
            let byte_length = tensor.bytes.len();
            let mut entry = TensorHeader {
                name: tensor.name.clone(),
                dtype: tensor.dtype,
                shape: tensor.shape.clone(),
                offset: 0,
                byte_length,
            };
            if byte_length as u64 >= ATTACHMENT_BYTES {
                let id = AttachmentId::draw()?;
                attachments.push((id, tensor.bytes.clone()));
                header.attachments.push(Attachment { id: id.to_string(), tensor: index });
                beside = beside.saturating_add(byte_length);
            } else {
                entry.offset = offset;
                offset = offset.saturating_add(byte_length).saturating_add(padding(byte_length));
            }
            header.tensors.push(entry);
        }

        let mut head = vec![0; LENGTH_BYTES];
        serde_json::to_writer(&mut head, &header)
            .map_err(|source| FrameError::Header { id: Some(header.id), source })?;
        head.resize(head.len() + padding(head.len()), b' ');

        let size = head.len().saturating_add(offset);
        let all = size.saturating_add(beside);
        let too_large = FrameError::TooLarge { size: all, limit };
        let Ok(length) = u32::try_from(head.len() - LENGTH_BYTES) else { return Err(too_large) };
        if all > limit {
            return Err(too_large);
        }
        head[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());

        let mut parts = vec![Bytes::from(head)];
        for tensor in tensors.iter().filter(|tensor| (tensor.bytes.len() as u64) < ATTACHMENT_BYTES) {
            let gap = padding(tensor.bytes.len());
            parts.push(tensor.bytes.clone());
            parts.push(Bytes::from_static(&ZEROS[..gap]));
        }
        parts.retain(|part| !part.is_empty());
        let beside = (!attachments.is_empty()).then(|| Arc::new(Beside { attachments, header, tensors }));
        Ok(Self { parts, size, beside })
    }

    /// What travels beside the message.
    #[must_use]
    pub fn attachments(&self) -> &[(AttachmentId, Bytes)] {
        self.beside.as_ref().map_or(&[], |beside| &beside.attachments)
    }

    /// The same message for another time: its attachments have other ids, because one is used once.
    ///
    /// # Errors
    /// [`FrameError::Random`].
    pub(super) fn renewed(self) -> Result<Self, FrameError> {
        match &self.beside {
            Some(beside) => Self::encode(beside.header.clone(), beside.tensors.clone(), usize::MAX),
            None => Ok(self),
        }
    }

    /// Bytes on the wire, without attachments.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The parts, in the order of the wire; none is empty.
    #[must_use]
    pub fn into_parts(self) -> Vec<Bytes> {
        self.parts
    }
}

/// Cuts a received message into its header and the bytes after it.
///
/// # Errors
/// [`FrameError::Short`], [`FrameError::HeaderLength`], [`FrameError::HeaderPadding`], [`FrameError::Header`].
pub fn split(message: &Bytes) -> Result<(Header, Bytes), FrameError> {
    let Some((length, rest)) = message.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(FrameError::Short { found: message.len() });
    };
    let header = u32::from_le_bytes(*length) as usize;
    if header > rest.len() {
        return Err(FrameError::HeaderLength { header, available: rest.len() });
    }
    if padding(LENGTH_BYTES + header) != 0 {
        return Err(FrameError::HeaderPadding { header });
    }
    let json = &rest[..header];
    let parsed = serde_json::from_slice(json).map_err(|source| FrameError::Header { id: id_of(json), source })?;
    Ok((parsed, message.slice(LENGTH_BYTES + header..)))
}

/// The tensors that a header describes, as slices of the bytes after it.
///
/// # Errors
/// [`FrameError::Alignment`], [`FrameError::Outside`], [`FrameError::Overlap`], [`FrameError::Tensor`].
pub fn tensors(headers: Vec<TensorHeader>, body: &Bytes) -> Result<Vec<Tensor>, FrameError> {
    check_overlap(&headers)?;
    headers.into_iter().map(|header| tensor(header, body)).collect()
}

/// One tensor. Whether it shares bytes with another is not looked at.
pub(super) fn tensor(header: TensorHeader, body: &Bytes) -> Result<Tensor, FrameError> {
    let TensorHeader { name, dtype, shape, offset, byte_length } = header;
    if offset % ALIGNMENT != 0 {
        return Err(FrameError::Alignment { name, offset });
    }
    let Some(end) = offset.checked_add(byte_length).filter(|end| *end <= body.len()) else {
        return Err(FrameError::Outside { name, offset, byte_length, available: body.len() });
    };
    Ok(Tensor::new(name, dtype, shape, body.slice(offset..end))?)
}

pub(super) fn check_overlap<'a>(headers: impl IntoIterator<Item = &'a TensorHeader>) -> Result<(), FrameError> {
    let mut order: Vec<&TensorHeader> = headers.into_iter().filter(|tensor| tensor.byte_length > 0).collect();
    order.sort_by_key(|tensor| tensor.offset);
    match order.windows(2).find(|pair| pair[0].offset.saturating_add(pair[0].byte_length) > pair[1].offset) {
        Some(pair) => Err(FrameError::Overlap { first: pair[0].name.clone(), second: pair[1].name.clone() }),
        None => Ok(()),
    }
}

/// So that a request whose answer is broken fails at once, not at its deadline.
fn id_of(json: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct IdOnly {
        id: u64,
    }
    serde_json::from_slice::<IdOnly>(json).ok().map(|header| header.id)
}

/// Bytes from `length` to the next multiple of 8.
fn padding(length: usize) -> usize {
    length.wrapping_neg() % ALIGNMENT
}
