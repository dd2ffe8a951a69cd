//! A request with its graph and its route, to be run many times without being recorded.

use std::time::Instant;

use pelago_browser::driver::Target;
use pelago_protocol::{Graph, GraphCid, Observer, Request, Run};

use pelago_models::Prepared;

use super::checked::Checked;
use crate::fleet::held;
use crate::{Engine, Route, RunError};

/// Everything that a run needs.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) asked: Checked,
    pub(crate) prepared: Prepared,
    pub(crate) route: Route,
}

impl Candidate {
    /// Whether both run the same graph in the same place.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.route == other.route && self.cids().eq(other.cids())
    }

    /// Bytes that a page loads for its graphs.
    pub(crate) fn bytes(&self) -> u64 {
        self.graphs().map(Graph::bytes).sum()
    }

    /// What its graphs are known by.
    pub(crate) fn cids(&self) -> impl Iterator<Item = &GraphCid> {
        self.graphs().map(|graph| &graph.cid)
    }

    fn graphs(&self) -> impl Iterator<Item = &Graph> {
        self.prepared.graphs().map(|(_, graph, _)| graph)
    }
}

impl Engine {
    /// Finds graph and route, and waits until all of the model is here.
    pub(crate) async fn candidate(&self, asked: Request, observer: Option<&Observer>) -> Result<Candidate, RunError> {
        let asked = Checked::of(asked)?;
        let prepared = self.prepare(&asked, observer).await?;
        prepared.wait_complete().await?;
        let route = self.route(&asked, &prepared).await?;
        let prepared = self.on_route(&asked, prepared, &route, observer).await?;
        Ok(Candidate { asked, prepared, route })
    }

    /// Runs it once.
    pub(crate) async fn run(&self, candidate: &Candidate, observer: Option<&Observer>) -> Result<Run, RunError> {
        let Candidate { asked, prepared, route } = candidate;
        self.execute(asked, prepared, route, Instant::now(), observer.into()).await
    }

    /// MiB of its page's memory now; `None` where the page is not open yet.
    pub(crate) async fn heap(&self, candidate: &Candidate) -> Option<f64> {
        let worker = self.fleet.opened(&candidate.route.installation).await?;
        held(&*worker).await
    }

    /// Product and version of its installation, where that is known before it opens.
    pub(crate) fn product(&self, candidate: &Candidate) -> Option<(String, String)> {
        let route = &candidate.route;
        let candidate = self.fleet.candidates().iter().find(|candidate| candidate.id == route.installation)?;
        match &candidate.target {
            Target::Installed(found) => Some((found.product.name().to_owned(), found.version.clone())),
            Target::Remote(_) => None,
        }
    }
}
