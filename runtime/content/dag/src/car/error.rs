//! What can be wrong with a CAR file, and at which byte.

use crate::{BlockError, Cid};

/// An error while a CAR file is read or written. `at` is counted in bytes from the file's first.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarError {
    /// The bytes could not be read.
    #[error("the CAR could not be read on at byte {at}: {source}")]
    Read {
        /// Where, bytes.
        at: u64,
        /// What the source of the bytes said.
        source: std::io::Error,
    },
    /// The bytes could not be written.
    #[error("the CAR could not be written on at byte {at}: {source}")]
    Write {
        /// Where, bytes.
        at: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes end where more were announced.
    #[error("the CAR ends at byte {at}, within {what}: it is cut off; fetch or export it again")]
    Truncated {
        /// Where it ends, bytes.
        at: u64,
        /// What it ends within, e.g. `a block`.
        what: &'static str,
    },
    /// A length that is not a varint as CAR has them: minimal, of at most nine bytes.
    #[error("the CAR has no valid length at byte {at} ({reason}): it is damaged")]
    Length {
        /// Where it begins, bytes.
        at: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A part that is longer than what is accepted.
    #[error("the CAR announces {what} of {length} bytes at byte {at}, at most {limit} are accepted")]
    TooLong {
        /// Where it begins, bytes.
        at: u64,
        /// What is too long.
        what: &'static str,
        /// Its length, bytes.
        length: u64,
        /// The most that is accepted, bytes.
        limit: u64,
    },
    /// The header is not one.
    #[error("the CAR's header is not valid ({reason}): is this a CAR file?")]
    Header {
        /// What is wrong with it.
        reason: String,
    },
    /// A version that is not known.
    #[error("the CAR has version {found}, versions 1 and 2 are read: export it again as version 1")]
    Version {
        /// The version found.
        found: u64,
    },
    /// A block's CID is not one.
    #[error("the CAR has no valid CID at byte {at}: {source}")]
    Cid {
        /// Where it begins, bytes.
        at: u64,
        /// What is wrong with it.
        source: cid::Error,
    },
    /// A block's bytes are not those that its CID names, or cannot be verified.
    #[error("the CAR has a block at byte {at} that is refused: {source}")]
    Block {
        /// Where its section begins, bytes.
        at: u64,
        /// Why it is refused.
        source: BlockError,
    },
    /// The reader has failed before; what follows in its bytes means nothing.
    #[error("the CAR was given up at byte {at}: open it anew")]
    GivenUp {
        /// Where, bytes.
        at: u64,
    },
    /// The CAR has no root, so there is nothing to import.
    #[error("the CAR names no root: export it again with the model's CID as its root")]
    NoRoot,
    /// More blocks than one DAG may have.
    #[error("the CAR has more than {limit} blocks: export the model in parts")]
    TooMany {
        /// The most that are accepted.
        limit: usize,
    },
    /// A block under a root is not in the CAR.
    #[error("the CAR lacks block {cid}, which its root needs: export it again, whole")]
    Missing {
        /// The block.
        cid: Box<Cid>,
    },
    /// A block that is under none of the roots.
    #[error("the CAR has block {cid} at byte {at}, which is under none of its roots: refused")]
    Extra {
        /// The block.
        cid: Box<Cid>,
        /// Where its section begins, bytes.
        at: u64,
    },
    /// The blocks could not be read or kept here.
    #[error(transparent)]
    Store(#[from] BlockError),
}
