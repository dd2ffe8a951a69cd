//! The two headers: that of version 1, in DAG-CBOR, and the fixed one that version 2 puts before it.

use serde::{Deserialize, Serialize};

use super::CarError;
use crate::Cid;

/// The header of version 1; of version 2's opening it is the first key alone.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) roots: Option<Vec<Cid>>,
    pub(super) version: u64,
}

impl Header {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CarError> {
        let wrong = |reason: &str| CarError::Header { reason: reason.to_owned() };
        let header: Self = serde_ipld_dagcbor::from_slice(bytes)
            .map_err(|_| wrong("a map of `roots` and `version` in DAG-CBOR was expected"))?;
        match (header.version, &header.roots) {
            (1, Some(_)) | (2, None) => {}
            (1, None) => return Err(wrong("it has no list of roots")),
            (2, Some(_)) => return Err(wrong("version 2 opens without roots")),
            (found, _) => return Err(CarError::Version { found }),
        }
        // DAG-CBOR has one form for each value; the decoder is laxer than that.
        match serde_ipld_dagcbor::to_vec(&header) {
            Ok(again) if again == bytes => Ok(header),
            _ => Err(wrong("it is CBOR, but not in the one form that DAG-CBOR has for it")),
        }
    }

    pub(super) fn encode(roots: &[Cid]) -> Result<Vec<u8>, CarError> {
        let header = Self { roots: Some(roots.to_vec()), version: 1 };
        serde_ipld_dagcbor::to_vec(&header).map_err(|e| CarError::Header { reason: e.to_string() })
    }
}

/// Bytes of version 2's fixed header: 16 of characteristics, then three numbers.
pub(super) const V2_LENGTH: usize = 40;
/// Bytes before which version 2's data cannot begin: its opening (11) and its fixed header.
const V2_FIRST: u64 = 11 + V2_LENGTH as u64;

/// Where version 2 says that its data, a CAR of version 1, lies.
pub(super) struct V2 {
    /// The data's first byte, from the file's first.
    pub(super) offset: u64,
    /// The data's length, bytes.
    pub(super) size: u64,
}

impl V2 {
    pub(super) fn decode(bytes: &[u8; V2_LENGTH]) -> Result<Self, CarError> {
        let number = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        let found = Self { offset: number(16), size: number(24) };
        if found.offset < V2_FIRST || found.offset.checked_add(found.size).is_none() {
            return Err(CarError::Header {
                reason: format!("its data cannot be {} bytes from byte {}", found.size, found.offset),
            });
        }
        Ok(found)
    }
}
