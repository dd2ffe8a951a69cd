//! DAG-CBOR (<https://ipld.io/specs/codecs/dag-cbor/spec/>), as far as a gateway
//! needs it: the links of a block, and where a path leads. Values are gone past
//! and never built, so a block costs no more memory than its links.
//!
//! `serde_ipld_dagcbor` has a function for links too. It takes blocks that are no
//! DAG-CBOR, which other programs would refuse (a test below has some), and a path
//! would have to build all values.
//!
//! What the specification allows and nothing else is read, but for the order of
//! a map's keys and the shortest form of a number, which change no link.

use crate::Cid;

/// Maps and lists in each other.
const DEPTH: usize = 256;
/// The one tag that there is: a link.
const LINK: u64 = 42;

/// Why bytes are no DAG-CBOR.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CborError {
    /// Fewer bytes than were announced.
    #[error("{announced} bytes announced, {found} there")]
    Cut {
        /// How many there should be.
        announced: u64,
        /// How many there are.
        found: usize,
    },
    /// Bytes behind the value.
    #[error("{bytes} bytes behind its value")]
    Behind {
        /// How many.
        bytes: usize,
    },
    /// A value of no length that is told.
    #[error("byte 0x{byte:02x}, where a value of known length begins")]
    Head {
        /// The byte.
        byte: u8,
    },
    /// A tag that is not a link's.
    #[error("tag {tag}, where only links have one")]
    Tag {
        /// The tag.
        tag: u64,
    },
    /// A value that DAG-CBOR does not have.
    #[error("simple value or short float {value}")]
    Simple {
        /// The value, or the bits of the float.
        value: u64,
    },
    /// A link to what is no CID.
    #[error("a link is no CID: {source}")]
    NoCid {
        /// Why not.
        source: ::cid::Error,
    },
    /// A link's CID with bytes behind it.
    #[error("{length} bytes of a link are no CID")]
    CidLength {
        /// All the bytes.
        length: usize,
    },
    /// A link that is not encoded as one.
    #[error("a link without the bytes of a CID behind a zero")]
    Link,
    /// A key that is no text.
    #[error("a key that is no text")]
    Key,
    /// Text that is none.
    #[error("text that is not UTF-8")]
    Text,
    /// More entries than can be counted.
    #[error("a map without end")]
    Endless,
    /// Maps and lists in each other.
    #[error("more than {DEPTH} maps and lists in each other")]
    Depth,
}

/// Where names lead from a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A link, behind this many of the names.
    Link(Cid, usize),
    /// A value within the block.
    Value,
    /// Nowhere.
    Nothing,
}

/// The links of a block, in their order.
///
/// # Errors
///
/// What was expected and found.
pub fn links(block: &[u8]) -> Result<Vec<Cid>, CborError> {
    let (mut input, mut links) = (Reader(block), Vec::new());
    input.skip(&mut |cid| links.push(cid))?;
    input.end()?;
    Ok(links)
}

/// Follows names through maps, and numbers through lists, to the first link.
///
/// # Errors
///
/// What was expected and found.
pub fn follow(block: &[u8], names: &[&str]) -> Result<Place, CborError> {
    let mut input = Reader(block);
    for (depth, name) in names.iter().enumerate() {
        match input.item()? {
            Item::Link(cid) => return Ok(Place::Link(cid, depth)),
            Item::Map(entries) => {
                if !input.enter(entries, name)? {
                    return Ok(Place::Nothing);
                }
            }
            Item::List(items) => match name.parse::<u64>() {
                // `007` is another name than `7`.
                Ok(at) if at < items && at.to_string() == *name => {
                    for _ in 0..at {
                        input.skip(&mut drop)?;
                    }
                }
                _ => return Ok(Place::Nothing),
            },
            Item::Text(_) | Item::Plain => return Ok(Place::Nothing),
        }
    }
    Ok(match input.item()? {
        Item::Link(cid) => Place::Link(cid, names.len()),
        _ => Place::Value,
    })
}

