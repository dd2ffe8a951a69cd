//! UnixFS over dag-pb: nodes encoded as the profile says, and decoded with
//! every claim checked. Only bytes and CIDs; nothing here reads or writes.

mod decode;
mod encode;
pub mod names;
mod profile;

use bytes::Bytes;

pub use decode::{Node, check_node, decode};
pub use encode::{Block, Child, file_tree, folder, leaf_frame};
pub use profile::Profile;

const RAW: i32 = 0;
const DIRECTORY: i32 = 1;
const FILE: i32 = 2;
const SYMLINK: i32 = 4;
const HAMT: i32 = 5;

/// The `Data` message of the UnixFS specification.
#[derive(Clone, PartialEq, prost::Message)]
struct Data {
    #[prost(int32, optional, tag = "1")]
    kind: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    data: Option<Bytes>,
    #[prost(uint64, optional, tag = "3")]
    filesize: Option<u64>,
    #[prost(uint64, repeated, packed = "false", tag = "4")]
    blocksizes: Vec<u64>,
    #[prost(uint64, optional, tag = "5")]
    hash_type: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    fanout: Option<u64>,
}
