//! CIDs: made, checked against bytes, and read from text.

use std::path::Path;

use cid::multihash::Multihash;
use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::blocks::BLOCK_MAX;

pub(crate) const RAW: u64 = 0x55;
pub(crate) const DAG_PB: u64 = 0x70;
pub(crate) const DAG_CBOR: u64 = 0x71;
const SHA2_256: u64 = 0x12;
const IDENTITY: u64 = 0x00;
/// The longest digest of an identity CID that is accepted (UnixFS specification).
const IDENTITY_MAX: usize = 128;

/// A content identifier, with room for the longest digest that is accepted: `cid::Cid` has 64 bytes of it,
/// and an identity CID may carry 128.
pub type Cid = cid::CidGeneric<IDENTITY_MAX>;

/// The CIDv1 of a block with sha2-256.
pub(crate) fn of(codec: u64, bytes: &[u8]) -> Cid {
    of_hash(codec, Sha256::new_with_prefix(bytes))
}

/// The same of a block that was hashed piece by piece.
pub(crate) fn of_hash(codec: u64, hasher: Sha256) -> Cid {
    let digest: [u8; 32] = hasher.finalize().into();
    // 32 bytes always fit into a `Multihash`.
    match Multihash::wrap(SHA2_256, &digest) {
        Ok(hash) => Cid::new_v1(codec, hash),
        Err(_) => unreachable!("a sha2-256 digest fits into a multihash"),
    }
}

/// The CIDv0 of a dag-pb block.
pub(crate) fn of_v0(bytes: &[u8]) -> Cid {
    to_v0(&of(DAG_PB, bytes))
}

/// The CIDv0 of a CID that has one, otherwise the CID.
pub(crate) fn to_v0(cid: &Cid) -> Cid {
    if cid.codec() == DAG_PB { Cid::new_v0(*cid.hash()).unwrap_or(*cid) } else { *cid }
}

/// The CIDv1 of a CID: under it a block is kept, so that `Qm…` and `bafybei…` are one block.
pub(crate) fn to_v1(cid: &Cid) -> Cid {
    Cid::new_v1(cid.codec(), *cid.hash())
}

/// The bytes of [`to_v1`].
pub(crate) fn key(cid: &Cid) -> Vec<u8> {
    to_v1(cid).to_bytes()
}

/// Whether the bytes are those that the CID names.
pub(crate) fn matches(cid: &Cid, bytes: &[u8]) -> bool {
    cid.hash().code() == SHA2_256 && Sha256::digest(bytes)[..] == *cid.hash().digest()
}

