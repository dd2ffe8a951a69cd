//! Fetching over real sockets, from servers that behave and from servers that do not.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what it missed")]

mod dag;
mod faults;
mod fetching;
mod finding;
mod hostile;
mod server;
mod storing;
mod together;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use pelago_dag::{Blocks, Cid, MemoryBlocks};
use pelago_exchange::retrieve::{FetchError, Fetched, Options, Request, Source, fetch};

/// Fetches all under a root into fresh memory.
async fn get(root: Cid, sources: Vec<Source>) -> Result<(Fetched, Arc<MemoryBlocks>), FetchError> {
    get_with(Request::all(root), sources, options()).await
}

async fn get_with(
    request: Request,
    sources: Vec<Source>,
    options: Options,
) -> Result<(Fetched, Arc<MemoryBlocks>), FetchError> {
    let blocks = Arc::new(MemoryBlocks::default());
    let fetched = fetch(request, blocks.clone(), sources, options).await?;
    Ok((fetched, blocks))
}

/// Patience that a test can wait for. CARs are for the tests that name them.
fn options() -> Options {
    Options { patience: Duration::from_secs(3), car: pelago_exchange::retrieve::CarUse::Never, ..Options::default() }
}

/// How many of a DAG's blocks are here.
fn count(dag: &dag::Dag, blocks: &MemoryBlocks) -> usize {
    let cids: Vec<Cid> = dag.blocks.keys().copied().collect();
    let here = blocks.has(&cids).now_or_never().expect("memory does not wait").unwrap();
    here.into_iter().filter(|here| *here).count()
}
