//! A value and the bytes that it holds, as both travel: the value as JSON, its attachments behind it.
//!
//! Tensors, DataFrames and media are bytes that JSON would make several times as long. So a type that holds such bytes
//! leaves them out of its JSON and names them to [`Attached`]. The body that carries them is their number, their
//! lengths (both `u64`, little endian), and their bytes, each at a multiple of 8.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::{Tensor, TensorError};

/// A value that may hold bytes which are not part of its JSON.
pub trait Attached {
    /// Adds the value's attachments, always in the same order. By default there are none.
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        let _ = attachments;
    }

    /// Puts the attachments back into a value that was made of its JSON.
    ///
    /// # Errors
    /// [`PackedError`] where one is missing or has another length than the value says.
    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        let _ = attachments;
        Ok(())
    }
}

/// Bytes of their own, e.g. a DataFrame as Arrow IPC.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment(#[serde(skip)] pub Bytes);

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({} bytes)", self.0.len())
    }
}

/// What came with a value, to be taken in order.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    left: std::collections::VecDeque<Bytes>,
}

/// A body that does not hold what its value needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// The lengths at its start name more bytes than it has.
    #[error("the attachments need {expected} bytes, and the body has {found}")]
    Cut {
        /// Bytes that the lengths ask for; `u64::MAX` where their sum is more than that.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The value has more attachments than came.
    #[error("an attachment is missing")]
    Missing,
    /// More came than the value has.
    #[error("{0} attachments came that the message does not have")]
    Unexpected(usize),
    /// The bytes are not those of the tensor.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The bytes are not those of vectors.
    #[error("vectors of shape {shape:?} need {expected} bytes, not {found}")]
    Vectors {
        /// `[batch, hidden]`.
        shape: [usize; 2],
        /// Bytes that the shape needs.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
}

impl From<PackedError> for std::io::Error {
    fn from(error: PackedError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl Attachments {
    /// The next one.
    ///
    /// # Errors
    /// [`PackedError::Missing`] where there is none.
    pub fn take(&mut self) -> Result<Bytes, PackedError> {
        self.left.pop_front().ok_or(PackedError::Missing)
    }
}

/// Bytes of a number of the body.
const WORD: usize = 8;

/// The body that carries a value's attachments; empty where it has none.
#[must_use]
pub fn body(value: &impl Attached) -> Bytes {
    let mut attachments = Vec::new();
    value.detach(&mut attachments);
    if attachments.is_empty() {
        return Bytes::new();
    }
    let data: usize = attachments.iter().map(|bytes| bytes.len().next_multiple_of(WORD)).sum();
    let mut body = BytesMut::with_capacity(WORD * (1 + attachments.len()) + data);
    body.extend_from_slice(&(attachments.len() as u64).to_le_bytes());
    for bytes in &attachments {
        body.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    }
    for bytes in &attachments {
        body.extend_from_slice(bytes);
        body.resize(body.len().next_multiple_of(WORD), 0);
    }
    body.freeze()
}

/// Gives a value that was made of its JSON what its body carries. Nothing is copied.
///
/// # Errors
/// [`PackedError`] where the body is not that of the value.
pub fn unpack<T: Attached>(mut value: T, body: &Bytes) -> Result<T, PackedError> {
    let mut attachments = split(body)?;
    value.attach(&mut attachments)?;
    match attachments.left.len() {
        0 => Ok(value),
        more => Err(PackedError::Unexpected(more)),
    }
}

fn split(body: &Bytes) -> Result<Attachments, PackedError> {
    if body.is_empty() {
        return Ok(Attachments::default());
    }
    let found = body.len() as u64;
    let cut = |expected: Option<u64>| PackedError::Cut { expected: expected.unwrap_or(u64::MAX), found };
    let (words, _) = body.as_chunks::<WORD>();
    let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
    let count = words.next().ok_or_else(|| cut(Some(WORD as u64)))?;
    let head = count.checked_add(1).and_then(|words| words.checked_mul(WORD as u64));
    let Some(mut start) = head.filter(|head| *head <= found) else { return Err(cut(head)) };
    let mut attachments = Attachments::default();
    for length in words.take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let end = start.checked_add(length);
        let Some(end) = end.filter(|end| *end <= found) else { return Err(cut(end)) };
        // Both are at most the body's length, which is a `usize`.
        attachments.left.push_back(body.slice(start as usize..end as usize));
        start = end.next_multiple_of(WORD as u64);
    }
    Ok(attachments)
}

impl Attached for Attachment {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        attachments.push(self.0.clone());
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        self.0 = attachments.take()?;
        Ok(())
    }
}

impl Attached for Tensor {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        attachments.push(self.bytes.clone());
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        let Self { name, dtype, shape, .. } = std::mem::replace(self, Self::empty());
        *self = Self::new(name, dtype, shape, attachments.take()?)?;
        Ok(())
    }
}

