//! What a running cell tells its front end.

use pelago_protocol::Step;
use pelago_render::Shown;
use tokio::sync::oneshot;

/// Something that a running cell tells, in the order in which it happened.
#[derive(Debug)]
pub enum Event {
    /// Text on stdout. It may end anywhere, also within a line.
    Stdout(String),
    /// Text on stderr.
    Stderr(String),
    /// `display(value)` in the middle of a cell, or `update_display`.
    Display {
        /// What to show.
        shown: Shown,
        /// The name that a later update uses.
        id: Option<String>,
        /// Whether it takes the place of what has the same id.
        update: bool,
    },
    /// `clear_output`.
    Clear {
        /// Whether to wait for the next output before clearing.
        wait: bool,
    },
    /// The value of the last expression, or what a command answers.
    Result(Shown),
    /// A piece of the text that a model makes now. The pieces together are the text of the run that follows.
    Made(String),
    /// The text that a model made is whole.
    MadeAll,
    /// What the session is doing: browsers that open, models that load.
    Progress(Step),
    /// The cell asks the user for a line.
    Input(InputRequest),
}

/// A question of the cell to the user.
#[derive(Debug)]
pub struct InputRequest {
    /// What the user reads.
    pub prompt: String,
    /// Whether the answer is not to be shown.
    pub password: bool,
    /// Takes the line without its end. Dropped: the cell's call fails.
    pub reply: oneshot::Sender<String>,
}
