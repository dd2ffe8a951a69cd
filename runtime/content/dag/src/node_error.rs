//! What can be wrong with the bytes of a node, apart from whose they are.

use crate::Cid;
use crate::cbor::CborError;
use crate::pb::PbError;

/// Why the bytes of a block are not the node that they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Not dag-pb.
    #[error(transparent)]
    Pb(#[from] PbError),
    /// Not DAG-CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// Neither of the codecs that UnixFS has.
    #[error("its codec is 0x{code:x}")]
    Codec {
        /// The multicodec code.
        code: u64,
    },
    /// A node without data.
    #[error("it has no data field")]
    NoData,
    /// Data that are not UnixFS.
    #[error("{0}")]
    Data(#[from] prost::DecodeError),
    /// Data that do not say what they are.
    #[error("its data have no type")]
    NoType,
    /// A type that is not known, or that has links where it must not.
    #[error("type {kind} with {links} links is no file, folder or symbolic link")]
    Type {
        /// The number of the type.
        kind: i32,
        /// How many links the node has.
        links: usize,
    },
    /// A file of one block that says another length than it has.
    #[error("filesize {filesize:?}, but {bytes} bytes and {sizes} block sizes")]
    LeafSize {
        /// What it says.
        filesize: Option<u64>,
        /// What it has.
        bytes: usize,
        /// Sizes of parts, which it must not have.
        sizes: usize,
    },
    /// A file of parts whose sizes contradict each other.
    #[error("{links} links, {sizes} block sizes, filesize {filesize:?}: they must agree")]
    FileSizes {
        /// Its parts.
        links: usize,
        /// Sizes of parts.
        sizes: usize,
        /// What it says of all of them.
        filesize: Option<u64>,
    },
    /// A symbolic link to what is no text.
    #[error("a symbolic link's target is not UTF-8")]
    Target,
    /// Something else where a symbolic link was expected.
    #[error("a symbolic link was expected")]
    NotLink,
    /// An entry of a folder without a name.
    #[error("a link has no name")]
    NoName,
    /// A name that no entry may have.
    #[error("entry {name:?}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Entries of one name.
    #[error("two entries are called {name:?}")]
    Twice {
        /// The name.
        name: String,
    },
    /// A shard by another hash.
    #[error("hash 0x{:x} (murmur3) expected for shards, {found:?} found", crate::limits::MURMUR3)]
    HashType {
        /// What it says.
        found: Option<u64>,
    },
    /// A shard with an illegal number of buckets.
    #[error("a fan-out of 8 to 1024 expected, {found:?} found")]
    Fanout {
        /// What it says.
        found: Option<u64>,
    },
    /// A shard with another fan-out than those above it.
    #[error("fan-out {found} under one of {expected}")]
    FanoutBelow {
        /// That of the shards above it.
        expected: u32,
        /// Its own.
        found: u32,
    },
    /// A link of a shard whose name does not begin with a bucket's number.
    #[error("link {name:?} has no bucket")]
    NoBucket {
        /// The link's name.
        name: String,
    },
    /// A link of a shard that is not behind the one before it.
    #[error("link {name:?} is out of order, or its bucket is taken")]
    BucketOrder {
        /// The link's name.
        name: String,
    },
    /// A shard whose bits say other buckets than its links.
    #[error("its bitfield and its links name different buckets")]
    Bitfield,
    /// An entry that nobody would find where it is.
    #[error("entry {name:?} is in a bucket that is not its hash's")]
    WrongBucket {
        /// The entry's name.
        name: Option<String>,
    },
    /// A shard for nothing.
    #[error("a shard without entries below another")]
    EmptyShard,
    /// Something else where a shard was expected.
    #[error("a shard of a folder was expected")]
    NotShard,
    /// Shards within each other without end.
    #[error("its shards go deeper than the hash has bits")]
    ShardDepth,
    /// A shard in two places, of which only one can be right.
    #[error("a shard that stands in two places")]
    TwoPlaces,
    /// A block of no UnixFS where a part of a file or a shard was expected.
    #[error("a part of a file or folder was expected, not a block of codec 0x{code:x}")]
    PartCodec {
        /// The multicodec code.
        code: u64,
    },
    /// Something else where a part of a file was expected.
    #[error("it is not the part of a file, of the size, that its parent says")]
    NotPart,
    /// A part of a file that is not what the file says of it.
    #[error("its part {part} should have {expected} bytes, but it {}", has(*found))]
    Part {
        /// The part.
        part: Box<Cid>,
        /// Bytes that the file says.
        expected: u64,
        /// Bytes that it has; `None` where it is no file.
        found: Option<u64>,
    },
    /// The same, seen from the part.
    #[error("its parent says {expected} bytes, it {}", has(*found))]
    Size {
        /// Bytes that the file above it says.
        expected: u64,
        /// Bytes that it has; `None` where it is no file.
        found: Option<u64>,
    },
    /// Bytes were asked for that a block does not have.
    #[error("{length} bytes, but {from}..{to} asked")]
    Range {
        /// Bytes of the block.
        length: u64,
        /// First byte asked for.
        from: u64,
        /// First byte behind those asked for.
        to: u64,
    },
    /// A file in parts in parts, without end.
    #[error("its tree goes too deep")]
    FileDepth,
    /// More than is walked through.
    #[error("the walk has more than {max} {what}: ask for its parts by their paths")]
    Walk {
        /// What there is too much of.
        what: &'static str,
        /// How much is walked through.
        max: usize,
    },
}

fn has(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "is no file".to_owned(), |bytes| format!("has {bytes}"))
}
