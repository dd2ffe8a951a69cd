//! Public keys as libp2p writes them, and their signatures
//! (<https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#keys>).

use prost::Message as _;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::RecordError;

/// Kinds of key, by their numbers.
const RSA: i32 = 0;
const ED25519: i32 = 1;
const SECP256K1: i32 = 2;
const ECDSA: i32 = 3;
/// DER of a public key on P-256 up to its point (RFC 5480, 2): algorithm `ecPublicKey` with `prime256v1`, a bit string.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// DER of the algorithm `rsaEncryption` without parameters (RFC 3279, 2.3.1).
const RSA_ALGORITHM: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

#[derive(Clone, PartialEq, prost::Message)]
struct Serialized {
    #[prost(int32, optional, tag = "1")]
    kind: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "2")]
    data: Option<Vec<u8>>,
}

/// Checks a signature by a serialized public key.
pub(super) fn verify(key: &[u8], message: &[u8], by: &[u8]) -> Result<(), RecordError> {
    let unreadable = |reason: &str| RecordError::Malformed { reason: reason.to_owned() };
    let key = Serialized::decode(key).map_err(|error| unreadable(&format!("its key: {error}")))?;
    let (Some(kind), Some(data)) = (key.kind, key.data) else {
        return Err(unreadable("its key has no type or no data"));
    };
    let other = |kind: &str| Err(RecordError::KeyType { kind: kind.to_owned() });
    let (algorithm, point): (&'static dyn VerificationAlgorithm, &[u8]) = match kind {
        ED25519 => (&signature::ED25519, &data),
        RSA => {
            let inner = rsa_key(&data).ok_or_else(|| unreadable("its RSA key is not in PKIX form"))?;
            (&signature::RSA_PKCS1_2048_8192_SHA256, inner)
        }
        ECDSA => match data.strip_prefix(P256_PREFIX) {
            Some(point) => (&signature::ECDSA_P256_SHA256_ASN1, point),
            None => return other("ECDSA not on P-256, or not in PKIX form"),
        },
        SECP256K1 => return other("Secp256k1"),
        number => return other(&format!("of the unknown type {number}")),
    };
    UnparsedPublicKey::new(algorithm, point).verify(message, by).map_err(|_| RecordError::Signature)
}

/// The key itself (PKCS #1) in an RSA key's PKIX form: a sequence of an algorithm and a bit string.
fn rsa_key(pkix: &[u8]) -> Option<&[u8]> {
    let (whole, rest) = element(pkix, SEQUENCE)?;
    let bits = whole.strip_prefix(RSA_ALGORITHM)?;
    let (bits, after) = element(bits, BIT_STRING)?;
    // No bits of the last byte are unused.
    let key = bits.strip_prefix(&[0])?;
    (rest.is_empty() && after.is_empty()).then_some(key)
}

/// The content of the DER element of this tag that bytes begin with, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    rest.split_at_checked(length)
}
