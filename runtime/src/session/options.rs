//! What a front end decides for a session. Nothing here is read from the
//! environment: front ends pass values in.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use pelago_browser::pool::PoolOptions;
use pelago_protocol::Progress;

use super::Fit;
use crate::network::NetworkOptions;
use crate::results::Place;

/// Where a session keeps things and how it opens browsers.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Folder of model content and names.
    pub store: PathBuf,
    /// Bytes that it may have: what was used least makes room. No bound, if none.
    pub store_quota: Option<NonZeroU64>,
    /// Run results.
    pub results: Place,
    /// Browsers.
    pub browsers: PoolOptions,
    /// Who is asked for models that are not here.
    pub network: NetworkOptions,
}

/// What a session is doing, for whoever watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A browser starts.
    Opening {
        /// The browser's product name.
        product: String,
    },
    /// It did, or it failed and the error follows.
    Opened {
        /// The browser's product name.
        product: String,
    },
    /// The page says how far it is.
    Page {
        /// The browser's product name.
        product: String,
        /// How far.
        progress: Progress,
    },
    /// A model comes over the network.
    Fetching {
        /// What the user called it, or the file at hand.
        model: String,
        /// Bytes that are here and verified.
        loaded: u64,
        /// Bytes in all, once that is known.
        total: Option<u64>,
        /// Sources that give something.
        sources: usize,
    },
    /// The user's crates are built.
    Building {
        /// Cargo's words, e.g. `Compiling serde v1.0.229`.
        what: String,
    },
    /// A precision was chosen, and its memory predicted.
    Chosen(Fit),
    /// A sweep goes on.
    Measuring {
        /// What runs now.
        what: String,
        /// Runs done.
        done: u64,
        /// Runs in all.
        total: u64,
    },
    /// A model's file is added to the store.
    Adding {
        /// Its path in the model's folder.
        file: String,
        /// Bytes done.
        loaded: u64,
        /// Bytes to do.
        total: u64,
    },
}

/// Is called with each step, from any task; it must return at once.
pub type Observer = Arc<dyn Fn(Step) + Send + Sync>;
