//! What goes wrong between host and page.

use std::time::Duration;

use pelago_protocol::{PageError, TensorError};

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The page answered with an error of its own.
    #[error("{}: {}", error.message, error.help)]
    Page {
        /// What the page said.
        error: PageError,
    },
    /// The deadline passed. The page was told to stop.
    #[error("the page did not answer {kind:?} within {waited:?}: allow more time or send less at once")]
    Deadline {
        /// The `type` of the request.
        kind: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The socket was lost while the request ran.
    #[error(
        "the connection to the page was lost while it worked on {kind:?}: {}",
        if *repeatable { "send the request again" } else { "it may have run; check before sending it again" }
    )]
    Interrupted {
        /// The `type` of the request.
        kind: String,
        /// Whether the request may be sent again as it is.
        repeatable: bool,
    },
    /// The page is gone and will not come back.
    #[error("the page that was to do {kind:?} is gone ({reason}): open the browser again")]
    Gone {
        /// The `type` of the request.
        kind: String,
        /// Why it is gone.
        reason: GoneReason,
        /// Whether the same request may be sent to another page.
        repeatable: bool,
    },
    /// The answer is not a message of this protocol.
    #[error("the page's answer to {kind:?} cannot be read ({source}): page and host may be of different builds")]
    Malformed {
        /// The `type` of the request.
        kind: String,
        /// What is wrong with it.
        source: FrameError,
    },
    /// The request does not fit in a message.
    #[error("the request {kind:?} cannot be sent: {source}")]
    Unsendable {
        /// The `type` of the request.
        kind: String,
        /// Why not.
        source: FrameError,
    },
}

impl LinkError {
    /// Whether the same request may be sent again as it is, to this page or,
    /// after [`LinkError::Gone`], to another one.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Page { error } => error.repeatable,
            Self::Interrupted { repeatable, .. } | Self::Gone { repeatable, .. } => *repeatable,
            Self::Deadline { .. } | Self::Malformed { .. } | Self::Unsendable { .. } => false,
        }
    }
}

/// Why a page is gone for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GoneReason {
    /// [`Link::close`](super::Link::close) was called or the last handle was dropped.
    #[error("the link was closed")]
    Closed,
    /// The server that the page was loaded from stopped.
    #[error("its server stopped")]
    ServerStopped,
    /// The browser said that the page went away: closed, reloaded or crashed.
    #[error("it was closed, reloaded or crashed")]
    PageLeft,
    /// The socket was lost and not reopened in time.
    #[error("its connection was lost and did not come back within {waited:?}")]
    Lost {
        /// How long it was waited for.
        waited: Duration,
    },
}

/// Why bytes are not a message, or a message does not fit in bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Fewer bytes than a header's length takes.
    #[error("a message starts with 4 bytes of length, this one has {found} bytes")]
    Short {
        /// Bytes there are.
        found: usize,
    },
    /// The header would end outside the message.
    #[error("the header claims {header} bytes, {available} follow")]
    HeaderLength {
        /// Bytes the header claims.
        header: usize,
        /// Bytes after the length.
        available: usize,
    },
    /// Tensors would not start at a multiple of 8.
    #[error("a header of {header} bytes and its length do not end at a multiple of 8")]
    HeaderPadding {
        /// Bytes the header claims.
        header: usize,
    },
    /// The header is not the JSON that is expected.
    #[error("the header is not one of this protocol: {source}")]
    Header {
        /// The request that it answers, where that much can be read.
        id: Option<u64>,
        /// What the parser found.
        source: serde_json::Error,
    },
    /// The `data` is not what its `type` has.
    #[error("the data is not that of a {kind:?}: {source}")]
    Data {
        /// The `type` of the message.
        kind: &'static str,
        /// What the parser found.
        source: serde_json::Error,
    },
    /// A tensor does not start at a multiple of 8.
    #[error("tensor {name:?} starts at byte {offset}, not at a multiple of 8")]
    Alignment {
        /// Which tensor.
        name: String,
        /// Where it starts, in bytes from the end of the header.
        offset: usize,
    },
    /// A tensor lies outside the message.
    #[error("tensor {name:?} has {byte_length} bytes from byte {offset} on, the message has {available}")]
    Outside {
        /// Which tensor.
        name: String,
        /// Where it starts, in bytes from the end of the header.
        offset: usize,
        /// Bytes it claims.
        byte_length: usize,
        /// Bytes after the header.
        available: usize,
    },
    /// Two tensors share bytes.
    #[error("tensors {first:?} and {second:?} overlap")]
    Overlap {
        /// The one that starts first.
        first: String,
        /// The other.
        second: String,
    },
    /// The bytes do not fill the shape.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The page names a tensor that does not follow its message: one that is not there, that lies in the message, or
    /// that is out of order.
    #[error("tensor {index} of {count} cannot follow its message: those that do are named in order and have no offset")]
    Following {
        /// The index that it names.
        index: usize,
        /// Tensors of the message.
        count: usize,
    },
    /// What follows a message is not the tensor that is due.
    #[error("tensor {name:?} of {expected} bytes is due after its message, {actual} bytes came")]
    FollowingLength {
        /// Which tensor.
        name: String,
        /// Bytes that are due.
        expected: usize,
        /// Bytes that came.
        actual: usize,
    },
    /// The page names attachments.
    #[error("a page has no attachments to give, and its message names {count}")]
    Attachments {
        /// How many.
        count: usize,
    },
    /// The page sends a part that was not asked for.
    #[error("the page sent more parts than it was asked for, which is at most {limit} that nobody has taken yet")]
    Parts {
        /// How many it may send ahead.
        limit: usize,
    },
    /// The system gives no random numbers for an attachment's id.
    #[error("the operating system gives no random numbers: {message}; check that /dev/urandom is readable")]
    Random {
        /// What the system said.
        message: String,
    },
    /// More bytes than a message may have.
    #[error("the message has {size} bytes and may have {limit}: send less at once or raise the limit")]
    TooLarge {
        /// Bytes it has.
        size: usize,
        /// Bytes it may have.
        limit: usize,
    },
}
