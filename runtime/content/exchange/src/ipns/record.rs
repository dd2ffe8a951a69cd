//! One record: read, and verified against the name that it is for.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use pelago_dag::Cid;
use prost::Message as _;
use serde::Deserialize;

use super::{Address, Name, RECORD_MAX, RecordError, key};

/// What is signed begins with this.
const SIGNED: &[u8] = b"ipns-signature:";
/// The one validity type that there is: an end.
const EOL: u64 = 0;

/// What a name's owner says it stands for. Its signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the name stands for: `/ipfs/…` or `/ipns/…`.
    pub value: String,
    /// Until when that is to be believed.
    pub valid_until: DateTime<Utc>,
    /// Its number: a later record of the name has a higher one.
    pub sequence: u64,
    /// How long it may be remembered before it is asked for again.
    pub ttl: Duration,
}

/// What a record's value leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Content.
    Content {
        /// The root.
        cid: Cid,
        /// A path under it, without slashes at its ends.
        path: String,
    },
    /// Another name.
    Name(Address),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Entry {
    #[prost(bytes = "bytes", optional, tag = "1")]
    value: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    signature_v1: Option<Bytes>,
    #[prost(uint64, optional, tag = "3")]
    validity_type: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    validity: Option<Bytes>,
    #[prost(uint64, optional, tag = "5")]
    sequence: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    ttl: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "7")]
    key: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    signature: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    data: Option<Bytes>,
}

/// What is signed. Publishers may add fields of their own.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    value: Bytes,
    validity: Bytes,
    validity_type: u64,
    sequence: u64,
    #[serde(rename = "TTL")]
    ttl: u64,
}

impl Record {
    /// Reads a record (`application/vnd.ipfs.ipns-record`) and verifies that the name's owner made it, in the
    /// steps and the order of the specification.
    ///
    /// # Errors
    ///
    /// `TooLarge`, `Malformed`, `Unsigned`; `WrongKey`, `KeyType`, `Signature`; `Disagrees`; `Expired`.
    pub fn verify(name: &Name, bytes: &[u8], now: DateTime<Utc>) -> Result<Self, RecordError> {
        let malformed = |reason: String| RecordError::Malformed { reason };
        if bytes.len() > RECORD_MAX {
            return Err(RecordError::TooLarge { length: bytes.len() });
        }
        let entry = Entry::decode(bytes).map_err(|error| malformed(error.to_string()))?;
        let part = |part: &Option<Bytes>, missing| {
            part.clone().filter(|part| !part.is_empty()).ok_or(RecordError::Unsigned { missing })
        };
        let (signature, signed) = (part(&entry.signature, "signature")?, part(&entry.data, "signed data")?);
        let own = entry.key.as_deref().filter(|key| !key.is_empty()).or_else(|| name.inline_key());
        let own = own.filter(|key| name.is_of(key)).ok_or(RecordError::WrongKey)?;
        key::verify(own, &[SIGNED, &signed].concat(), &signature)?;
        let data: Data = serde_ipld_dagcbor::from_slice(&signed).map_err(|error| malformed(error.to_string()))?;
        entry.agrees_with(&data)?;

        if data.validity_type != EOL {
            return Err(malformed(format!("its validity is of type {}, {EOL} was expected", data.validity_type)));
        }
        let text = |bytes: &[u8], what| {
            std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| malformed(format!("its {what} is no text")))
        };
        let valid_until = DateTime::parse_from_rfc3339(&text(&data.validity, "validity")?)
            .map_err(|error| malformed(format!("its validity is no RFC 3339 date: {error}")))?
            .to_utc();
        if valid_until <= now {
            return Err(RecordError::Expired { until: valid_until });
        }
        let value = text(&data.value, "value")?;
        Ok(Self { value, valid_until, sequence: data.sequence, ttl: Duration::from_nanos(data.ttl) })
    }

    /// Whether this one is to be used rather than another of the same name: the higher sequence, then the
    /// longer validity.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.sequence, self.valid_until) > (other.sequence, other.valid_until)
    }
}

impl Entry {
    /// Fields of version 1 are not signed by what is verified, so nothing may be read there that was not.
    fn agrees_with(&self, data: &Data) -> Result<(), RecordError> {
        let is_there = |part: &Option<Bytes>| part.as_ref().is_some_and(|part| !part.is_empty());
        if !is_there(&self.signature_v1) && !is_there(&self.value) {
            return Ok(());
        }
        let same = |own: &Option<Bytes>, signed: &Bytes| own.as_deref().unwrap_or_default() == &signed[..];
        let fields = [
            ("value", same(&self.value, &data.value)),
            ("validity", same(&self.validity, &data.validity)),
            ("validityType", self.validity_type.unwrap_or_default() == data.validity_type),
            ("sequence", self.sequence.unwrap_or_default() == data.sequence),
            ("ttl", self.ttl.unwrap_or_default() == data.ttl),
        ];
        match fields.into_iter().find(|(_, agrees)| !agrees) {
            Some((field, _)) => Err(RecordError::Disagrees { field }),
            None => Ok(()),
        }
    }
}

/// The record to use, of several of one name.
#[must_use]
pub fn newest(records: impl IntoIterator<Item = Record>) -> Option<Record> {
    records.into_iter().reduce(|best, next| if next.is_newer_than(&best) { next } else { best })
}
