//! dag-pb, the encoding of nodes: bytes to links and data, and back. Decoding is
//! strict: what two readers could understand differently is refused, such as a
//! field that comes twice, fields out of order or bytes that no field explains.
//!
//! `ipld-dagpb` reads these bytes too, and takes some of what is refused here (a
//! test below has it): of two fields it believes the last.
//!
//! This file does not know what the data mean; that is `unixfs`.

use bytes::Bytes;
use prost::encoding::encode_varint;

use crate::Cid;

/// A link of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it links to.
    pub cid: Cid,
    /// Its name; empty for a part of a file.
    pub name: Option<String>,
    /// Bytes of all blocks under it, as its maker says (`Tsize`). Nobody can check it without
    /// reading them all, so nothing here relies on it.
    pub size: Option<u64>,
}

/// A decoded node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PbNode {
    /// Its links, in their order.
    pub links: Vec<Link>,
    /// Its data.
    pub data: Option<Bytes>,
}

const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// Why bytes are no dag-pb.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PbError {
    /// Data twice.
    #[error("a second Data field")]
    SecondData,
    /// Links before and behind the data.
    #[error("links on both sides of Data")]
    SplitLinks,
    /// A field that there is not.
    #[error("field {field} of wire type {wire} in a {message}")]
    Field {
        /// `node` or `link`.
        message: &'static str,
        /// The field's number.
        field: u64,
        /// How its value is encoded.
        wire: u64,
    },
    /// A field of a link that comes twice, or too late.
    #[error("field {field} after field {last} in a link")]
    Order {
        /// The field's number.
        field: u64,
        /// That of the field before it.
        last: u64,
    },
    /// A link to nothing.
    #[error("a link has no Hash")]
    NoHash,
    /// A link to what is no CID.
    #[error("a link's Hash is no CID: {source}")]
    Hash {
        /// Why not.
        source: ::cid::Error,
    },
    /// A link's CID with bytes behind it.
    #[error("{length} bytes of a link's Hash are no CID")]
    HashLength {
        /// All the bytes.
        length: usize,
    },
    /// A name that is no text.
    #[error("a link's Name is not UTF-8")]
    Name,
    /// A number that cannot be read.
    #[error("a number that does not end, or is larger than 64 bits")]
    Number,
    /// Fewer bytes than were announced.
    #[error("{announced} bytes announced, {found} there")]
    Cut {
        /// How many there should be.
        announced: u64,
        /// How many there are.
        found: usize,
    },
}

/// Decodes a block.
///
/// # Errors
///
/// What was expected and found.
pub fn decode(block: &Bytes) -> Result<PbNode, PbError> {
    let mut input = Reader(block);
    let mut node = PbNode::default();
    let mut links_ended = false;
    while !input.0.is_empty() {
        match input.tag()? {
            (1, BYTES) if node.data.is_none() => {
                node.data = Some(block.slice_ref(input.bytes()?));
                links_ended = !node.links.is_empty();
            }
            (1, BYTES) => return Err(PbError::SecondData),
            (2, BYTES) if links_ended => return Err(PbError::SplitLinks),
            (2, BYTES) => node.links.push(link(input.bytes()?)?),
            (field, wire) => return Err(PbError::Field { message: "node", field, wire }),
        }
    }
    Ok(node)
}

fn link(bytes: &[u8]) -> Result<Link, PbError> {
    let mut input = Reader(bytes);
    let (mut cid, mut name, mut size) = (None, None, None);
    let mut last = 0;
    while !input.0.is_empty() {
        let (field, kind) = input.tag()?;
        if field <= last {
            return Err(PbError::Order { field, last });
        }
        last = field;
        match (field, kind) {
            (1, BYTES) => {
                let bytes = input.bytes()?;
                let found = Cid::try_from(bytes).map_err(|source| PbError::Hash { source })?;
                if found.encoded_len() != bytes.len() {
                    return Err(PbError::HashLength { length: bytes.len() });
                }
                cid = Some(found);
            }
            (2, BYTES) => {
                let text = std::str::from_utf8(input.bytes()?).map_err(|_| PbError::Name)?;
                name = Some(text.to_owned());
            }
            (3, VARINT) => size = Some(input.varint()?),
            (field, wire) => return Err(PbError::Field { message: "link", field, wire }),
        }
    }
    Ok(Link { cid: cid.ok_or(PbError::NoHash)?, name, size })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A number as protobuf has them. The crate `unsigned-varint` refuses those that are longer than
    /// they need be, and takes those that are larger than 64 bits.
    fn varint(&mut self) -> Result<u64, PbError> {
        prost::encoding::decode_varint(&mut self.0).map_err(|_| PbError::Number)
    }

    fn tag(&mut self) -> Result<(u64, u64), PbError> {
        self.varint().map(|tag| (tag >> 3, tag & 7))
    }

    fn bytes(&mut self) -> Result<&'a [u8], PbError> {
        let announced = self.varint()?;
        let cut = usize::try_from(announced).ok().and_then(|length| self.0.split_at_checked(length));
        let (bytes, rest) = cut.ok_or(PbError::Cut { announced, found: self.0.len() })?;
        self.0 = rest;
        Ok(bytes)
    }
}