/// A value, or the head of one that has others inside.
enum Item<'a> {
    Text(&'a [u8]),
    /// This many values follow.
    List(u64),
    /// This many pairs of a key and a value follow.
    Map(u64),
    Link(Cid),
    /// Anything that nothing here looks at.
    Plain,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, announced: u64) -> Result<&'a [u8], CborError> {
        let cut = usize::try_from(announced).ok().and_then(|length| self.0.split_at_checked(length));
        let (bytes, rest) = cut.ok_or(CborError::Cut { announced, found: self.0.len() })?;
        self.0 = rest;
        Ok(bytes)
    }

    fn end(&self) -> Result<(), CborError> {
        if self.0.is_empty() { Ok(()) } else { Err(CborError::Behind { bytes: self.0.len() }) }
    }

    /// A head: the kind of value, its short form, and its number.
    fn head(&mut self) -> Result<(u8, u8, u64), CborError> {
        let first = self.take(1)?[0];
        let (kind, short) = (first >> 5, first & 0x1f);
        let number = match short {
            0..24 => u64::from(short),
            24..28 => self.take(1 << (short - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            _ => return Err(CborError::Head { byte: first }),
        };
        Ok((kind, short, number))
    }

    fn item(&mut self) -> Result<Item<'a>, CborError> {
        let (kind, short, number) = self.head()?;
        Ok(match (kind, short) {
            (0 | 1, _) => Item::Plain,
            (2, _) => self.take(number).map(|_| Item::Plain)?,
            (3, _) => Item::Text(self.take(number)?),
            (4, _) => Item::List(number),
            (5, _) => Item::Map(number),
            (6, _) if number == LINK => Item::Link(self.link()?),
            (6, _) => return Err(CborError::Tag { tag: number }),
            // false, true, null, and a float of 64 bits, whose bytes are the number.
            (_, 20..=22 | 27) => Item::Plain,
            _ => return Err(CborError::Simple { value: number }),
        })
    }

    /// What stands behind a link's tag: its CID's bytes, behind a zero.
    fn link(&mut self) -> Result<Cid, CborError> {
        let (kind, _, length) = self.head()?;
        match (kind, self.take(length)?) {
            (2, [0, bytes @ ..]) => {
                let cid = Cid::try_from(bytes).map_err(|source| CborError::NoCid { source })?;
                match cid.encoded_len() == bytes.len() {
                    true => Ok(cid),
                    false => Err(CborError::CidLength { length: bytes.len() }),
                }
            }
            _ => Err(CborError::Link),
        }
    }

    /// Goes into a map, to the value of a key. False if it has no such key.
    fn enter(&mut self, entries: u64, name: &str) -> Result<bool, CborError> {
        for _ in 0..entries {
            let Item::Text(key) = self.item()? else { return Err(CborError::Key) };
            if key == name.as_bytes() {
                return Ok(true);
            }
            self.skip(&mut drop)?;
        }
        Ok(false)
    }

    /// Goes past one value and all inside it, and tells its links.
    fn skip(&mut self, link: &mut dyn FnMut(Cid)) -> Result<(), CborError> {
        // Of each map or list that is open: values that are left, and whether every second is a key.
        let mut open: Vec<(u64, bool)> = Vec::new();
        loop {
            let is_key = open.last().is_some_and(|(left, is_map)| *is_map && left % 2 == 0);
            let inside = match self.item()? {
                Item::Text(text) if std::str::from_utf8(text).is_err() => return Err(CborError::Text),
                Item::Text(_) => None,
                _ if is_key => return Err(CborError::Key),
                Item::Link(cid) => {
                    link(cid);
                    None
                }
                Item::Plain => None,
                Item::List(items) => Some((items, false)),
                // Two values a pair; so many that they cannot be counted are not there.
                Item::Map(entries) => Some((entries.checked_mul(2).ok_or(CborError::Endless)?, true)),
            };
            if let Some((left, _)) = open.last_mut() {
                *left -= 1;
            }
            open.extend(inside);
            if open.len() > DEPTH {
                return Err(CborError::Depth);
            }
            while open.last().is_some_and(|(left, _)| *left == 0) {
                open.pop();
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ipld_core::codec::Links as _;
    use serde_ipld_dagcbor::codec::DagCborCodec;

    use super::*;
    use crate::cid;

    fn link_bytes(cid: &Cid) -> Vec<u8> {
        let bytes = cid.to_bytes();
        [&[0xd8, 42, 0x58, bytes.len() as u8 + 1, 0], &bytes[..]].concat()
    }

    /// `{"a": [1, <x>, {"b": <y>}], "c": 1.5, "d": h'00', "e": null}`
    fn document() -> (Vec<u8>, Cid, Cid) {
        let (x, y) = (cid::of(cid::RAW, b"x"), cid::of(cid::DAG_CBOR, b"y"));
        let (link_x, link_y) = (link_bytes(&x), link_bytes(&y));
        let float = [&[0xfb][..], &1.5f64.to_be_bytes()].concat();
        let parts: [&[u8]; 11] = [
            &[0xa4, 0x61, b'a', 0x83, 0x01],
            &link_x,
            &[0xa1, 0x61, b'b'],
            &link_y,
            &[0x61, b'c'],
            &float,
            &[0x61, b'd'],
            &[0x41, 0x00],
            &[0x61, b'e'],
            &[0xf6],
            &[],
        ];
        (parts.concat(), x, y)
    }

    #[test]
    fn links_and_paths_are_found() {
        let (block, x, y) = document();
        assert_eq!(links(&block).unwrap(), [x, y]);
        let check = |path: &str, place: Place| {
            let names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
            assert_eq!(follow(&block, &names).unwrap(), place, "{path}");
        };
        check("a/1", Place::Link(x, 2));
        check("a/1/more/names", Place::Link(x, 2));
        check("a/2/b", Place::Link(y, 3));
        for path in ["", "a", "a/0", "a/2", "c", "d", "e"] {
            check(path, Place::Value);
        }
        for path in ["b", "a/3", "a/01", "a/-1", "a/2/c", "c/0", "a/0/0", "a/18446744073709551616"] {
            check(path, Place::Nothing);
        }
    }

    #[test]
    fn the_library_finds_the_same_links_and_takes_what_is_no_dag_cbor() {
        let library = |block: &[u8]| DagCborCodec::links(block).map(Iterator::collect::<Vec<_>>);
        let (block, x, y) = document();
        let found = library(&block).unwrap().iter().map(ipld_core::cid::Cid::to_bytes).collect::<Vec<_>>();
        assert_eq!(found, [x.to_bytes(), y.to_bytes()]);
        let mut longer = link_bytes(&x);
        longer[3] += 1;
        longer.push(0);
        let behind: &[u8] = &[0x01, 0x02];
        let (number_as_key, short_float) = ([0xa1, 0x01, 0x02], [0xfa, 0x3f, 0xc0, 0x00, 0x00]);
        for block in [behind, &number_as_key, &short_float, &longer] {
            assert!(library(block).is_ok() && links(block).is_err(), "{block:02x?}");
        }
        // Lists in each other, which are counted twice there.
        let deep = [vec![0x81; 200], vec![0]].concat();
        assert!(library(&deep).is_err() && links(&deep).is_ok());
    }

    #[test]
    fn what_is_no_dag_cbor_is_refused() {
        let check = |block: &[u8], said: &str| {
            let error = links(block).unwrap_err().to_string();
            assert!(error.contains(said), "{error:?} does not say {said:?}");
        };
        check(&[], "1 bytes announced, 0 there");
        check(&[0x01, 0x02], "1 bytes behind");
        check(&[0x9f, 0xff], "known length");
        check(&[0x7f, 0x61, b'a', 0xff], "known length");
        check(&[0xc1, 0x00], "tag 1,");
        check(&[0xf9, 0x3c, 0x00], "short float");
        check(&[0xf7], "simple value");
        check(&[0xa1, 0x01, 0x02], "no text");
        check(&[0x61, 0xff], "UTF-8");
        check(&[0xd8, 42, 0x41, 0x00], "no CID");
        check(&[0xd8, 42, 0x60], "behind a zero");
        check(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "without end");
        check(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "1 bytes announced");
        check(&vec![0x81; 100_000], "in each other");
        let (block, ..) = document();
        for length in 0..block.len() {
            assert!(links(&block[..length]).is_err(), "{length}");
        }
    }
}
