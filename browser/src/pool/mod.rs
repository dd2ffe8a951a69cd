//! The browsers of a session: opened when they are first needed, kept, and
//! opened again after they were lost.
//!
//! One page a browser. What is run in a page, and which browser suits a model,
//! is the session's business.

mod candidates;
mod error;
mod launcher;
mod page;
mod session;
mod slot;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pelago_protocol::{BrowserKind, InstallationId};

pub use candidates::Candidate;
pub use error::PoolError;
pub use page::Page;

use self::launcher::Launcher;
use self::slot::Slot;
use crate::assets::Assets;
use crate::driver::{Discovery, Remote, Search, discover};
use crate::link::LinkOptions;
use crate::reaper::Reaper;
use crate::server::{Content, Server, ServerError, ServerOptions};

/// Browsers keep compiled wasm and shaders by origin, so a port that is the same
/// in every session makes warm starts. A second session at once takes another.
const USUAL_PORT: u16 = 47_613;

/// How a pool finds and opens browsers. Front ends decide all of it.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// Where browsers and drivers may be.
    pub search: Search,
    /// WebDrivers that somebody else runs; each replaces the local browsers of its kind.
    pub remotes: Vec<Remote>,
    /// Folder of browser profiles. They are kept, so that caches of compiled shaders stay warm.
    pub profiles: PathBuf,
    /// The program that ends every process of a browser when this one ends.
    pub reaper: Reaper,
    /// Whether browsers have no window.
    pub headless: bool,
    /// The loopback port to serve pages on; `None` for the usual one, or any free one where that is taken.
    pub port: Option<u16>,
    /// How long a browser may take from its start to its page's first answer.
    pub open_deadline: Duration,
}

/// The browsers of one session.
#[derive(Debug)]
pub struct Pool {
    discovery: Discovery,
    candidates: Vec<Candidate>,
    slots: HashMap<InstallationId, Slot<Launcher>>,
}

/// A page, and what it took to have it.
#[derive(Debug)]
pub struct Opened {
    /// The page.
    pub page: Arc<Page>,
    /// How long opening it took, also where another caller began it; `None` where
    /// it was open already.
    pub took: Option<Duration>,
}

/// Starts the server on the port that is asked for, else on the usual one, else
/// on any that is free.
async fn serve(port: Option<u16>, assets: Arc<dyn Assets>, content: Arc<dyn Content>) -> Result<Server, ServerError> {
    let options = |port| ServerOptions {
        port,
        assets: Arc::clone(&assets),
        content: Arc::clone(&content),
        link: LinkOptions::default(),
    };
    match Server::start(options(port.unwrap_or(USUAL_PORT))).await {
        Err(ServerError::PortTaken { .. }) if port.is_none() => Server::start(options(0)).await,
        started => started,
    }
}

impl Pool {
    /// Finds the browsers of this machine and starts the loopback server. No
    /// browser is opened.
    ///
    /// # Errors
    /// [`PoolError::Server`] where the server cannot listen.
    pub async fn start(
        options: PoolOptions,
        assets: Arc<dyn Assets>,
        content: Arc<dyn Content>,
    ) -> Result<Self, PoolError> {
        let (discovery, server) = tokio::join!(discover(&options.search), serve(options.port, assets, content));
        let candidates = candidates::of(&options.remotes, &discovery.installations);
        let server = Arc::new(server?);
        let slot = |candidate: &Candidate| Slot::new(Launcher::new(candidate, &options, Arc::clone(&server)));
        let slots = candidates.iter().map(|candidate| (candidate.id.clone(), slot(candidate))).collect();
        Ok(Self { discovery, candidates, slots })
    }

    /// What was found on this machine, usable or not.
    #[must_use]
    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// Every browser that can be opened.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// The error of a kind of browser that cannot be opened here.
    #[must_use]
    pub fn no_browser(&self, kind: BrowserKind) -> PoolError {
        PoolError::NoBrowser { kind, problems: self.discovery.problems.iter().map(ToString::to_string).collect() }
    }

    /// The page of a browser: the open one, or a new one where there is none
    /// or it was lost. Callers that come meanwhile share one opening: they have
    /// the same page, or the same error. An opening ends when nobody waits for it
    /// any more.
    ///
    /// # Errors
    /// [`PoolError`] where the browser does not start or its page does not report
    /// back in time; [`PoolError::Closed`] where [`Pool::close`] came meanwhile.
    pub async fn page(&self, id: &str) -> Result<Opened, PoolError> {
        let Some(slot) = self.slots.get(id) else { return Err(self.no_browser(BrowserKind::Auto)) };
        let (page, took) = slot.page().await?;
        Ok(Opened { page, took })
    }

    /// The page of a browser, if it is open now. Never waits for an opening.
    pub async fn open_page(&self, id: &str) -> Option<Arc<Page>> {
        self.slots.get(id)?.peek()
    }

    /// Closes every browser and ends every opening. The server ends with the pool.
    pub async fn close(&self) {
        futures::future::join_all(self.slots.values().map(Slot::close)).await;
    }
}
