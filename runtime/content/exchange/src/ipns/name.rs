//! IPNS names as text, in each of the forms that are in use.

use std::fmt;
use std::str::FromStr;

use cid::multibase::Base;
use cid::multihash::Multihash;
use pelago_dag::Cid;

use super::NameError;

/// The codec of a CID that names a key.
const LIBP2P_KEY: u64 = 0x72;
const SHA2_256: u64 = 0x12;
const IDENTITY: u64 = 0x00;
/// The longest key that stands in a name itself, bytes (peer id specification).
const INLINE_MAX: usize = 42;
/// The longest text that is read, bytes: paths included.
const TEXT_MAX: usize = 4096;
/// The longest domain (RFC 1035, 2.3.4).
const DOMAIN_MAX: usize = 253;

/// An IPNS name: the multihash of a public key, which is the key itself where it is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Multihash<128>);

/// Who says what an address under `/ipns/` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Who has the key.
    Key(Name),
    /// Who has the domain (DNSLink).
    Domain(String),
}

/// An address under `/ipns/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whose it is.
    pub owner: Owner,
    /// A path under what it stands for, without slashes at its ends; empty for that itself.
    pub path: String,
}

impl Name {
    /// The name that a multihash is.
    ///
    /// # Errors
    ///
    /// `Hash` where it is neither a SHA-256 nor a short key.
    pub(super) fn of(hash: Multihash<128>) -> Result<Self, NameError> {
        match (hash.code(), hash.digest().len()) {
            (SHA2_256, 32) | (IDENTITY, 1..=INLINE_MAX) => Ok(Self(hash)),
            (code, length) => Err(NameError::Hash { code, length }),
        }
    }

    /// The form in which peers are named, `12D3Koo…` or `Qm…`: all daemons read it.
    pub(super) fn to_peer_id(self) -> String {
        Base::Base58Btc.encode(self.0.to_bytes())
    }

    /// The serialized key, where the name is the key itself.
    pub(super) fn inline_key(&self) -> Option<&[u8]> {
        (self.0.code() == IDENTITY).then(|| self.0.digest())
    }

    /// Whether a serialized public key is the one that the name stands for.
    pub(super) fn is_of(&self, key: &[u8]) -> bool {
        use sha2::{Digest, Sha256};
        match self.inline_key() {
            Some(own) => own == key,
            None => Sha256::digest(key)[..] == *self.0.digest(),
        }
    }
}

impl fmt::Display for Name {
    /// As a CID of version 1 in base 36, `k51…`: the form that the specification recommends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Cid::new_v1(LIBP2P_KEY, self.0).to_string_of_base(Base::Base36Lower).map_err(|_| fmt::Error)?;
        f.pad(&text)
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads `k51…` (a CID with the codec `libp2p-key`, in any base), `12D3Koo…` and `Qm…` (peer ids).
    fn from_str(text: &str) -> Result<Self, NameError> {
        let unreadable = |reason: String| NameError::Text { text: shown(text), reason };
        if text.len() > TEXT_MAX {
            return Err(unreadable(format!("it has more than {TEXT_MAX} bytes")));
        }
        // As the peer id specification tells them apart.
        if text.starts_with("Qm") || text.starts_with('1') {
            let bytes = Base::Base58Btc.decode(text).map_err(|error| unreadable(error.to_string()))?;
            let hash = Multihash::from_bytes(&bytes).map_err(|error| unreadable(error.to_string()))?;
            return Self::of(hash);
        }
        let cid = Cid::try_from(text).map_err(|error| unreadable(error.to_string()))?;
        if cid.codec() != LIBP2P_KEY {
            return Err(NameError::Content { cid: Box::new(cid) });
        }
        Self::of(*cid.hash())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(name) => name.fmt(f),
            Self::Domain(domain) => f.pad(domain),
        }
    }
}

impl Address {
    /// Whether a user's word is an address of this kind: `ipns://…` or `/ipns/…`, or a bare `k51…` or `12D3Koo…`.
    /// A bare `Qm…` is content.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        let head = text.split_once('/').map_or(text, |(head, _)| head);
        strip(text).is_some() || (!head.starts_with("Qm") && head.parse::<Name>().is_ok())
    }
}

