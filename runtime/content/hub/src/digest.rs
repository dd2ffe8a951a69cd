//! The hashes by which origins name a file's bytes.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::OriginError;

/// A published hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// Of the bytes; the hub gives it for files in its large-file storage.
    Sha256([u8; 32]),
    /// Of `blob <length>\0` and the bytes: the name of a file in git. SHA-1 is no longer proof
    /// against somebody who made both files, who could as well publish the one in the first place.
    GitBlob([u8; 20]),
}

impl Digest {
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitBlob(_) => "git blob SHA-1",
        }
    }

    pub(super) fn hex(&self) -> String {
        match self {
            Self::Sha256(bytes) => hex::encode(bytes),
            Self::GitBlob(bytes) => hex::encode(bytes),
        }
    }
}

/// A hash being made.
#[derive(Clone)]
pub(super) enum Hasher {
    Sha256(Sha256),
    GitBlob(Sha1),
}

impl Hasher {
    /// One that gives the SHA-256 where nothing was published. A git blob's needs the length first.
    pub(super) fn new(expected: Option<&Digest>, size: u64) -> Self {
        match expected {
            Some(Digest::GitBlob(_)) => Self::GitBlob(Sha1::new_with_prefix(format!("blob {size}\0"))),
            Some(Digest::Sha256(_)) | None => Self::Sha256(Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::GitBlob(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::GitBlob(hasher) => Digest::GitBlob(hasher.finalize().into()),
        }
    }
}

/// Refuses bytes that are not those that were published.
pub(super) fn check(file: &str, expected: Option<&Digest>, actual: &Digest) -> Result<(), OriginError> {
    match expected {
        Some(expected) if expected != actual => Err(OriginError::Hash {
            file: file.to_owned(),
            algorithm: expected.algorithm(),
            expected: expected.hex(),
            actual: actual.hex(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_named_as_git_names_it() {
        // `printf hello | git hash-object --stdin`
        let mut hasher = Hasher::new(Some(&Digest::GitBlob([0; 20])), 5);
        hasher.update(b"he");
        hasher.update(b"llo");
        assert_eq!(hasher.finish().hex(), "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
        // The empty blob.
        let hasher = Hasher::new(Some(&Digest::GitBlob([0; 20])), 0);
        assert_eq!(hasher.finish().hex(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }
}
