//! Opens one candidate of the pool. When to open it is not known here.

use std::sync::Arc;

use pelago_protocol::InstallationId;

use super::slot::Opener;
use super::{Candidate, Page, PoolError, PoolOptions};
use crate::driver::{LaunchOptions, Target};
use crate::server::Server;

/// What opening a candidate takes.
#[derive(Debug)]
pub(super) struct Launcher {
    id: InstallationId,
    target: Target,
    options: LaunchOptions,
    server: Arc<Server>,
}

impl Launcher {
    pub(super) fn new(candidate: &Candidate, options: &PoolOptions, server: Arc<Server>) -> Self {
        let launch = LaunchOptions {
            profile: Some(options.profiles.join(&*candidate.id)),
            headless: options.headless,
            deadline: options.open_deadline,
            ..LaunchOptions::new(options.reaper.clone())
        };
        Self { id: candidate.id.clone(), target: candidate.target.clone(), options: launch, server }
    }
}

impl Opener for Launcher {
    type Page = Page;

    async fn open(&self) -> Result<Page, PoolError> {
        Page::open(&self.target, &self.options, &self.server).await
    }

    fn closed(&self) -> PoolError {
        PoolError::Closed { id: self.id.clone() }
    }
}
