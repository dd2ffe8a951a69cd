//! CAR files: blocks one behind another, as a gateway sends them and as a user
//! keeps them.
//!
//! Reading is our own and small. The crate `iroh-car` 0.5 takes an end within a
//! length for the end of the file, so a cut file can read as a whole one; it
//! does not hash, does not say where the fault lies, and copies each block.
//!
//! This area knows the format and its limits, and which blocks belong to a
//! root. It knows nothing of HTTP.

mod error;
mod header;
mod reader;
mod transfer;
mod writer;

pub use error::CarError;
pub use reader::{CarLimits, CarReader};
pub use transfer::{Exported, Imported, export, import};
pub use writer::CarWriter;
pub use writer::{header, prefix};