/// Encodes a node: links in the order of their names' bytes, then the data.
pub(crate) fn encode(mut links: Vec<Link>, data: &[u8]) -> Vec<u8> {
    // A stable sort: links of equal names, as those of a file, keep their order.
    links.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = Vec::with_capacity(data.len() + 64 * links.len() + 16);
    for link in &links {
        let cid = link.cid.to_bytes();
        let mut body = Vec::with_capacity(cid.len() + 32);
        put_bytes(&mut body, 1, &cid);
        if let Some(name) = &link.name {
            put_bytes(&mut body, 2, name.as_bytes());
        }
        if let Some(size) = link.size {
            encode_varint(3 << 3 | VARINT, &mut body);
            encode_varint(size, &mut body);
        }
        put_bytes(&mut out, 2, &body);
    }
    put_bytes(&mut out, 1, data);
    out
}

/// Appends a field's tag and length; the bytes themselves are to follow.
pub(crate) fn put_head(out: &mut Vec<u8>, field: u64, length: usize) {
    encode_varint(field << 3 | BYTES, out);
    encode_varint(length as u64, out);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_head(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Bytes {
        hex::decode(text).unwrap().into()
    }

    /// A sha2-256 CIDv0, in hexadecimal.
    const HASH: &str = "1220cf92fdefcdc34cac009c8b05eb662be0618db9de55ecd42785e9ec6712f8df65";

    #[test]
    fn what_is_ambiguous_is_refused() {
        let good = format!("12240a22{HASH}0a0408021806");
        let node = decode(&unhex(&good)).unwrap();
        assert_eq!((node.links.len(), node.data.as_deref()), (1, Some(&[8, 2, 24, 6][..])));
        assert!(decode(&unhex(&format!("0a040802180612240a22{HASH}"))).is_ok(), "data first is an old form");
        let check = |hex: String, said: &str| {
            let error = decode(&unhex(&hex)).unwrap_err().to_string();
            assert!(error.contains(said), "{hex}: {error:?} does not say {said:?}");
        };
        check("1200".into(), "no Hash");
        check("12000a050001020304".into(), "no Hash");
        check("12020a00".into(), "no CID");
        check("12021200".into(), "no Hash");
        check("120b1209736f6d65206e616d65".into(), "no Hash");
        check("12021800".into(), "no Hash");
        check("120318f207".into(), "no Hash");
        check(format!("12240a22{HASH}0a040802180612240a22{HASH}"), "both sides");
        check("0a00120012000a00".into(), "no Hash");
        check("0a000a00".into(), "second Data");
        check("1a00".into(), "field 3");
        check("0800".into(), "wire type 0");
        check("0aff".into(), "does not end");
        check("0affffffffffffffffff7f".into(), "larger than 64 bits");
        check("0a0400".into(), "4 bytes announced");
        check(format!("12480a22{HASH}0a22{HASH}"), "field 1 after field 1");
        check(format!("1226120 00a22{HASH}").replace(' ', ""), "field 1 after field 2");
        check(format!("12250a23{HASH}00"), "no CID");
        check(format!("12270a22{HASH}1201ff"), "UTF-8");
    }

    #[test]
    fn the_library_takes_what_is_ambiguous() {
        for hex in ["0a000a00".to_owned(), format!("12480a22{HASH}0a22{HASH}"), format!("12250a23{HASH}00")] {
            assert!(ipld_dagpb::PbNode::from_bytes(unhex(&hex)).is_ok(), "{hex}");
            assert!(decode(&unhex(&hex)).is_err(), "{hex}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let cid = crate::cid::of(crate::cid::RAW, b"x");
        let link = |name: &str, size| Link { cid, name: Some(name.to_owned()), size };
        let bytes = encode(vec![link("b", Some(300)), link("a", None)], b"data");
        let node = decode(&bytes.into()).unwrap();
        assert_eq!(node.links, [link("a", None), link("b", Some(300))]);
        assert_eq!(node.data.as_deref(), Some(&b"data"[..]));
    }
}
