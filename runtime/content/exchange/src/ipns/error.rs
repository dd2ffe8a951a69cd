//! Why a name, a record or an answer about one is refused.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pelago_dag::{BlockError, Cid};

use super::{NameSourceKind, RECORD_MAX};
use crate::retrieve::ProviderError;

/// Why a text is no IPNS name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It cannot be read.
    #[error("{text:?} is no IPNS name ({reason}): write ipns:// and a key such as k51… or 12D3Koo…")]
    Text {
        /// The text, or its beginning.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is a CID of content.
    #[error("{cid} names content, not a key: write ipfs://{cid}")]
    Content {
        /// The CID.
        cid: Box<Cid>,
    },
    /// Its hash is none that names have.
    #[error("a name is a SHA-256 or a key of at most 42 bytes; this is hash 0x{code:x} of {length} bytes")]
    Hash {
        /// The hash function, as multihash numbers it.
        code: u64,
        /// Bytes of the digest.
        length: usize,
    },
}

/// Why a record is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is larger than records may be.
    #[error("the record has {length} bytes, at most {RECORD_MAX} are accepted")]
    TooLarge {
        /// Its bytes.
        length: usize,
    },
    /// It cannot be read.
    #[error("the record cannot be read: {reason}")]
    Malformed {
        /// What was expected and found.
        reason: String,
    },
    /// It has no signature of version 2, or none of the data that it signs: a record as before 2021.
    #[error("the record has no {missing}: its publisher's software is from before 2021 and must be renewed")]
    Unsigned {
        /// What is missing.
        missing: &'static str,
    },
    /// The key in it is not that of the name, or there is none.
    #[error("the record's key is not the one that the name stands for")]
    WrongKey,
    /// A kind of key that is not verified here.
    #[error("the name's key is {kind}, which is not supported: Ed25519, RSA of 2048 bits or more, and ECDSA P-256 are")]
    KeyType {
        /// The kind.
        kind: String,
    },
    /// The signature is not that of the key.
    #[error("the record's signature is wrong: it was changed, or is not by the name's owner")]
    Signature,
    /// A field outside the signature says something else than the signed one.
    #[error("the record's field {field} is not what was signed")]
    Disagrees {
        /// The field.
        field: &'static str,
    },
    /// It is over.
    #[error("the record was valid until {until}: its publisher has to renew it")]
    Expired {
        /// When it ended.
        until: DateTime<Utc>,
    },
}

/// A source that gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {source_name}: {}", match reason { Some(reason) => reason.to_string(), None => "knows no record".to_owned() })]
pub struct Unanswered {
    /// Its address.
    pub source_name: String,
    /// What it is.
    pub kind: NameSourceKind,
    /// Why; `None` where it knows no record of the name.
    pub reason: Option<AnswerError>,
}

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The source could not be asked.
    #[error(transparent)]
    Source(#[from] ProviderError),
    /// The record that it gave is refused.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why a name leads to no content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// Nobody can be asked.
    #[error("nobody can be asked what {name} stands for: name a router=URL, a gateway=URL or a kubo=URL")]
    NoSources {
        /// The name.
        name: String,
    },
    /// A domain, and no Kubo daemon that would look it up.
    #[error(
        "{domain} is a domain, and DNSLink is looked up by a Kubo daemon alone: name one as kubo=URL, or use the \
         publisher's key (ipns://k51…)"
    )]
    DnsLink {
        /// The domain.
        domain: String,
    },
    /// No source gives a record that is valid.
    #[error("no source says what {name} stands for: {}", list(asked))]
    NotFound {
        /// The name.
        name: String,
        /// Each source and what it said.
        asked: Vec<Unanswered>,
    },
    /// All sources took too long.
    #[error("no source said within {} s what {name} stands for: try again", waited.as_secs_f32())]
    Silent {
        /// The name.
        name: String,
        /// How long it was waited.
        waited: Duration,
    },
    /// What it stands for cannot be used.
    #[error("{name} stands for {value:?}, which is not content that can be fetched: {reason}")]
    Value {
        /// The name.
        name: String,
        /// The record's value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The content that it stands for is of a kind that cannot be verified.
    #[error("{name} stands for what cannot be verified here: {source}")]
    Content {
        /// The name.
        name: String,
        /// Why not.
        source: BlockError,
    },
    /// Names that stand for names, without an end.
    #[error("{name} leads through more than {limit} other names: refused")]
    TooDeep {
        /// The first name.
        name: String,
        /// The limit.
        limit: usize,
    },
}

fn list(asked: &[Unanswered]) -> String {
    asked.iter().map(Unanswered::to_string).collect::<Vec<_>>().join("; ")
}
