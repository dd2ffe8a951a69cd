//! Who listens while a run goes on, and how it is told that there is enough.

use pelago_protocol::{Observer, Part};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Where the parts of a run go, and how it is told to stop.
#[derive(Clone, Debug, Default)]
pub struct Streaming {
    /// Takes the parts, in order. None is lost: the page waits while nobody takes them.
    pub parts: Option<mpsc::Sender<Part>>,
    /// Ends the run well, with what it has by then.
    pub stop: CancellationToken,
}

/// Who listens while a run goes on.
#[derive(Clone, Copy, Default)]
pub(crate) struct Listening<'a> {
    /// Is told what goes on.
    pub(crate) observer: Option<&'a Observer>,
    /// Takes parts.
    pub(crate) streaming: Option<&'a Streaming>,
}

impl<'a> From<Option<&'a Observer>> for Listening<'a> {
    fn from(observer: Option<&'a Observer>) -> Self {
        Self { observer, streaming: None }
    }
}
