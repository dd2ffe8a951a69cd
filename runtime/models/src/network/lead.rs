//! What of a model is fetched before all else, so that a page can begin with it:
//! its folders, and its small files. In the DAG's own order the weights come
//! before the tokenizer.

use std::collections::BTreeMap;
use std::sync::Arc;

use pelago_content::Cid;

use super::Network;
use pelago_content::retrieve::{self, Fetched, Kind, Options, Request, Scope, SourceReport};
use pelago_content::{Blocks, Ingest, StoreError};

/// Blocks that are asked for one after the other to see what files there are.
const LISTED: usize = 256;
/// Files up to this size come first, bytes.
const SMALL: u64 = 16 << 20;

impl Network {
    /// Fetches what comes first. What does not come is left to the fetch of the whole, which says why.
    pub(super) async fn lead(&self, root: Cid, ingest: &Ingest, options: &Options) -> Vec<Fetched> {
        let mut came = Vec::new();
        let target: Arc<dyn Blocks> = Arc::new(ingest.clone());
        let fetch = |request: Request| retrieve::fetch(request, target.clone(), self.asked(root), options.clone());
        let mut files = Vec::new();
        for _ in 0..LISTED {
            match self.models().store().list(root).await {
                Ok(all) => {
                    files = all;
                    break;
                }
                Err(StoreError::MissingBlock { cid }) => {
                    let Ok(fetched) = fetch(Request { scope: Scope::Block, ..Request::all(*cid) }).await else { break };
                    came.push(fetched);
                }
                Err(_) => break,
            }
        }
        files.retain(|file| file.size <= SMALL);
        files.sort_by_key(|file| file.size);
        for file in files {
            let Ok(fetched) = fetch(Request::all(file.cid)).await else { break };
            came.push(fetched);
        }
        came
    }
}

/// Several fetches of one root, one after the other, as one. `parts` are those before the last.
pub(super) fn together(parts: Vec<Fetched>, mut last: Fetched) -> Fetched {
    // What the parts brought was there before the last one began.
    last.bytes_before = last.bytes_before.saturating_sub(parts.iter().map(|part| part.bytes).sum());
    for part in parts {
        last.bytes += part.bytes;
        last.blocks += part.blocks;
        last.elapsed += part.elapsed;
        last.p2p_optimized |= part.p2p_optimized;
        last.refetched_bytes += part.refetched_bytes;
        last.car_bytes += part.car_bytes;
        last.sources.extend(part.sources);
        for dropped in part.dropped {
            if !last.dropped.iter().any(|known| known.source == dropped.source) {
                last.dropped.push(dropped);
            }
        }
    }
    // The last fetch's rates come first, and stay: it saw most of each source.
    let mut merged: BTreeMap<(Kind, String), SourceReport> = BTreeMap::new();
    for source in last.sources.drain(..) {
        match merged.get_mut(&(source.kind, source.name.clone())) {
            Some(known) => {
                known.bytes += source.bytes;
                known.blocks += source.blocks;
            }
            None => drop(merged.insert((source.kind, source.name.clone()), source)),
        }
    }
    last.sources = merged.into_values().collect();
    last.sources.sort_by_key(|source| std::cmp::Reverse(source.bytes));
    last
}
