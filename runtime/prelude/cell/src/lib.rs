//! What every cell is linked with: how it begins and ends, how it prints, how an
//! error or a panic becomes the cell's error, and how a plain value is shown.
//!
//! It knows neither Polars nor the session, and no crate but the standard library,
//! so that a cell that needs no more compiles fast. The process that runs cells
//! gives it a table of functions ([`host`]); everything else about the session is
//! `pelago-prelude`'s, which has a copy of this crate inside.

pub mod cell;
pub mod connect;
mod explain;
pub mod host;
mod panics;
mod plain;
pub mod prelude;
mod print;
mod show;
mod wait;

pub use print::Stream;

#[doc(hidden)]
pub use print::print;
#[doc(hidden)]
pub use show::show_content;
