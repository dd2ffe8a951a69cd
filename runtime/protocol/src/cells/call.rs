//! What a cell asks of the session, and what it answers.

use serde::{Deserialize, Serialize};

use crate::{Family, Report, Request, SweepRequest, SweepRow, TensorHeader, TuneRequest, Tuned};

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
    /// Runs a model. Tensors of the input are in the body.
    Accelerate {
        /// What to run.
        request: CellRequest,
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
    /// Measures a model. Tensors of the input are in the body.
    Bench {
        /// What to measure; where tensors are given, its `input` is empty.
        request: Box<SweepRequest>,
        /// Where in the body the tensors are; `None` where the input is text, or the usual one.
        tensors: Option<Vec<TensorHeader>>,
    },
    /// Looks for the fewest bytes that keep within an error. Tensors of the input are in the body.
    Tune {
        /// What to look for; where tensors are given, its `input` is empty.
        request: Box<TuneRequest>,
        /// Where in the body the tensors are; `None` where the input is text, or the usual one.
        tensors: Option<Vec<TensorHeader>>,
    },
    /// A line from the user.
    Input {
        /// What the user reads.
        prompt: String,
        /// Whether the answer is hidden.
        password: bool,
    },
}

/// A [`Request`] in a frame: its tensors lie in the body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellRequest {
    /// The request; where tensors are given, `input` is empty.
    pub request: Request,
    /// Where in the body the tensors are; `None` where the input is text.
    pub tensors: Option<Vec<TensorHeader>>,
}

/// The answer to a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// A run. The body holds its tensors, and from `frame` on its row as Arrow IPC.
    Run {
        /// What ran and how long it took.
        report: Box<Report>,
        /// The tensors; one of the name `embedding` for an embedding.
        tensors: Vec<TensorHeader>,
        /// Whether the model's output is an embedding of shape `[batch, hidden]`.
        is_embedding: bool,
        /// Offset of the row in the body.
        frame: usize,
    },
    /// A DataFrame, as Arrow IPC in the body.
    Frame,
    /// A sweep. The body holds its rows as Arrow IPC.
    Sweep {
        /// One row a combination.
        rows: Vec<SweepRow>,
    },
    /// A recipe that keeps within an error. The body holds what each group of layers adds, as Arrow IPC.
    Tuned {
        /// What was found.
        tuned: Tuned,
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