impl From<Name> for Address {
    fn from(name: Name) -> Self {
        Self { owner: Owner::Key(name), path: String::new() }
    }
}

impl fmt::Display for Address {
    /// `ipns://<name>/<path>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "ipns://{}", self.owner),
            path => write!(f, "ipns://{}/{path}", self.owner),
        }
    }
}

impl FromStr for Address {
    type Err = NameError;

    /// Reads `ipns://<name>`, `/ipns/<name>` or a bare name, each with a path behind it if wanted. After a
    /// prefix the name may be a domain.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let refused = |reason: &str| NameError::Text { text: shown(text), reason: reason.to_owned() };
        if text.len() > TEXT_MAX {
            return Err(refused("it is too long"));
        }
        let rest = strip(text);
        let (head, path) = rest.unwrap_or(text).split_once('/').unwrap_or((rest.unwrap_or(text), ""));
        let path = path.trim_matches('/');
        if !path.is_empty() && path.split('/').any(|part| matches!(part, "" | "." | "..") || part.contains('\0')) {
            return Err(refused("its path has an empty, `.` or `..` part"));
        }
        let owner = match head.parse::<Name>() {
            Ok(name) => Owner::Key(name),
            Err(NameError::Text { .. }) if rest.is_some() && is_domain(head) => Owner::Domain(head.to_lowercase()),
            Err(error) => return Err(error),
        };
        Ok(Self { owner, path: path.to_owned() })
    }
}

fn strip(text: &str) -> Option<&str> {
    text.strip_prefix("ipns://").or_else(|| text.strip_prefix("/ipns/"))
}

/// A domain of two labels at least, in ASCII.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= DOMAIN_MAX && text.contains('.') && text.split('.').all(label)
}

/// What is shown of a text that could not be read.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "k51qzi5uqu5dk6s0nvf30crb54ed2qvaip44zet12s0euv4m1iscfh5s1iaui8";
    const PEER: &str = "12D3KooWJq24bisMZxuwzhZmdbYHgvCm45AUSwy7irPn7md1ajrm";
    const RSA: &str = "QmWPpdTB6W8EkMjVVW4963CxXuyXA8YvftZYWram2RwHJt";

    fn read(text: &str) -> String {
        text.parse::<Address>().map_or_else(|error| format!("! {error}"), |address| address.to_string())
    }

    #[test]
    fn all_forms_of_a_name_are_one() {
        assert_eq!(read(KEY), format!("ipns://{KEY}"));
        assert_eq!(read(&format!("ipns://{KEY}/a/b/")), format!("ipns://{KEY}/a/b"));
        let name: Name = PEER.parse().unwrap();
        let cid = Cid::try_from(name.to_string()).unwrap();
        for base in [Base::Base32Lower, Base::Base36Lower, Base::Base58Btc] {
            let text = format!("/ipns/{}", cid.to_string_of_base(base).unwrap());
            assert_eq!(text.parse::<Address>().unwrap(), name.into(), "{text}");
        }
        assert!(read(&format!("/ipns/{RSA}")).starts_with("ipns://k2k4r8"));
        assert_eq!(read("ipns://Docs.IPFS.tech/x"), "ipns://docs.ipfs.tech/x");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "bert",
            "ipns://",
            "ipns://bert",
            "/ipns/-a.example",
            "docs.ipfs.tech",
            "ipns://a b.example",
            &format!("ipns://{KEY}/../x"),
            &format!("ipns://{KEY}/a//x"),
            "ipns://bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
            "k51qzi5uqu5dk6s0nvf30crb54ed2qvaip44zet12s0euv4m1iscfh5s1iaui",
        ] {
            assert!(read(text).starts_with("! "), "{text}: {}", read(text));
        }
        let content = read("/ipns/bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
        assert!(content.contains("ipfs://"), "{content}");
    }

    #[test]
    fn a_users_word_is_told_from_content() {
        assert!(Address::is_one(KEY) && Address::is_one(PEER) && Address::is_one("ipns://whatever"));
        assert!(Address::is_one(&format!("{KEY}/sub")));
        assert!(!Address::is_one(RSA) && !Address::is_one("bert") && !Address::is_one("bafkqaaa"));
    }
}
