//! What a disk can be wrong in, in words that say what to do next.
//!
//! What a block can be wrong in is a [`BlockError`], which a [`StoreError`] holds. Four of its variants
//! are variants of `StoreError` too, under the same names: a block that is not here, an entry that a
//! folder does not have, a file where a folder was expected, and text that is no address. Those who read
//! from a store tell them apart from failures. The conversions between the two see to it that each is
//! found under one name only.

use std::path::{Path, PathBuf};

use pelago_dag::{BlockError, Cid};

/// An error of the content store. CIDs are boxed, so that a `Result` stays small.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, e.g. `read`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The disk or the quota is full. Nothing of the import was kept.
    #[error("the disk is full while writing {}: free some space, or remove models, and try again", path.display())]
    NoSpace {
        /// The file that could not be written.
        path: PathBuf,
    },
    /// The store can be read but not changed.
    #[error("the store {} cannot be written: make the folder writable or choose another store", path.display())]
    ReadOnly {
        /// The store's folder.
        path: PathBuf,
    },
    /// The index failed.
    #[error("the index {} failed: {source}; if it is damaged, rebuild it from the extents", path.display())]
    Index {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The index was written by a later version.
    #[error(
        "the store {} has format {found}, this version knows up to {expected}: update Pelago or choose another store",
        path.display()
    )]
    Format {
        /// The store's folder.
        path: PathBuf,
        /// The newest format that this version knows.
        expected: i64,
        /// The format found.
        found: i64,
    },
    /// The index was written by an earlier version, and cannot be brought up to date.
    #[error(
        "the store {} has format {found}, this needs {expected}: make the folder writable once, so that it is converted",
        path.display()
    )]
    OldFormat {
        /// The store's folder.
        path: PathBuf,
        /// The format that is needed.
        expected: i64,
        /// The format found.
        found: i64,
    },
    /// A block's bytes do not match its CID. They were not handed out.
    #[error(
        "block {cid} in {} at byte {offset} is damaged (its bytes hash to {actual}): add the content again to mend it",
        extent.display()
    )]
    Corrupt {
        /// The CID that was asked for.
        cid: Box<Cid>,
        /// The CID that the bytes have; of the bytes that are there, where some are missing.
        actual: Box<Cid>,
        /// The extent's file.
        extent: PathBuf,
        /// Where in it, bytes.
        offset: u64,
    },
    /// A block is not in the store.
    #[error("block {cid} is not in this store: add the content it belongs to")]
    MissingBlock {
        /// The block.
        cid: Box<Cid>,
    },
    /// A root is not in the store.
    #[error("{cid} is not in this store: `list` names what is, `add` adds a folder")]
    UnknownRoot {
        /// The root.
        cid: Box<Cid>,
    },
    /// A folder has no such entry.
    #[error("{cid} has no entry {path:?}")]
    NoEntry {
        /// The root or folder.
        cid: Box<Cid>,
        /// The path, from the root.
        path: String,
    },
    /// A file was expected.
    #[error("{path:?} is a folder, a file was expected: name a file in it")]
    IsFolder {
        /// The path, `<cid>/…`.
        path: String,
    },
    /// A folder was expected.
    #[error("{path:?} is a file, a folder was expected")]
    NotFolder {
        /// The path or CID.
        path: String,
    },
    /// A range that the file does not have.
    #[error("bytes {start}..{end} were asked of {path:?}, which has {size}")]
    Range {
        /// The path, `<cid>/…`.
        path: String,
        /// First byte.
        start: u64,
        /// After the last byte.
        end: u64,
        /// The file's size, bytes.
        size: u64,
    },
    /// Text that is no CID or content path.
    #[error(
        "{text:?} is not a content address ({reason}): use <cid>, ipfs://<cid> or /ipfs/<cid>, with a path if wanted"
    )]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A symbolic link in content. It is never followed.
    #[error("{path:?} is a symbolic link to {target:?}, which is not followed: name the file itself")]
    Symlink {
        /// The path, `<cid>/…`.
        path: String,
        /// Where it points.
        target: String,
    },
    /// Two paths that a file system which does not tell cases apart would make one.
    #[error("{first:?} and {second:?} differ only in case, so one would overwrite the other: export a CAR instead")]
    Collision {
        /// The path met first.
        first: String,
        /// The other.
        second: String,
    },
    /// Another process, or another task of this one, fetches the same root.
    #[error("{cid} is being fetched already: wait for that to end, or try again later")]
    Busy {
        /// The root.
        cid: Box<Cid>,
    },
    /// A block without a root to belong to.
    #[error("block {cid} belongs to no fetch: begin one with `ingest` and put it there")]
    NoFetch {
        /// The block.
        cid: Box<Cid>,
    },
    /// A root that is in use, so it was not removed.
    #[error("{cid} is {by}: {}", if *.by == "pinned" { "unpin it first" } else { "close the session that uses it first" })]
    InUse {
        /// The root.
        cid: Box<Cid>,
        /// `pinned` or `leased`.
        by: &'static str,
    },
    /// The store's quota has no room, and nothing that may be evicted gives enough.
    #[error(
        "{wanted} bytes more would exceed the store's quota of {quota} bytes ({used} are used, {reserved} reserved, \
         and no more can be evicted): remove or unpin models, or raise the quota"
    )]
    Quota {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes that extents have.
        used: u64,
        /// Bytes that running imports and fetches have reserved.
        reserved: u64,
        /// The quota, bytes.
        quota: u64,
    },
    /// A name that content must not have.
    #[error("{} has a name that cannot be added ({reason}): rename it", path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A link that leaves the folder, dangles, or leads to a folder.
    #[error("{} links to {} ({reason}): replace it by the file itself", path.display(), target.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A socket, pipe or device.
    #[error("{} is neither a file nor a folder: remove it from the folder", path.display())]
    Special {
        /// The file.
        path: PathBuf,
    },
    /// A source file changed while it was read.
    #[error(
        "{} changed while it was added ({expected} bytes before, {actual} after): add it again when it is at rest",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Bytes before.
        expected: u64,
        /// Bytes read.
        actual: u64,
    },
    /// The caller dropped the request.
    #[error("the request was cancelled; nothing of it was kept")]
    Cancelled,
    /// A block or a DAG is not what it should be.
    #[error(transparent)]
    Block(BlockError),
    /// The task that did the work ended early.
    #[error("the store's worker ended early: {source}")]
    Worker {
        /// What became of it.
        source: tokio::task::JoinError,
    },
}

