//! IPNS records made by others and by hand, and names resolved through servers.

#![allow(clippy::unwrap_used, reason = "a test may panic and say why")]

mod peers;
mod records;
mod resolving;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pelago_exchange::ipns::Name;
use prost::Message as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};

/// A record that Helia made: `tests/peers/ipns-serve.js` wrote `records.json`.
#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) what: String,
    pub(crate) name: String,
    record: String,
}

impl Made {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.record).unwrap()
    }
}

pub(crate) fn by_helia() -> BTreeMap<String, Made> {
    let all: Vec<Made> = serde_json::from_str(include_str!("records.json")).unwrap();
    all.into_iter().map(|made| (made.what.clone(), made)).collect()
}

/// A record in the making. What is signed is what `data` says.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Entry {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(crate) value: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) signature_v1: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) validity_type: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(crate) validity: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) sequence: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub(crate) ttl: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "7")]
    pub(crate) key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) signature: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(crate) data: Option<Vec<u8>>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Data {
    #[serde(rename = "TTL")]
    pub(crate) ttl: u64,
    pub(crate) value: bytes::Bytes,
    pub(crate) sequence: u64,
    pub(crate) validity: bytes::Bytes,
    pub(crate) validity_type: u64,
}

pub(crate) const FOREVER: &str = "2199-12-31T23:59:59.123456789Z";

impl Data {
    pub(crate) fn new(value: &str, sequence: u64) -> Self {
        let (value, validity) = (value.to_owned().into(), bytes::Bytes::from_static(FOREVER.as_bytes()));
        Self { ttl: 60_000_000_000, value, sequence, validity, validity_type: 0 }
    }
}

/// Who has a name.
pub(crate) struct Publisher(Ed25519KeyPair);

impl Publisher {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    /// The key as libp2p writes it.
    pub(crate) fn key(&self) -> Vec<u8> {
        [&[8, 1, 18, 32], self.0.public_key().as_ref()].concat()
    }

    pub(crate) fn name(&self) -> Name {
        named(0, &self.key())
    }

    pub(crate) fn sign(&self, data: Vec<u8>) -> Entry {
        let signature = self.0.sign(&[b"ipns-signature:", &data[..]].concat()).as_ref().to_vec();
        Entry { signature: Some(signature), data: Some(data), ..Entry::default() }
    }

    /// A record of version 2.
    pub(crate) fn record(&self, data: &Data) -> Entry {
        self.sign(serde_ipld_dagcbor::to_vec(data).unwrap())
    }

    pub(crate) fn publish(&self, value: &str, sequence: u64) -> Vec<u8> {
        self.record(&Data::new(value, sequence)).encode_to_vec()
    }
}

/// The name that a digest is, by the number of its hash.
pub(crate) fn named(hash: u64, digest: &[u8]) -> Name {
    let hash = cid::multihash::Multihash::wrap(hash, digest).unwrap();
    cid::Cid::new_v1(0x72, hash).to_string().parse().unwrap()
}
