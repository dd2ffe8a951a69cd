//! A DataFrame on its way to a reader: the text of each value, and the whole
//! table as data that a later run can be compared with.
//!
//! It knows Polars and nothing of HTML, terminals, notebooks or sockets. The
//! process of the cells and the session both use it: the first has the frames of
//! cells, the second those of commands.

mod data;
mod digest;
mod hash;
mod text;

use polars::prelude::DataFrame;

pub use data::{BYTES, COLUMNS, Column, Data, MIME, VALUES, VERSION};
pub use digest::{Digest, Numbers};
pub use hash::Xxh64;
pub use text::{exact, shown};

/// Rows that are kept of a frame to be looked at: the first and the last half of them.
pub const ROWS: usize = 60;

/// The two ends of a frame, [`ROWS`] rows at most.
#[must_use]
pub fn ends(frame: &DataFrame) -> DataFrame {
    if frame.height() <= ROWS {
        return frame.clone();
    }
    let head = frame.head(Some(ROWS / 2));
    // Both ends have the frame's own columns.
    head.vstack(&frame.tail(Some(ROWS / 2))).unwrap_or(head)
}
