//! Fetching a DAG from many sources at once.
//!
//! One task walks the DAG from its root and decides who is asked for what; each
//! transfer is a task of its own, which also hashes the block and keeps it.
//! Dropping the fetch ends them all. A block counts once it was verified and
//! kept, so a fetch that is cut short goes on from there the next time.
//!
//! - `plan` is what is missing, in the order in which it is wanted, `item` what follows from a block;
//! - `source` is what is known of each source, and `breaker` when it rests;
//! - `pick` is who is asked for what, and what is asked for twice at the end;
//! - `run` is the loop between them, `car` its short cut for what is small.

mod breaker;
mod car;
mod item;
mod observe;
mod options;
mod outcome;
mod paths;
mod pick;
mod plan;
mod rate;
mod report;
mod run;
mod source;
mod transfer;

use std::sync::Arc;

pub use options::{CarUse, Hints, Options, Progress, SourceProgress, Sources};
pub use plan::Limits;
pub use report::{Fetched, SourceReport};
pub use source::Source;

use pelago_dag::Blocks;

use super::{FetchError, Request};

/// Fetches what is asked for and is not in `blocks` yet. All of it is verified and kept there when this
/// returns. Dropping the future ends all transfers; what was kept stays.
///
/// # Errors
///
/// `NoSources`, `Unavailable`, `Stalled` where nobody gives it; `TooLarge`, `TooManyBlocks`, `TooDeep` where
/// it is more than the options accept; `Store` where a block cannot be kept, is no valid UnixFS, or the
/// path does not exist.
pub async fn fetch(
    request: Request,
    blocks: Arc<dyn Blocks>,
    sources: impl Into<Sources>,
    options: Options,
) -> Result<Fetched, FetchError> {
    run::Run::new(request, blocks, sources.into(), options).fetch().await
}
