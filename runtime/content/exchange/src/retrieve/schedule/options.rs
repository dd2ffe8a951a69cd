//! What a caller may ask of a fetch, and hear from it while it runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::BoxStream;
use tokio::sync::Notify;

use super::plan::Limits;
use super::source::Source;
use crate::retrieve::{Bandwidth, Kind};

/// Hints that are kept until the fetch looks at them.
const HINTS_MAX: usize = 256;

/// Who is asked.
#[derive(Default)]
pub struct Sources {
    /// Known from the start.
    pub known: Vec<Source>,
    /// Found while the fetch runs, by delegated routing or on the local network.
    pub found: Option<BoxStream<'static, Source>>,
}

impl From<Vec<Source>> for Sources {
    fn from(known: Vec<Source>) -> Self {
        Self { known, found: None }
    }
}

/// When a CAR is asked for in the place of single blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CarUse {
    /// Where it is cheaper: what is small, or has only one source and nothing is here yet.
    #[default]
    Auto,
    /// Wherever a source can.
    Always,
    /// Never.
    Never,
}

/// How a fetch is done.
#[derive(Clone)]
pub struct Options {
    /// What is accepted of the DAG.
    pub limits: Limits,
    /// The longest time without a verified block.
    pub patience: Duration,
    /// Bytes of blocks under way at a time, from all sources: the memory that a fetch takes.
    pub memory: u64,
    /// The user's limit for what comes in.
    pub bandwidth: Bandwidth,
    /// CAR or blocks.
    pub car: CarUse,
    /// What is wanted first.
    pub hints: Hints,
    /// Called with how far it is, some ten times a second and at the end. It must not block.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl Default for Options {
    /// The default limits, 60 s of patience, 12 MiB of memory (a gigabit over 100 ms), no bandwidth limit.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            patience: Duration::from_secs(60),
            memory: 12 << 20,
            bandwidth: Bandwidth::default(),
            car: CarUse::default(),
            hints: Hints::default(),
            progress: None,
        }
    }
}

/// Tells a running fetch what is wanted first. Clones tell the same fetch.
#[derive(Clone, Debug, Default)]
pub struct Hints(Arc<(Mutex<Vec<String>>, Notify)>);

impl Hints {
    /// Moves the blocks of a file or folder, by its path from the root, to the front.
    pub fn prefer(&self, path: impl Into<String>) {
        let mut paths = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paths.len() < HINTS_MAX {
            paths.push(path.into());
        }
        self.0.1.notify_one();
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn given(&self) {
        self.0.1.notified().await;
    }
}

/// How far a fetch is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Bytes of blocks that are here and verified, those that were here before with them.
    pub done: u64,
    /// Bytes of all blocks: what the DAG says of itself, then what was found; `None` while nothing is known.
    pub total: Option<u64>,
    /// Of `done`, what was here before.
    pub before: u64,
    /// Bytes a second that come in, of late.
    pub rate: f64,
    /// What is left, at this rate.
    pub eta: Option<Duration>,
    /// Each source that gave something or is being asked.
    pub sources: Vec<SourceProgress>,
}

/// What one source does at the moment.
#[derive(Clone, Debug)]
pub struct SourceProgress {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Verified bytes that it gave.
    pub bytes: u64,
    /// Its goodput of late, bytes a second.
    pub rate: f64,
    /// Blocks that it is being asked for.
    pub in_flight: usize,
}
