//! CIDs: made of bytes, checked against bytes, and read from addresses.

mod address;

use ::cid::multihash::Multihash;
use sha2::{Digest, Sha256};

pub use address::{of_gateway, parse_address};

pub use crate::limits::Cid;

use crate::BlockError;
use crate::limits::{BLOCK_MAX, IDENTITY_MAX};

/// The multicodec of raw bytes.
pub const RAW: u64 = 0x55;
/// The multicodec of dag-pb, the nodes of UnixFS.
pub const DAG_PB: u64 = 0x70;
/// The multicodec of dag-cbor.
pub const DAG_CBOR: u64 = 0x71;
const SHA2_256: u64 = 0x12;
const IDENTITY: u64 = 0x00;

/// The CIDv1 of a block with sha2-256.
pub fn of(codec: u64, bytes: &[u8]) -> Cid {
    of_hash(codec, Sha256::new_with_prefix(bytes))
}

/// The same of a block that was hashed piece by piece.
pub fn of_hash(codec: u64, hasher: Sha256) -> Cid {
    let digest: [u8; 32] = hasher.finalize().into();
    // 32 bytes always fit into a `Multihash`.
    match Multihash::wrap(SHA2_256, &digest) {
        Ok(hash) => Cid::new_v1(codec, hash),
        Err(_) => unreachable!("a sha2-256 digest fits into a multihash"),
    }
}

/// The CIDv0 of a dag-pb block.
pub fn of_v0(bytes: &[u8]) -> Cid {
    to_v0(&of(DAG_PB, bytes))
}

/// The CIDv0 of a CID that has one, otherwise the CID.
pub fn to_v0(cid: &Cid) -> Cid {
    if cid.codec() == DAG_PB { Cid::new_v0(*cid.hash()).unwrap_or(*cid) } else { *cid }
}

/// The CIDv1 of a CID: under it a block is kept, so that `Qm…` and `bafybei…` are one block.
pub fn to_v1(cid: &Cid) -> Cid {
    Cid::new_v1(cid.codec(), *cid.hash())
}

/// The bytes of [`to_v1`].
pub fn key(cid: &Cid) -> Vec<u8> {
    to_v1(cid).to_bytes()
}

/// Whether the bytes are those that the CID names.
pub fn matches(cid: &Cid, bytes: &[u8]) -> bool {
    cid.hash().code() == SHA2_256 && Sha256::digest(bytes)[..] == *cid.hash().digest()
}

/// Refuses bytes from others that are not those that the CID names. What they mean, the CID's codec, is not asked.
///
/// # Errors
///
/// `Unsupported`, `WrongBlock`.
pub fn verify(cid: &Cid, bytes: &[u8]) -> Result<(), BlockError> {
    check_hash(cid)?;
    let wrong = |reason| Err(BlockError::WrongBlock { cid: Box::new(*cid), reason });
    if bytes.len() as u64 > BLOCK_MAX {
        return wrong(format!("{} bytes, a block has at most {BLOCK_MAX}", bytes.len()));
    }
    match inline(cid) {
        Some(own) if own == bytes => Ok(()),
        None if matches(cid, bytes) => Ok(()),
        _ => wrong(format!("its bytes are those of {}", of(cid.codec(), bytes))),
    }
}

/// Refuses CIDs whose blocks cannot be verified here.
pub fn check_hash(cid: &Cid) -> Result<(), BlockError> {
    let hash = cid.hash();
    match hash.code() {
        SHA2_256 if hash.digest().len() == 32 => Ok(()),
        IDENTITY if hash.digest().len() <= IDENTITY_MAX => Ok(()),
        code => Err(BlockError::Unsupported { cid: Box::new(*cid), what: "hash", code }),
    }
}

/// Refuses CIDs of what is no UnixFS: files and folders are kept, blocks of other codecs only handed on.
pub fn check_supported(cid: &Cid) -> Result<(), BlockError> {
    check_hash(cid)?;
    match cid.codec() {
        RAW | DAG_PB => Ok(()),
        code => Err(unsupported_codec(cid, code)),
    }
}

/// The error for a codec whose links are not followed.
pub fn unsupported_codec(cid: &Cid, code: u64) -> BlockError {
    BlockError::Unsupported { cid: Box::new(*cid), what: "codec", code }
}

/// The bytes of an identity CID, which carries them itself.
pub fn inline(cid: &Cid) -> Option<&[u8]> {
    (cid.hash().code() == IDENTITY).then(|| cid.hash().digest())
}