impl<T: Attached> Attached for Vec<T> {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        self.iter().for_each(|value| value.detach(attachments));
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        self.iter_mut().try_for_each(|value| value.attach(attachments))
    }
}

impl<T: Attached> Attached for Option<T> {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        self.iter().for_each(|value| value.detach(attachments));
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        self.iter_mut().try_for_each(|value| value.attach(attachments))
    }
}

impl<T: Attached> Attached for Box<T> {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        (**self).detach(attachments);
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        (**self).attach(attachments)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{DType, Input, Output};

    fn tensor(values: &[u8]) -> Tensor {
        Tensor::new("a", DType::UInt8, vec![values.len()], values.to_vec().into()).unwrap()
    }

    /// Through JSON and body, as over a wire.
    fn travel<T: Attached + Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        let json = serde_json::to_vec(value).unwrap();
        unpack(serde_json::from_slice(&json).unwrap(), &body(value)).unwrap()
    }

    proptest! {
        #[test]
        fn values_survive(a in proptest::collection::vec(any::<u8>(), 0..50), b in proptest::collection::vec(any::<f32>(), 4)) {
            let input = Input::Tensors(vec![tensor(&a), tensor(&[]), tensor(&a)]);
            prop_assert_eq!(travel(&input), input);
            let output = Output::Embeddings { shape: [2, 2], values: b.clone() };
            let Output::Embeddings { values, .. } = travel(&output) else { panic!("another kind") };
            prop_assert!(values.iter().zip(&b).all(|(found, given)| found.to_bits() == given.to_bits()));
        }

        #[test]
        fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), count in 0_u64..4) {
            let _ = unpack(Input::Tensors(vec![tensor(&[])]), &Bytes::from(bytes.clone()));
            let body = [&count.to_le_bytes()[..], &bytes].concat();
            let _ = unpack(Input::Tensors(vec![tensor(&[])]), &Bytes::from(body));
        }
    }

    #[test]
    fn a_body_of_another_value_is_refused() {
        let two = Input::Tensors(vec![tensor(&[1, 2, 3]), tensor(&[4])]);
        let whole = body(&two);
        let empty = |lengths: &[usize]| {
            let each = lengths.iter().map(|length| Tensor { shape: vec![*length], ..tensor(&[]) });
            Input::Tensors(each.collect())
        };
        assert_eq!(unpack(empty(&[3, 1, 1]), &whole).unwrap_err(), PackedError::Missing);
        assert_eq!(unpack(empty(&[3]), &whole).unwrap_err(), PackedError::Unexpected(1));
        assert_eq!(unpack(empty(&[3]), &Bytes::new()).unwrap_err(), PackedError::Missing);
        let wrong = unpack(empty(&[2, 1]), &whole).unwrap_err();
        assert_eq!(wrong.to_string(), "tensor \"a\" of uint8 [2] needs 2 bytes, not 3");
        let cut = unpack(empty(&[3, 1]), &whole.slice(..32)).unwrap_err();
        assert_eq!(cut.to_string(), "the attachments need 33 bytes, and the body has 32");
    }
}
