//! From a CID and a path to the blocks that a reader needs, depth first, as
//! the trustless gateway specification names them (`dag-scope`, `entity-bytes`,
//! `dups`).
//!
//! Only links and sizes are looked at, never names beyond the path. Nothing
//! here knows where blocks come from or go to. What is remembered is bounded:
//! a DAG that goes beyond is refused, however often it links to itself.

mod order;
mod path;
mod span;
mod stream;
mod validate;

pub use order::{BLOCKS_MAX, Order, Want};
pub use span::{EntityBytes, EntityBytesError, Span};
pub use stream::{Scope, Walk, WalkOptions};
pub use validate::{ValidateSource, WholeDag, validate};
