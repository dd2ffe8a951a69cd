//! What workers hold, and having them let go of models.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pelago_browser::link::{Message, RequestOptions};
use pelago_protocol::{Dispose, DisposeResult, GraphCid, HeldSession, InstallationId};

use super::{Fleet, Worker, ask};
use crate::RunError;
use crate::run::RUN_DEADLINE;

/// The graphs that each browser's page holds, as its last answer said.
#[derive(Debug, Default)]
pub(crate) struct HeldGraphs(Mutex<HashMap<InstallationId, HashSet<GraphCid>>>);

impl HeldGraphs {
    /// Whether the page of a browser holds a graph.
    pub(crate) fn has(&self, installation: &InstallationId, graph: &GraphCid) -> bool {
        self.lock().get(installation).is_some_and(|held| held.contains(graph))
    }

    /// Notes what an answer said.
    pub(crate) fn set(&self, installation: &InstallationId, held: &[HeldSession]) {
        let graphs = held.iter().map(|session| session.graph.clone()).collect();
        self.lock().insert(installation.clone(), graphs);
    }

    /// After an error, a page may hold nothing any more.
    pub(crate) fn forget(&self, installation: &InstallationId) {
        self.lock().remove(installation);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InstallationId, HashSet<GraphCid>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a page let go of.
#[derive(Clone, Debug, PartialEq)]
pub struct Unloaded {
    /// The browser's product name.
    pub browser: String,
    /// Sessions of onnxruntime that it let go of.
    pub unloaded: u64,
    /// Those that it still holds.
    pub held: u64,
    /// Memory of the page after that in MiB, where the browser tells.
    pub memory_mb: Option<f64>,
}

/// Has every open page let go of the sessions of these graphs (CIDs); of all sessions where there are none named.
pub(crate) async fn unload(fleet: &dyn Fleet, graphs: Option<Vec<GraphCid>>) -> Result<Vec<Unloaded>, RunError> {
    let graphs = graphs.map_or_else(|| vec![None], |graphs| graphs.into_iter().map(Some).collect());
    let mut all = Vec::new();
    for candidate in fleet.candidates() {
        let Some(worker) = fleet.opened(&candidate.id).await else { continue };
        // The first question is of no graph: what is held, where nothing is to be let go of.
        let mut result = send(&*worker, Some(GraphCid::default())).await?;
        let mut unloaded = 0;
        for graph in &graphs {
            result = send(&*worker, graph.clone()).await?;
            unloaded += result.disposed as u64;
        }
        all.push(Unloaded {
            browser: worker.product().to_owned(),
            unloaded,
            held: result.held as u64,
            memory_mb: result.memory_usage_mb,
        });
    }
    Ok(all)
}

/// MiB that a page holds now; `None` where the browser does not tell.
pub(crate) async fn held(worker: &dyn Worker) -> Option<f64> {
    // No graph has this CID: nothing is let go of.
    dispose(worker, GraphCid::default()).await.ok()?.memory_usage_mb
}

/// Has a page let go of a graph's sessions.
pub(crate) async fn dispose(worker: &dyn Worker, graph: GraphCid) -> Result<DisposeResult, RunError> {
    send(worker, Some(graph)).await
}

async fn send(worker: &dyn Worker, graph: Option<GraphCid>) -> Result<DisposeResult, RunError> {
    let options = RequestOptions::within(RUN_DEADLINE);
    Ok(ask(worker, &Dispose { graph, keep: 0 }, Message::default(), options).await?.0)
}
