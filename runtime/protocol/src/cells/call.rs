//! What a cell asks of the session, and what it answers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::packed::{Attached, Attachment, Attachments, PackedError};
use crate::{Family, Part, Request, Run, SweepRequest, SweepRow, TuneRequest, Tuned};

/// The first frame of every connection from the cells' process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// The value of [`TOKEN_VARIABLE`].
    pub token: String,
    /// What the connection is for.
    pub call: Call,
}

/// What a connection is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// [`Notice`]s to the session and [`Order`]s back, for the process's life.
    Control,
    /// The process's standard streams, for its life.
    Streams {
        /// A named pipe that stdout comes from.
        stdout: String,
        /// A named pipe that stderr comes from.
        stderr: String,
    },
    /// From here on, lines that tell how far the build of the user's crates is.
    Building,
    /// Runs a model.
    Accelerate {
        /// What to run.
        request: Box<Request>,
    },
    /// Earlier runs, the newest first.
    History {
        /// How many at most; `None` for all.
        limit: Option<u64>,
    },
    /// SQL over earlier runs.
    Sql {
        /// The question.
        query: String,
    },
    /// Browsers of this machine.
    Browsers,
    /// Models that have a name.
    Models,
    /// One model; fetched first where it is not here.
    Model {
        /// A name, a CID or a path.
        model: String,
    },
    /// Runs a model that makes text. The text is shown as it is made, unless its parts are answered.
    Generate {
        /// What to run.
        request: Box<Request>,
        /// Whether a reply comes for each part, before that for the run.
        parts: bool,
    },
    /// Measures a model.
    Bench {
        /// What to measure.
        request: Box<SweepRequest>,
    },
    /// Looks for the fewest bytes that keep within an error.
    Tune {
        /// What to look for.
        request: Box<TuneRequest>,
    },
    /// A line from the user.
    Input {
        /// What the user reads.
        prompt: String,
        /// Whether the answer is hidden.
        password: bool,
    },
}

impl Attached for Opening {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        match &self.call {
            Call::Accelerate { request } | Call::Generate { request, .. } => request.input.detach(attachments),
            Call::Bench { request } => request.input.detach(attachments),
            Call::Tune { request } => request.input.detach(attachments),
            Call::Control
            | Call::Streams { .. }
            | Call::Building
            | Call::History { .. }
            | Call::Sql { .. }
            | Call::Browsers
            | Call::Models
            | Call::Model { .. }
            | Call::Input { .. } => {}
        }
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        match &mut self.call {
            Call::Accelerate { request } | Call::Generate { request, .. } => request.input.attach(attachments),
            Call::Bench { request } => request.input.attach(attachments),
            Call::Tune { request } => request.input.attach(attachments),
            Call::Control
            | Call::Streams { .. }
            | Call::Building
            | Call::History { .. }
            | Call::Sql { .. }
            | Call::Browsers
            | Call::Models
            | Call::Model { .. }
            | Call::Input { .. } => Ok(()),
        }
    }
}

/// The answer to a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// A run.
    Run {
        /// What ran, how long it took and what it gave.
        run: Box<Run>,
        /// Its row, as Arrow IPC.
        frame: Attachment,
    },
    /// A part of the output of a run whose reply follows.
    Part {
        /// The part.
        part: Part,
    },
    /// A DataFrame.
    Frame {
        /// As Arrow IPC.
        frame: Attachment,
    },
    /// A sweep.
    Sweep {
        /// One row a combination.
        rows: Vec<SweepRow>,
        /// The rows as Arrow IPC.
        frame: Attachment,
    },
    /// A recipe that keeps within an error.
    Tuned {
        /// What was found.
        tuned: Tuned,
        /// What each group of layers adds, as Arrow IPC.
        frame: Attachment,
    },
    /// A model that is here.
    Model {
        /// What is known of it.
        model: ModelInfo,
    },
    /// A line from the user.
    Text {
        /// The line, without its end.
        text: String,
    },
    /// It failed.
    Failed {
        /// Why, and what to do.
        failure: Failure,
    },
}

impl Attached for Reply {
    fn detach(&self, attachments: &mut Vec<Bytes>) {
        match self {
            Self::Run { run, frame } => {
                run.detach(attachments);
                frame.detach(attachments);
            }
            Self::Frame { frame } | Self::Sweep { frame, .. } | Self::Tuned { frame, .. } => frame.detach(attachments),
            Self::Part { .. } | Self::Model { .. } | Self::Text { .. } | Self::Failed { .. } => {}
        }
    }

    fn attach(&mut self, attachments: &mut Attachments) -> Result<(), PackedError> {
        match self {
            Self::Run { run, frame } => {
                run.attach(attachments)?;
                frame.attach(attachments)
            }
            Self::Frame { frame } | Self::Sweep { frame, .. } | Self::Tuned { frame, .. } => frame.attach(attachments),
            Self::Part { .. } | Self::Model { .. } | Self::Text { .. } | Self::Failed { .. } => Ok(()),
        }
    }
}

/// A model of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name; its CID where it has none.
    pub name: String,
    /// CID of its folder.
    pub cid: String,
    /// What it does.
    pub family: Family,
    /// Bytes of all its files.
    pub size: u64,
    /// Every file, by path.
    pub files: Vec<ModelFile>,
    /// Bytes that came over the network for this call; 0 where all of it was here.
    pub fetched_bytes: u64,
    /// Seconds that they took.
    pub fetched_seconds: f64,
    /// Who gave them, and how many, the most first.
    pub sources: Vec<(String, u64)>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Its path in the model's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its CID.
    pub cid: String,
}

/// An error of the session as a cell sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs, e.g. `model_unknown`.
    pub code: String,
    /// For people.
    pub message: String,
    /// What to do next; may be empty.
    pub help: String,
}
