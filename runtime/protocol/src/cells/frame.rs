//! Frames, and tensors in their bodies.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Tensor, TensorHeader};

/// Longest JSON of a frame, in bytes.
const MAX_JSON: u64 = 64 << 20;
/// Longest body of a frame, in bytes.
const MAX_BODY: u64 = 8 << 30;

/// Writes a frame.
///
/// # Errors
/// What the stream says.
pub fn write_frame(to: &mut impl Write, json: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let json = serde_json::to_vec(json)?;
    let mut head = Vec::with_capacity(16 + json.len());
    head.extend_from_slice(&(json.len() as u64).to_le_bytes());
    head.extend_from_slice(&(body.len() as u64).to_le_bytes());
    head.extend_from_slice(&json);
    to.write_all(&head)?;
    to.write_all(body)?;
    to.flush()
}

/// Lengths of JSON and body, from the first 16 bytes of a frame.
///
/// # Errors
/// `InvalidData` where a length is over its bound.
pub fn lengths(head: [u8; 16]) -> io::Result<(usize, usize)> {
    let number = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let (json, body) = (number(0), number(8));
    if json > MAX_JSON || body > MAX_BODY {
        let found = format!("a frame of {json} + {body} bytes, over the bounds {MAX_JSON} and {MAX_BODY}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, found));
    }
    let fits = |length: u64| usize::try_from(length).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
    Ok((fits(json)?, fits(body)?))
}

/// Reads a frame.
///
/// # Errors
/// What the stream says; `InvalidData` for a frame that is none.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Vec<u8>)> {
    let mut head = [0; 16];
    from.read_exact(&mut head)?;
    let (json, body) = lengths(head)?;
    let mut bytes = Vec::new();
    // `take` lets a lying length cost no more memory than came.
    from.take(json as u64).read_to_end(&mut bytes)?;
    let mut rest = Vec::new();
    from.take(body as u64).read_to_end(&mut rest)?;
    if rest.len() != body {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((serde_json::from_slice(&bytes)?, rest))
}

/// Lays tensors one after the other, each at a multiple of 8 bytes.
#[must_use]
pub fn pack(tensors: &[Tensor]) -> (Vec<TensorHeader>, Vec<u8>) {
    let mut body = Vec::with_capacity(tensors.iter().map(|tensor| tensor.bytes.len() + 8).sum());
    let headers = tensors.iter().map(|tensor| {
        body.resize(body.len().next_multiple_of(8), 0);
        let offset = body.len();
        body.extend_from_slice(&tensor.bytes);
        TensorHeader {
            name: tensor.name.clone(),
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            offset,
            byte_length: tensor.bytes.len(),
        }
    });
    (headers.collect(), body)
}

/// The tensors that `headers` find in `body`.
///
/// # Errors
/// `InvalidData` where one lies outside the body or does not fill its shape.
pub fn unpack(headers: &[TensorHeader], body: &[u8]) -> io::Result<Vec<Tensor>> {
    let wrong = |found: String| io::Error::new(io::ErrorKind::InvalidData, found);
    let each = headers.iter().map(|header| {
        let end = header.offset.checked_add(header.byte_length);
        let bytes = end.and_then(|end| body.get(header.offset..end));
        let bytes = bytes.ok_or_else(|| wrong(format!("tensor {:?} lies outside its frame", header.name)))?;
        let bytes = bytes::Bytes::copy_from_slice(bytes);
        Tensor::new(header.name.clone(), header.dtype, header.shape.clone(), bytes)
            .map_err(|error| wrong(error.to_string()))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Notice, Reply};
    use super::*;
    use crate::DType;

    proptest! {
        #[test]
        fn frames_survive(text in ".*", body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = Vec::new();
            write_frame(&mut bytes, &Reply::Text { text: text.clone() }, &body).unwrap();
            let (reply, found): (Reply, _) = read_frame(&mut bytes.as_slice()).unwrap();
            let same = matches!(reply, Reply::Text { text: found } if found == text);
            prop_assert!(same);
            prop_assert_eq!(found, body);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_frame::<Notice>(&mut bytes.as_slice());
        }

        #[test]
        fn tensors_survive(values in proptest::collection::vec(any::<u8>(), 0..50)) {
            let shape = vec![values.len()];
            let tensor = Tensor::new("a", DType::UInt8, shape, values.into()).unwrap();
            let (headers, body) = pack(&[tensor.clone(), tensor.clone()]);
            prop_assert_eq!(unpack(&headers, &body).unwrap(), vec![tensor.clone(), tensor]);
        }
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &Reply::Frame, b"12345").unwrap();
        bytes.pop();
        assert_eq!(read_frame::<Reply>(&mut bytes.as_slice()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
