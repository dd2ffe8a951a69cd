//! What every engine of replication does, whatever it speaks.

use std::time::Duration;

use futures::future::BoxFuture;
use pelago_dag::Cid;

use super::{Outcome, ReplicaError};

/// What is to be replicated, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The root. Everything below it belongs to it.
    pub root: Cid,
    /// A name for people, which services show.
    pub name: String,
    /// Bytes of all blocks.
    pub size: u64,
    /// Replicas at least; fewer is a fault that [`Replicas::satisfies`] tells.
    pub min: u32,
    /// Replicas that are aimed at.
    pub max: u32,
}

/// How far a replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// It waits its turn.
    Queued,
    /// Its blocks are on their way.
    Pulling,
    /// It is whole.
    Held,
    /// It could not be made.
    Failed,
    /// A state that this version does not know, as the service names it.
    Unknown(String),
}

impl std::fmt::Display for ReplicaState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Pulling => "pulling",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Unknown(word) => word,
        })
    }
}

/// A replica at somebody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Who has it, as the engine names them.
    pub holder: String,
    /// How far it is.
    pub state: ReplicaState,
    /// What the holder says of it, where it failed.
    pub detail: Option<String>,
}

/// The replicas of a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// One for each holder.
    pub replicas: Vec<Replica>,
}

impl Replicas {
    /// Replicas that are whole.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.count(|state| *state == ReplicaState::Held)
    }

    /// Replicas that are whole or will be.
    #[must_use]
    pub fn expected(&self) -> u32 {
        self.count(|state| matches!(state, ReplicaState::Held | ReplicaState::Pulling | ReplicaState::Queued))
    }

    /// Whether there are, or soon will be, as many as were ordered at least.
    #[must_use]
    pub fn satisfies(&self, order: &Order) -> bool {
        self.expected() >= order.min
    }

    fn count(&self, which: impl Fn(&ReplicaState) -> bool) -> u32 {
        self.replicas.iter().filter(|replica| which(&replica.state)).count().try_into().unwrap_or(u32::MAX)
    }
}

/// Whoever can be told to hold content. All of it can be said again without harm.
pub trait ReplicaEngine: Send + Sync {
    /// Its name in reports, e.g. `cluster`.
    fn name(&self) -> &'static str;

    /// Has the root held, or changes how often, and tells how far that is. Does not wait for the blocks,
    /// except where the engine says so.
    fn replicate<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Replicas, ReplicaError>>;

    /// The replicas of a root; none where the engine does not know it.
    fn status<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<Replicas, ReplicaError>>;

    /// Lets the root go. It is no error if nobody holds it.
    fn remove<'a>(&'a self, root: &'a Cid) -> BoxFuture<'a, Result<(), ReplicaError>>;

    /// Challenges each holder once for random blocks of the root; see [`super::challenge`]. Engines whose
    /// service answers for its own holders challenge nobody.
    fn challenge<'a>(&'a self, root: &'a Cid, deadline: Duration) -> BoxFuture<'a, Vec<(String, Outcome)>> {
        let _ = (root, deadline);
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Has one holder let go what it no longer has, so that it is placed anew. Where the service places
    /// replicas itself there is nothing to do.
    fn release<'a>(&'a self, root: &'a Cid, holder: &'a str) -> BoxFuture<'a, Result<(), ReplicaError>> {
        let _ = (root, holder);
        Box::pin(std::future::ready(Ok(())))
    }
}
