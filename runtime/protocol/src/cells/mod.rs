//! What the process of Rust cells and the session say to each other over a Unix
//! socket: a call a connection, so that threads of a cell never wait for each
//! other, and two pipes that carry the process's own output, with marks in it.
//!
//! A frame is the length of its JSON, the length of its body (both `u64`, little
//! endian), the JSON, and the [body](crate::packed): Arrow IPC of DataFrames,
//! little-endian bytes of tensors.

mod call;
mod frame;
mod mark;
mod notice;

pub use call::{Call, Failure, ModelFile, ModelInfo, Opening, Reply};
pub use frame::{decode, lengths, read_frame, write_frame, write_packed};
pub use mark::Mark;
pub use notice::{CellShown, Content, Notice, Order, Place, Thrown};

/// Environment variable that names the socket to the cells' process.
pub const SOCKET_VARIABLE: &str = "PELAGO_CELLS_SOCKET";
/// Environment variable with the token that every first frame carries.
pub const TOKEN_VARIABLE: &str = "PELAGO_CELLS_TOKEN";
