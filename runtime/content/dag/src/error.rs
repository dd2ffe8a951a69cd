//! What a block or a DAG can be wrong in, in words that say what to do next.

use std::error::Error;

use crate::NodeError;
use crate::limits::Cid;

/// An error of blocks: what was given is not what its CID says, or is not well-formed. CIDs are
/// boxed, so that a `Result` stays small.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// A block is not here.
    #[error("block {cid} is not in this store: add the content it belongs to")]
    MissingBlock {
        /// The block.
        cid: Box<Cid>,
    },
    /// A block that was given does not match its CID. It was not kept.
    #[error("what was given for block {cid} is refused ({reason}): do not use its source again")]
    WrongBlock {
        /// The CID that was asked for.
        cid: Box<Cid>,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// A block that was kept here is damaged. Its bytes were not handed out.
    #[error("{error}")]
    Damaged {
        /// The block.
        cid: Box<Cid>,
        /// What the keeper of the blocks says of it.
        error: Box<dyn Error + Send + Sync>,
    },
    /// A folder has no such entry.
    #[error("{cid} has no entry {path:?}")]
    NoEntry {
        /// The root or folder.
        cid: Box<Cid>,
        /// The path, from the root.
        path: String,
    },
    /// A folder was expected.
    #[error("{path:?} is a file, a folder was expected")]
    NotFolder {
        /// The path or CID.
        path: String,
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
    /// A CID whose hash cannot be verified here, or whose codec has links that are not followed here.
    #[error("{cid} uses {what} 0x{code:x}, which is not accepted: sha2-256 with raw or dag-pb is")]
    Unsupported {
        /// The CID.
        cid: Box<Cid>,
        /// `hash` or `codec`.
        what: &'static str,
        /// The multicodec code.
        code: u64,
    },
    /// A node that is not well-formed.
    #[error("node {cid} is not valid: {source}")]
    Node {
        /// The node.
        cid: Box<Cid>,
        /// Expected and found.
        source: NodeError,
    },
    /// A DAG that goes beyond what is worked on. Nothing of it was kept.
    #[error("{cid} has more than {max} {what}: such content is refused, do not use its source")]
    Limit {
        /// The root, or the node at which it was noticed.
        cid: Box<Cid>,
        /// What there is too much of.
        what: &'static str,
        /// How much is accepted.
        max: u64,
    },
    /// Where blocks are kept, something else failed.
    #[error(transparent)]
    Keeper(Box<dyn Error + Send + Sync>),
}

impl BlockError {
    /// What is wrong with the bytes of a node.
    pub fn node(cid: &Cid, source: impl Into<NodeError>) -> Self {
        Self::Node { cid: Box::new(*cid), source: source.into() }
    }
}