impl StoreError {
    /// An I/O error with its file, told apart by what can be done about it.
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace { path: path.to_owned() },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path: path.to_owned() },
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }

    /// An index error with its file, told apart likewise.
    pub(crate) fn index(path: &Path, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::NoSpace { path: path.to_owned() },
            Some(rusqlite::ErrorCode::ReadOnly) => Self::ReadOnly { path: path.to_owned() },
            _ => Self::Index { path: path.to_owned(), source },
        }
    }
}

impl From<BlockError> for StoreError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::MissingBlock { cid } => Self::MissingBlock { cid },
            BlockError::NoEntry { cid, path } => Self::NoEntry { cid, path },
            BlockError::NotFolder { path } => Self::NotFolder { path },
            BlockError::Address { text, reason } => Self::Address { text, reason },
            BlockError::Damaged { cid, error } => match error.downcast() {
                Ok(error) => *error,
                Err(error) => Self::Block(BlockError::Damaged { cid, error }),
            },
            BlockError::Keeper(source) => match source.downcast() {
                Ok(error) => *error,
                Err(source) => Self::Block(BlockError::Keeper(source)),
            },
            error => Self::Block(error),
        }
    }
}

/// The store as a keeper of blocks ([`pelago_dag::Blocks`]) says what went wrong.
impl From<StoreError> for BlockError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Block(error) => error,
            StoreError::MissingBlock { cid } => Self::MissingBlock { cid },
            StoreError::NoEntry { cid, path } => Self::NoEntry { cid, path },
            StoreError::NotFolder { path } => Self::NotFolder { path },
            StoreError::Address { text, reason } => Self::Address { text, reason },
            StoreError::Corrupt { ref cid, .. } => Self::Damaged { cid: cid.clone(), error: Box::new(error) },
            error => Self::Keeper(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use pelago_dag::NodeError;

    use super::*;

    #[test]
    fn an_error_of_a_block_is_worded_the_same_in_both_types_and_comes_back_as_it_was() {
        let cid = || Box::new(pelago_dag::cid::of(pelago_dag::cid::RAW, b"x"));
        let path = || "a/b".to_owned();
        let all = [
            BlockError::MissingBlock { cid: cid() },
            BlockError::WrongBlock { cid: cid(), reason: "short".to_owned() },
            BlockError::NoEntry { cid: cid(), path: path() },
            BlockError::NotFolder { path: path() },
            BlockError::Address { text: path(), reason: "no CID".to_owned() },
            BlockError::Unsupported { cid: cid(), what: "hash", code: 1 },
            BlockError::node(&cid(), NodeError::NoData),
            BlockError::Limit { cid: cid(), what: "blocks", max: 1 },
            BlockError::Damaged { cid: cid(), error: "torn".into() },
            BlockError::Keeper("gone".into()),
        ];
        for error in all {
            let (text, shape) = (error.to_string(), format!("{error:?}"));
            let stored = StoreError::from(error);
            assert_eq!(stored.to_string(), text);
            assert_eq!(format!("{:?}", BlockError::from(stored)), shape);
        }
    }

    #[test]
    fn an_error_of_the_disk_comes_back_as_it_was() {
        let cid = || Box::new(pelago_dag::cid::of(pelago_dag::cid::RAW, b"x"));
        let all = [
            StoreError::Corrupt { cid: cid(), actual: cid(), extent: PathBuf::from("e"), offset: 1 },
            StoreError::NoSpace { path: PathBuf::from("e") },
            StoreError::Cancelled,
        ];
        for error in all {
            let (text, shape) = (error.to_string(), format!("{error:?}"));
            let block = BlockError::from(error);
            assert_eq!(block.to_string(), text);
            assert_eq!(format!("{:?}", StoreError::from(block)), shape);
        }
    }
}
