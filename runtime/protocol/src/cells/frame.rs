//! Frames: the JSON of a value, and the [body](crate::packed) of what it holds beside.

use std::io::{self, Read, Write};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::packed::{self, Attached};

/// Longest JSON of a frame, in bytes.
const MAX_JSON: u64 = 64 << 20;
/// Longest body of a frame, in bytes.
const MAX_BODY: u64 = 8 << 30;

/// Writes a value as a frame.
///
/// # Errors
/// What the stream says.
pub fn write_frame(to: &mut impl Write, value: &(impl Serialize + Attached)) -> io::Result<()> {
    write_packed(to, value, &packed::body(value))
}

/// Writes a value whose body is made already.
///
/// # Errors
/// What the stream says.
pub fn write_packed(to: &mut impl Write, json: &impl Serialize, body: &[u8]) -> io::Result<()> {
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
pub fn read_frame<T: DeserializeOwned + Attached>(from: &mut impl Read) -> io::Result<T> {
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
    decode(&bytes, rest.into())
}

/// The value of a frame's JSON and body.
///
/// # Errors
/// `InvalidData` where they are not those of a `T`.
pub fn decode<T: DeserializeOwned + Attached>(json: &[u8], body: Bytes) -> io::Result<T> {
    Ok(packed::unpack(serde_json::from_slice(json)?, &body)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Notice, Reply};
    use super::*;
    use crate::packed::Attachment;

    fn frame(bytes: Vec<u8>) -> Reply {
        Reply::Frame { frame: Attachment(bytes.into()) }
    }

    proptest! {
        #[test]
        fn frames_survive(given in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = Vec::new();
            write_frame(&mut bytes, &frame(given.clone())).unwrap();
            let reply: Reply = read_frame(&mut bytes.as_slice()).unwrap();
            let same = matches!(reply, Reply::Frame { frame: Attachment(found) } if found == given);
            prop_assert!(same);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_frame::<Notice>(&mut bytes.as_slice());
        }
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &frame(b"12345".to_vec())).unwrap();
        bytes.pop();
        assert_eq!(read_frame::<Reply>(&mut bytes.as_slice()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