/// Refuses bytes from others that are not those that the CID names. What they mean, the CID's codec, is not asked.
///
/// # Errors
///
/// `Unsupported`, `WrongBlock`.
pub fn verify(cid: &Cid, bytes: &[u8]) -> Result<(), StoreError> {
    check_hash(cid)?;
    let wrong = |reason| Err(StoreError::WrongBlock { cid: Box::new(*cid), reason });
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
pub(crate) fn check_hash(cid: &Cid) -> Result<(), StoreError> {
    let hash = cid.hash();
    match hash.code() {
        SHA2_256 if hash.digest().len() == 32 => Ok(()),
        IDENTITY if hash.digest().len() <= IDENTITY_MAX => Ok(()),
        code => Err(StoreError::Unsupported { cid: Box::new(*cid), what: "hash", code }),
    }
}

/// Refuses CIDs of what is no UnixFS: files and folders are kept, blocks of other codecs only handed on.
pub(crate) fn check_supported(cid: &Cid) -> Result<(), StoreError> {
    check_hash(cid)?;
    match cid.codec() {
        RAW | DAG_PB => Ok(()),
        code => Err(unsupported_codec(cid, code)),
    }
}

/// The error for a codec whose links are not followed.
pub(crate) fn unsupported_codec(cid: &Cid, code: u64) -> StoreError {
    StoreError::Unsupported { cid: Box::new(*cid), what: "codec", code }
}

/// The bytes of an identity CID, which carries them itself.
pub(crate) fn inline(cid: &Cid) -> Option<&[u8]> {
    (cid.hash().code() == IDENTITY).then(|| cid.hash().digest())
}

/// What an address of a gateway stands for: `https://host/ipfs/<cid>/path` and `https://<cid>.ipfs.host/path` as
/// `<cid>/path`. The gateway itself is not asked more than any other, and its bytes are verified like any.
#[must_use]
pub fn of_gateway(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some(address) = path.strip_prefix("ipfs/") {
        return Some(address.to_owned());
    }
    let (cid, domain) = host.split_once('.')?;
    domain.starts_with("ipfs.").then(|| format!("{cid}/{path}"))
}

/// Reads `<cid>`, `ipfs://<cid>`, `/ipfs/<cid>` or the address of a gateway, each with a path behind it
/// if wanted, into the CID and the path (without slashes at its ends). A CID may be in any base of multibase.
///
/// # Errors
///
/// `Address` if the text is none of these; `Unsupported` if the CID cannot be verified here.
pub fn parse_address(text: &str) -> Result<(Cid, String), StoreError> {
    let of_gateway = of_gateway(text);
    let rest = text.strip_prefix("ipfs://").or_else(|| text.strip_prefix("/ipfs/"));
    let rest = rest.or(of_gateway.as_deref()).unwrap_or(text);
    let (head, path) = rest.split_once('/').unwrap_or((rest, ""));
    let cid = Cid::try_from(head)
        .map_err(|source| StoreError::Address { text: text.to_owned(), reason: source.to_string() })?;
    check_supported(&cid)?;
    let path = path.trim_matches('/');
    if !path.is_empty() && path.split('/').any(|part| matches!(part, "" | "." | "..") || part.contains('\0')) {
        return Err(StoreError::Address {
            text: text.to_owned(),
            reason: "its path has an empty, `.` or `..` part".to_owned(),
        });
    }
    Ok((cid, path.to_owned()))
}

/// The CIDs that files of a folder bear as names: pins, and claims of the living and the dead.
pub(crate) fn named_in(folder: &Path) -> Result<Vec<Cid>, StoreError> {
    let io = |e| StoreError::io("list", folder, e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        found.extend(name.to_str().and_then(|name| Cid::try_from(name).ok()));
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cid::multibase::Base;

    use super::*;

    const CID: &str = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

    #[test]
    fn a_gateways_address_is_the_content_that_it_names() {
        let (cid, _) = parse_address(CID).unwrap();
        let same = [
            format!("ipfs://{CID}/onnx/model.onnx"),
            format!("/ipfs/{CID}/onnx/model.onnx/"),
            format!("https://gateway.example/ipfs/{CID}/onnx/model.onnx?download=true#top"),
            format!("http://127.0.0.1:8080/ipfs/{CID}/onnx/model.onnx"),
            format!("https://{CID}.ipfs.gateway.example/onnx/model.onnx"),
        ];
        for text in same {
            assert_eq!(parse_address(&text).unwrap(), (cid, "onnx/model.onnx".to_owned()), "{text}");
        }
        for other in ["https://host/model.onnx", "https://host/a/ipfs/b", "hf://org/name", "https://ipfs.example/x"] {
            assert_eq!(of_gateway(other), None, "{other}");
        }
        assert!(parse_address("https://host/ipfs/nothing").is_err());
    }

    #[test]
    fn a_cid_may_be_in_any_base() {
        let (cid, _) = parse_address(CID).unwrap();
        for base in [
            Base::Base16Lower,
            Base::Base16Upper,
            Base::Base32Upper,
            Base::Base36Lower,
            Base::Base58Btc,
            Base::Base64Url,
        ] {
            let text = cid.to_string_of_base(base).unwrap();
            assert_eq!(parse_address(&text).unwrap().0, cid, "{text}");
            assert_eq!(parse_address(&format!("ipfs://{text}")).unwrap().0, cid, "{text}");
        }
    }
}
