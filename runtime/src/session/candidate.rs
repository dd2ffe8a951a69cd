//! A request with its graph and its route, to be run many times without being recorded.

use std::time::Instant;

use pelago_browser::driver::Target;
use pelago_protocol::Request;

use super::checked::Checked;
use super::page_memory::held;
use super::source::Prepared;
use super::{Observer, Route, Run, Session, SessionError};

/// Everything that a run needs.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) asked: Checked,
    pub(super) prepared: Prepared,
    pub(super) route: Route,
}

impl Candidate {
    /// Whether both run the same graph in the same place.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.route == other.route && self.prepared.source.graph.cid == other.prepared.source.graph.cid
    }

    /// Bytes that a page loads for its graph.
    pub(super) fn bytes(&self) -> u64 {
        let graph = &self.prepared.source.graph;
        graph.size + graph.external_data.iter().map(|file| file.size).sum::<u64>()
    }
}

impl Session {
    /// Finds graph and route, and waits until all of the model is here.
    pub(super) async fn candidate(
        &self,
        asked: Request,
        observer: Option<&Observer>,
    ) -> Result<Candidate, SessionError> {
        let asked = Checked::of(asked)?;
        let prepared = self.prepare(&asked, observer).await?;
        prepared.whole().await?;
        let route = self.route(&asked, &prepared).await?;
        let prepared = self.on_route(&asked, prepared, &route, observer).await?;
        Ok(Candidate { asked, prepared, route })
    }

    /// Runs it once.
    pub(super) async fn run(&self, candidate: &Candidate, observer: Option<&Observer>) -> Result<Run, SessionError> {
        let Candidate { asked, prepared, route } = candidate;
        self.execute(asked, prepared, route, Instant::now(), observer).await
    }

    /// MiB of its page's memory now; `None` where the page is not open yet.
    pub(super) async fn heap(&self, candidate: &Candidate) -> Option<f64> {
        let page = self.pool.open_page(&candidate.route.installation).await?;
        held(&page).await
    }

    /// Product and version of its installation, where that is known before it opens.
    pub(super) fn product(&self, candidate: &Candidate) -> Option<(String, String)> {
        let route = &candidate.route;
        let candidate = self.pool.candidates().iter().find(|candidate| candidate.id == route.installation)?;
        match &candidate.target {
            Target::Installed(found) => Some((found.product.name().to_owned(), found.version.clone())),
            Target::Remote(_) => None,
        }
    }
}
