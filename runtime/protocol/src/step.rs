//! What a session is doing, for whoever watches. A step may be dropped: the next one says more.

use std::sync::Arc;

use crate::{Platform, Precision, Progress};

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

/// The precision that `auto` took, and why no higher one.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The model's name.
    pub model: String,
    /// The platform that it was chosen for.
    pub platform: Platform,
    /// Bits a weight.
    pub precision: Precision,
    /// Bytes that the model will need: weights, and what it computes at once.
    pub predicted: u64,
    /// Bytes that it may have.
    pub limit: u64,
    /// Higher precisions, with the bytes that each would need.
    pub refused: Vec<(Precision, u64)>,
}
