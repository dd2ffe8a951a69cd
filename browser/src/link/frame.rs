//! A message as bytes: `u32` little-endian length of the header, the header as
//! JSON, spaces up to a multiple of 8, then the bytes of its tensors, each at a
//! multiple of 8 from the end of the header.
//!
//! Knows nothing of sockets. Tensors are never copied here: a frame to send
//! holds them as they came, and a received one is sliced.

use bytes::Bytes;
use pelago_protocol::{Header, Tensor, TensorHeader};
use serde::Deserialize;

use super::FrameError;

const LENGTH_BYTES: usize = 4;
const ALIGNMENT: usize = 8;
static ZEROS: [u8; ALIGNMENT] = [0; ALIGNMENT];

/// A message that is ready to be sent: its parts follow each other on the wire.
#[derive(Clone, Debug)]
pub struct Frame {
    parts: Vec<Bytes>,
    size: usize,
}

impl Frame {
    /// Puts a header and tensors in a frame of at most `limit` bytes. The
    /// header's own `tensors` are written anew from `tensors`.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`]; [`FrameError::Header`] where the header has no JSON form.
    pub fn encode(mut header: Header, tensors: Vec<Tensor>, limit: usize) -> Result<Self, FrameError> {
        let mut offset = 0_usize;
        header.tensors.clear();
        for tensor in &tensors {
            header.tensors.push(TensorHeader {
                name: tensor.name.clone(),
                dtype: tensor.dtype,
                shape: tensor.shape.clone(),
                offset,
                byte_length: tensor.bytes.len(),
            });
            offset = offset.saturating_add(tensor.bytes.len()).saturating_add(padding(tensor.bytes.len()));
        }

        let mut head = vec![0; LENGTH_BYTES];
        serde_json::to_writer(&mut head, &header)
            .map_err(|source| FrameError::Header { id: Some(header.id), source })?;
        head.resize(head.len() + padding(head.len()), b' ');

        let size = head.len().saturating_add(offset);
        let too_large = FrameError::TooLarge { size, limit };
        let Ok(length) = u32::try_from(head.len() - LENGTH_BYTES) else { return Err(too_large) };
        if size > limit {
            return Err(too_large);
        }
        head[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());

        let mut parts = vec![Bytes::from(head)];
        for tensor in tensors {
            let gap = padding(tensor.bytes.len());
            parts.push(tensor.bytes);
            parts.push(Bytes::from_static(&ZEROS[..gap]));
        }
        parts.retain(|part| !part.is_empty());
        Ok(Self { parts, size })
    }

    /// Bytes on the wire.
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
    headers
        .into_iter()
        .map(|TensorHeader { name, dtype, shape, offset, byte_length }| {
            if offset % ALIGNMENT != 0 {
                return Err(FrameError::Alignment { name, offset });
            }
            let Some(end) = offset.checked_add(byte_length).filter(|end| *end <= body.len()) else {
                return Err(FrameError::Outside { name, offset, byte_length, available: body.len() });
            };
            Ok(Tensor::new(name, dtype, shape, body.slice(offset..end))?)
        })
        .collect()
}

fn check_overlap(headers: &[TensorHeader]) -> Result<(), FrameError> {
    let mut order: Vec<&TensorHeader> = headers.iter().filter(|tensor| tensor.byte_length > 0).collect();
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
